# The whole as production has it, and what each switch changes. What a plan cannot know yet (policies, task definitions,
# who may reach whom) is checked in the state by make check-deploy.

variables {
  environment            = "production"
  domain                 = "example.org"
  image                  = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-production@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  alarm_emails           = ["operations@example.org", "owner@example.org"]
  monthly_budget_usd     = 900
  github_repository      = "example/coursebundler"
  cloudfront_signing_key = "first"
  cloudfront_public_keys = { first = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----" }
  settings               = { CONTACT_EMAIL = "contact@example.org" }
}

run "without_a_standby" {
  command = plan

  assert {
    condition     = length(module.standby) == 0 && length(aws_docdb_global_cluster.main) == 0 && length(aws_route53_record.origin_standby) == 0 && keys(output.regions) == ["us-east-1"]
    error_message = "Without a standby nothing serves or waits in us-west-2."
  }
  assert {
    condition     = toset(keys(aws_kms_key.main)) == toset(["us-east-1", "us-west-2"]) && toset(keys(aws_ecr_repository.app)) == toset(["us-east-1", "us-west-2"]) && toset(keys(aws_backup_vault.main)) == toset(["us-east-1", "us-west-2"])
    error_message = "Copies of data, images and backups go to us-west-2 all the same."
  }
  assert {
    condition     = alltrue([for key in aws_kms_key.main : key.enable_key_rotation])
    error_message = "Keys are rotated."
  }

  # --- Registry ---
  assert {
    condition     = alltrue([for repository in aws_ecr_repository.app : repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push && repository.encryption_configuration[0].encryption_type == "KMS"])
    error_message = "Images are scanned, encrypted and never overwritten."
  }
  assert {
    condition     = alltrue([for scanning in aws_ecr_registry_scanning_configuration.enhanced : scanning.scan_type == "ENHANCED"]) && aws_ecr_replication_configuration.standby[0].replication_configuration[0].rule[0].destination[0].region == "us-west-2"
    error_message = "Scanning goes on after the push, and images are replicated."
  }

  # --- Buckets ---
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.main : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets]) && length(aws_s3_bucket_public_access_block.main) == length(aws_s3_bucket.main)
    error_message = "No bucket can be opened to the public."
  }
  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.main : versioning.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_versioning.main) == length(aws_s3_bucket.main)
    error_message = "Every bucket keeps versions."
  }
  assert {
    condition     = toset(keys(aws_s3_bucket_replication_configuration.main)) == toset(["backups", "media", "media-standby", "static"])
    error_message = "Media go both ways, static files and dumps to us-west-2."
  }
  assert {
    condition     = alltrue([for replication in aws_s3_bucket_replication_configuration.main : alltrue([for rule in replication.rule : rule.destination[0].replication_time[0].time[0].minutes == 15 && rule.delete_marker_replication[0].status == "Enabled"])])
    error_message = "Copies are there within fifteen minutes, deletions too."
  }
  assert {
    condition     = [for rule in aws_s3_bucket_replication_configuration.main["media"].rule : rule.filter[0].prefix] == ["public/", "private/"]
    error_message = "What nobody has saved (incoming/) is not copied."
  }
  assert {
    condition     = one([for rule in aws_s3_bucket_lifecycle_configuration.main["media"].rule : rule.expiration[0].days if rule.id == "abandoned-uploads"]) == 2
    error_message = "Abandoned uploads go after two days."
  }
  assert {
    condition     = aws_s3_bucket_accelerate_configuration.media["media"].status == "Enabled" && one(aws_s3_bucket_cors_configuration.media["media"].cors_rule).allowed_origins == toset(["https://courses.example.org"])
    error_message = "Browsers upload straight to the bucket, from our pages only."
  }

  # --- CloudFront ---
  assert {
    condition     = contains(aws_cloudfront_distribution.site.default_cache_behavior[0].allowed_methods, "POST") && aws_cloudfront_distribution.site.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https"
    error_message = "The site takes forms, over TLS."
  }
  assert {
    condition     = aws_cloudfront_cache_policy.pages.default_ttl == 0 && aws_cloudfront_cache_policy.pages.min_ttl == 0 && contains(aws_cloudfront_cache_policy.pages.parameters_in_cache_key_and_forwarded_to_origin[0].headers_config[0].headers[0].items, "Authorization") && aws_cloudfront_cache_policy.pages.parameters_in_cache_key_and_forwarded_to_origin[0].cookies_config[0].cookie_behavior == "all"
    error_message = "No page is kept unless it says so, and nobody's page is shown to somebody else."
  }
  assert {
    condition     = { for group in aws_cloudfront_distribution.site.origin_group : group.origin_id => [for member in group.member : member.origin_id] } == { static-files = ["static", "static-standby"] }
    error_message = "Static files come from us-west-2 when us-east-1 does not give them."
  }
  assert {
    condition     = { for group in aws_cloudfront_distribution.media.origin_group : group.origin_id => [for member in group.member : member.origin_id] } == { media-files = ["media", "media-standby"] }
    error_message = "So do media."
  }
  assert {
    condition     = alltrue([for behaviour in aws_cloudfront_distribution.media.ordered_cache_behavior : behaviour.path_pattern == "/public/*" if behaviour.trusted_key_groups == null]) && length([for behaviour in aws_cloudfront_distribution.media.ordered_cache_behavior : behaviour if behaviour.path_pattern == "/public/*"]) == 1
    error_message = "Only /public/* is open."
  }
  assert {
    condition     = aws_cloudfront_origin_access_control.s3.signing_behavior == "always" && aws_cloudfront_origin_access_control.s3.origin_access_control_origin_type == "s3"
    error_message = "Whatever CloudFront asks of a bucket is signed."
  }
  assert {
    condition     = [for header in one([for origin in aws_cloudfront_distribution.site.origin : origin if origin.origin_id == "load-balancer"]).custom_header : header.name] == ["X-Origin-Verify"]
    error_message = "CloudFront says to the load balancer who it is."
  }
  assert {
    condition     = { for rule in aws_wafv2_web_acl.site.rule : rule.name => rule.priority }["webhooks"] < { for rule in aws_wafv2_web_acl.site.rule : rule.name => rule.priority }["rate"]
    error_message = "Razorpay's webhooks do not count among visitors."
  }
  assert {
    condition     = toset(keys(aws_wafv2_web_acl_logging_configuration.firewall)) == toset(["site", "media"])
    error_message = "Both firewalls say what they turned away."
  }

  # --- Names and health ---
  assert {
    condition     = aws_route53_health_check.region["us-east-1"].request_interval == 10 && aws_route53_health_check.region["us-east-1"].failure_threshold == 3 && aws_route53_health_check.region["us-east-1"].fqdn == "origin-us-east-1.example.org"
    error_message = "A region is lost after thirty seconds, asked by its own name."
  }
  assert {
    condition     = one(aws_route53_record.origin_primary.failover_routing_policy).type == "PRIMARY" && aws_route53_record.origin_primary.name == "origin.example.org"
    error_message = "The fail-over is on the origin's name, behind CloudFront."
  }
  assert {
    condition     = length(aws_route53_hosted_zone_dnssec.main) == 1 && length(aws_route53_query_log.main) == 1
    error_message = "The zone is signed and its queries are logged."
  }

  # --- Backups, money, people ---
  assert {
    condition     = one(one(aws_backup_plan.nightly["us-east-1"].rule).lifecycle).delete_after == 35 && one(one(one(aws_backup_plan.nightly["us-east-1"].rule).copy_action).lifecycle).delete_after == 35 && length(aws_backup_vault_lock_configuration.main) == 2
    error_message = "Backups are kept for five weeks here and there, under lock."
  }
  assert {
    condition     = toset(keys(aws_secretsmanager_secret.main)) == toset(["application", "database", "origin"]) && alltrue([for secret in aws_secretsmanager_secret.main : one(secret.replica).region == "us-west-2"])
    error_message = "Three secrets, each with its replica."
  }
  assert {
    condition     = length(aws_sns_topic_subscription.email) == 4
    error_message = "Two people are told of alarms from two regions."
  }
  assert {
    condition     = local.failover == "manual"
    error_message = "With backup copies a person turns the traffic."
  }
  assert {
    condition     = data.aws_iam_policy_document.workflow_trust["deploy"].statement[0].condition != null && local.workflow_subjects.deploy == ["repo:example/coursebundler:environment:production"]
    error_message = "Only runs in the environment production of our repository deploy."
  }
}

run "pilot_light" {
  command = plan
  variables {
    standby = "pilot-light"
  }

  assert {
    condition     = keys(output.regions) == ["us-east-1", "us-west-2"] && one(aws_route53_record.origin_standby[0].failover_routing_policy).type == "SECONDARY" && one(aws_route53_record.origin_standby[0].alias).evaluate_target_health
    error_message = "The standby is turned to when it can serve, and not before."
  }
  assert {
    condition     = output.regions["us-west-2"].database_endpoint == "no-database-yet.invalid"
    error_message = "A pilot light has no database until a snapshot is named."
  }
}

run "warm_with_a_global_cluster" {
  command = plan
  variables {
    standby                 = "warm"
    database_dr             = "global-cluster"
    database_instance_class = "db.r6g.large"
    single_nat              = true
  }

  assert {
    condition     = length(aws_docdb_global_cluster.main) == 1 && length(aws_secretsmanager_secret.database_master) == 1
    error_message = "A global cluster, whose master password DocumentDB does not manage."
  }
  assert {
    condition     = local.failover == "automatic" && aws_route53_health_check.primary.child_health_threshold == 2
    error_message = "With a second's worth of data at stake the health check turns the traffic."
  }
}
