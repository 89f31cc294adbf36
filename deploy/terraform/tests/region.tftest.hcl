# One region by itself: what runs in it, and when; and what only the region's module refuses.

variables {
  name                   = "coursebundler"
  environment            = "production"
  availability_zones     = ["us-east-1a", "us-east-1b", "us-east-1c"]
  image                  = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-production@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  site_domain            = "courses.example.org"
  origin_domain          = "origin.example.org"
  media_cdn_url          = "https://media.example.org"
  cloudfront_key_id      = "K1111111111111"
  certificate_arn        = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-1111-1111-1111-111111111111"
  kms_key_arn            = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
  alarm_topic_arn        = "arn:aws:sns:us-east-1:123456789012:alarms"
  origin_secret_arn      = "arn:aws:secretsmanager:us-east-1:123456789012:secret:coursebundler/production/origin-AbCdEf"
  application_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:coursebundler/production/application-AbCdEf"
  database_secret_arn    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:coursebundler/production/database-AbCdEf"
  media_bucket_name      = "coursebundler-production-media-123456789012"
  media_bucket_arn       = "arn:aws:s3:::coursebundler-production-media-123456789012"
  backup_bucket_name     = "coursebundler-production-backups-123456789012"
  backup_bucket_arn      = "arn:aws:s3:::coursebundler-production-backups-123456789012"
  settings               = { DEFAULT_FROM_EMAIL = "School <hello@example.org>", CONTACT_EMAIL = "hello@example.org" }
}

run "active" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    launches = [{ name = "new-year", start = "2027-01-01T06:00:00Z", end = "2027-01-01T10:00:00Z", tasks = 8, services = ["frontend"] }]
  }

  assert {
    condition     = { for role, service in aws_ecs_service.all : role => service.desired_count } == { backend = 2, frontend = 2, worker = 1 }
    error_message = "Two tasks of each web service and one worker begin."
  }
  assert {
    condition     = [for role in ["frontend", "backend"] : [aws_appautoscaling_target.service[role].min_capacity, aws_appautoscaling_target.service[role].max_capacity]] == [[2, 10], [2, 10]]
    error_message = "Web services have 2 to 10 tasks."
  }
  assert {
    condition     = toset([for schedule in aws_scheduler_schedule.command : schedule.state]) == toset(["ENABLED"])
    error_message = "Scheduled commands run."
  }
  assert {
    condition     = { for key, action in aws_appautoscaling_scheduled_action.launch : key => "${action.schedule} ${action.scalable_target_action[0].min_capacity}" } == { new-year-frontend-begin = "at(2027-01-01T06:00:00) 8", new-year-frontend-end = "at(2027-01-01T10:00:00) 2" }
    error_message = "A launch raises the least for its time, of its services only, and puts it back."
  }
  assert {
    condition     = length(aws_nat_gateway.main) == 3 && length(aws_subnet.public) + length(aws_subnet.private) + length(aws_subnet.database) == 9
    error_message = "Three zones, each with three subnets and a NAT gateway."
  }
  assert {
    condition     = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { us-east-1a = "10.0.0.0/20", us-east-1b = "10.0.16.0/20", us-east-1c = "10.0.32.0/20" }
    error_message = "Private subnets stay where they are: a change would replace every task's network."
  }
  assert {
    condition     = alltrue([for policy in aws_appautoscaling_policy.tracking : policy.target_tracking_scaling_policy_configuration[0].disable_scale_in])
    error_message = "Only cpu-in removes tasks (deploy/ecs/README.md)."
  }
}

run "warm" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    mode                = "warm"
    single_nat          = true
    interface_endpoints = false
  }

  assert {
    condition     = { for role, service in aws_ecs_service.all : role => service.desired_count } == { backend = 1, frontend = 1, worker = 0 }
    error_message = "One task of each web service, and no worker: it would settle from an old copy of the database."
  }
  assert {
    condition     = aws_appautoscaling_target.service["worker"].max_capacity == 0
    error_message = "A worker that ran here stops when the region serves no longer."
  }
  assert {
    condition     = toset([for schedule in aws_scheduler_schedule.command : schedule.state]) == toset(["DISABLED"])
    error_message = "Scheduled commands run in the active region only."
  }
  assert {
    condition     = length(aws_nat_gateway.main) == 1 && length(aws_vpc_endpoint.interface) == 0 && length(aws_route.private_nat) == 3
    error_message = "One NAT gateway for all three zones, and no interface endpoint."
  }
}

run "serving" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    mode                  = "serving"
    database_snapshot_arn = "arn:aws:rds:us-west-2:123456789012:cluster-snapshot:x"
  }

  assert {
    condition     = { for role, target in aws_appautoscaling_target.service : role => [target.min_capacity, target.max_capacity] } == { backend = [2, 10], frontend = [2, 10], worker = [1, 4] }
    error_message = "A standby that serves has as many tasks as the primary has otherwise."
  }
  assert {
    condition     = toset([for schedule in aws_scheduler_schedule.command : schedule.state]) == toset(["ENABLED"])
    error_message = "It runs the scheduled commands."
  }
  assert {
    condition     = length(aws_docdb_cluster_instance.main) == 3 && aws_docdb_cluster.main[0].deletion_protection
    error_message = "Its database has as many instances, and is protected: it holds orders."
  }
  assert {
    condition     = length(aws_cloudwatch_composite_alarm.site_down) == 1 && contains(keys(aws_cloudwatch_metric_alarm.main), "queue-age") && alltrue([for alarm in aws_cloudwatch_metric_alarm.main : length(alarm.alarm_actions) == 1])
    error_message = "It is watched like the primary."
  }
}

run "resting" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    mode = "resting"
  }

  assert {
    condition     = { for role, target in aws_appautoscaling_target.service : role => [target.min_capacity, target.max_capacity] } == { backend = [2, 10], frontend = [2, 10], worker = [0, 0] }
    error_message = "While the standby serves no worker may run here, nor be started by scaling."
  }
  assert {
    condition     = toset([for schedule in aws_scheduler_schedule.command : schedule.state]) == toset(["DISABLED"])
    error_message = "While the standby serves no scheduled command runs here."
  }
  assert {
    condition     = length(aws_docdb_cluster_instance.main) == 3 && !contains(keys(aws_cloudwatch_metric_alarm.main), "worker-silent")
    error_message = "The database stays whole for the way back; nobody waits for the worker."
  }
}

run "pilot_light" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    mode = "pilot-light"
  }

  assert {
    condition     = sum([for service in aws_ecs_service.all : service.desired_count]) + sum([for target in aws_appautoscaling_target.service : target.min_capacity]) == 0
    error_message = "No task runs, and nothing starts one."
  }
  assert {
    condition     = aws_appautoscaling_target.service["frontend"].max_capacity == 10
    error_message = "The most stays, so that a fail-over has only the least to change."
  }
}

run "refused" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    mode              = "hot"
    media_bucket_name = "a.bucket.with.dots"
    origin_domain     = "courses.example.org"
    settings          = { DEFAULT_FROM_EMAIL = "School <hello@example.org>", CONTACT_EMAIL = "hello@example.org", SITE_URL = "https://elsewhere.example.org" }
    spot_weight       = -1
  }

  expect_failures = [var.mode, var.media_bucket_name, var.origin_domain, var.settings, var.spot_weight]
}

run "launch_backwards" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    launches = [{ name = "backwards", start = "2027-01-02T00:00:00Z", end = "2027-01-01T00:00:00Z", tasks = 4 }]
  }

  expect_failures = [var.launches]
}

run "launch_of_more_than_the_most" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    launches = [{ name = "too-large", start = "2027-01-01T00:00:00Z", end = "2027-01-02T00:00:00Z", tasks = 40 }]
  }

  expect_failures = [var.launches]
}

run "refused_as_well" {
  command = plan
  module {
    source = "./region"
  }
  variables {
    settings  = { CONTACT_EMAIL = "hello@example.org" }
    min_tasks = 4
    max_tasks = 3
  }

  expect_failures = [var.settings, var.max_tasks]
}

run "star_that_lets_everybody_in" {
  command = plan
  module {
    source = "./region"
  }
  override_data {
    target = data.aws_secretsmanager_secret_version.origin
    values = { secret_string = "{\"value\": \"0123456789abcdef0123456789abcdef\", \"previous\": \"0123456789abcdef*0123456789abcdef\"}" }
  }

  expect_failures = [data.aws_secretsmanager_secret_version.origin]
}

run "no_value_for_the_origin" {
  command = plan
  module {
    source = "./region"
  }
  override_data {
    target = data.aws_secretsmanager_secret_version.origin
    values = { secret_string = "{\"value\": \"\", \"previous\": \"\"}" }
  }

  expect_failures = [data.aws_secretsmanager_secret_version.origin]
}
