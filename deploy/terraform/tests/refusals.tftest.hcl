# What must be refused, with a sentence, before anything is asked of AWS. Each run names the variable that says no.

variables {
  environment            = "production"
  domain                 = "example.org"
  image                  = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-production@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  alarm_emails           = ["operations@example.org"]
  monthly_budget_usd     = 900
  github_repository      = "example/coursebundler"
  cloudfront_signing_key = "first"
  cloudfront_public_keys = { first = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----" }
}

run "image_by_tag" {
  command = plan
  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-production:latest"
  }
  expect_failures = [var.image]
}

run "image_with_a_short_digest" {
  command = plan
  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-production@sha256:1234"
  }
  expect_failures = [var.image]
}

run "image_from_elsewhere" {
  command = plan
  variables {
    image = "docker.io/library/python@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }
  expect_failures = [var.image]
}

run "one_task" {
  command = plan
  variables {
    min_tasks = 1
  }
  expect_failures = [var.min_tasks]
}

run "fewest_above_most" {
  command = plan
  variables {
    min_tasks = 6
    max_tasks = 4
  }
  expect_failures = [var.min_tasks]
}

run "fewest_above_most_of_the_files" {
  command = plan
  variables {
    min_tasks = 11
  }
  expect_failures = [var.min_tasks]
}

run "a_fraction_of_a_task" {
  command = plan
  variables {
    max_tasks = 7.5
  }
  expect_failures = [var.max_tasks]
}

run "cpu_that_fargate_lacks" {
  command = plan
  variables {
    task_cpu = 300
  }
  expect_failures = [var.task_cpu, var.task_memory]
}

run "memory_that_does_not_go_with_cpu" {
  command = plan
  variables {
    task_cpu    = 256
    task_memory = 4096
  }
  expect_failures = [var.task_memory]
}

run "network_that_is_no_network" {
  command = plan
  variables {
    cidr = "10.0.0.0"
  }
  expect_failures = [var.cidr]
}

run "network_with_public_addresses" {
  command = plan
  variables {
    cidr = "54.0.0.0/16"
  }
  expect_failures = [var.cidr]
}

run "network_too_small" {
  command = plan
  variables {
    cidr = "10.0.0.0/24"
  }
  expect_failures = [var.cidr]
}

run "network_that_does_not_begin_at_its_beginning" {
  command = plan
  variables {
    cidr = "10.0.3.0/16"
  }
  expect_failures = [var.cidr]
}

run "same_network_twice" {
  command = plan
  variables {
    standby_cidr = "10.0.0.0/16"
  }
  expect_failures = [var.standby_cidr]
}

run "two_zones" {
  command = plan
  variables {
    availability_zones = ["us-east-1a", "us-east-1b"]
  }
  expect_failures = [var.availability_zones]
}

run "same_zone_twice" {
  command = plan
  variables {
    availability_zones = ["us-east-1a", "us-east-1b", "us-east-1b"]
  }
  expect_failures = [var.availability_zones]
}

run "burstable_database_in_a_global_cluster" {
  command = plan
  variables {
    standby                 = "warm"
    database_dr             = "global-cluster"
    database_instance_class = "db.t4g.medium"
  }
  expect_failures = [var.database_dr]
}

run "global_cluster_without_a_standby" {
  command = plan
  variables {
    standby                 = "none"
    database_dr             = "global-cluster"
    database_instance_class = "db.r6g.large"
  }
  expect_failures = [var.database_dr]
}

run "automatic_fail_over_to_yesterday" {
  command = plan
  variables {
    standby     = "warm"
    database_dr = "backup-copy"
    failover    = "automatic"
  }
  expect_failures = [var.failover]
}

run "unknown_standby" {
  command = plan
  variables {
    standby = "hot"
  }
  expect_failures = [var.standby]
}

run "production_with_one_database_instance" {
  command = plan
  variables {
    database_instances = 1
  }
  expect_failures = [var.database_instances]
}

run "five_days_of_backups" {
  command = plan
  variables {
    database_backup_days = 5
  }
  expect_failures = [var.database_backup_days]
}

run "serverless_without_a_capacity" {
  command = plan
  variables {
    database_instance_class = "db.serverless"
  }
  expect_failures = [var.database_serverless_capacity]
}

run "class_of_another_database" {
  command = plan
  variables {
    database_instance_class = "db.m5.large"
  }
  expect_failures = [var.database_instance_class]
}

run "level_of_another_version" {
  command = plan
  variables {
    database_engine_version = "5.0.0"
    database_engine_level   = "8.0.2"
  }
  expect_failures = [var.database_engine_level]
}

run "secret_among_the_settings" {
  command = plan
  variables {
    settings = { RAZORPAY_KEY_SECRET = "x" }
  }
  expect_failures = [var.settings]
}

run "debug_in_production" {
  command = plan
  variables {
    settings = { DEBUG = "true" }
  }
  expect_failures = [var.settings]
}

run "no_key_for_media" {
  command = plan
  variables {
    cloudfront_public_keys = {}
  }
  expect_failures = [var.cloudfront_public_keys, var.cloudfront_signing_key]
}

run "private_key_for_media" {
  command = plan
  variables {
    cloudfront_public_keys = { first = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----" }
  }
  expect_failures = [var.cloudfront_public_keys]
}

run "domain_outside_the_certificate" {
  command = plan
  variables {
    site_domain = "a.b.example.org"
  }
  expect_failures = [var.site_domain]
}

run "domain_of_somebody_else" {
  command = plan
  variables {
    media_domain = "media.example.com"
  }
  expect_failures = [var.media_domain]
}

run "logs_for_a_month" {
  command = plan
  variables {
    log_retention_days = 30
  }
  expect_failures = [var.log_retention_days]
}

run "production_unprotected" {
  command = plan
  variables {
    protect = false
  }
  expect_failures = [var.protect]
}

run "nobody_is_told" {
  command = plan
  variables {
    alarm_emails = []
  }
  expect_failures = [var.alarm_emails]
}

run "any_repository_may_deploy" {
  command = plan
  variables {
    github_repository = "example/*"
  }
  expect_failures = [var.github_repository]
}
