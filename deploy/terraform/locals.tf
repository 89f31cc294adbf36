data "aws_caller_identity" "current" {}

locals {
  # Not variables: CloudFront takes its certificate, web ACL and log delivery from us-east-1 only, and the replicas,
  # copies and certificates of the standby are where the design puts them.
  primary_region = "us-east-1"
  standby_region = "us-west-2"
  regions        = toset([local.primary_region, local.standby_region])

  account_id = data.aws_caller_identity.current.account_id
  prefix     = "${var.name}-${var.environment}"

  tags = {
    Application = var.name
    Environment = var.environment
    ManagedBy   = "terraform"
  }

  site_domain   = coalesce(var.site_domain, "courses.${var.domain}")
  media_domain  = coalesce(var.media_domain, "media.${var.domain}")
  origin_domain = coalesce(var.origin_domain, "origin.${var.domain}")

  standby_enabled = var.standby != "none"
  # Decides in one place where worker and schedules run, so that no value of a variable has them run twice.
  standby_serves = var.standby == "serving"
  serving_region = local.standby_serves ? local.standby_region : local.primary_region
  global_cluster = local.standby_enabled && var.database_dr == "global-cluster"

  # Copies of a backup are hours old. Serving them is a person's decision, see failover in variables.tf.
  failover = coalesce(var.failover, var.database_dr == "global-cluster" ? "automatic" : "manual")

  # min_tasks and max_tasks are compared with these where only one of them is set.
  scaling_target = jsondecode(file("${path.module}/../ecs/scaling/backend.json")).target
}
