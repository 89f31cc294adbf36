# Every log group is made here, because whoever makes one on its own keeps it for ever and without our key.

resource "aws_cloudwatch_log_group" "tasks" {
  for_each = local.task_log_names

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_group" "database" {
  for_each = local.has_database ? toset(["audit", "profiler"]) : toset([])

  name              = "/aws/docdb/${local.database_name}/${each.value}" # DocumentDB's choice of name.
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# Container Insights writes here what it has measured, a few megabytes a day.
resource "aws_cloudwatch_log_group" "container_insights" {
  name              = "/aws/ecs/containerinsights/${local.prefix}/performance"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# --- Lines that people must see (the fields are those of coursebundler/logs.py) ---

locals {
  log_metrics_namespace = "${local.prefix}/Logs"
  logged_by_code        = toset(["frontend", "backend", "worker", "scheduled"])
}

# An `error` line is the site's way to say that a person must act (docs/operations.md).
resource "aws_cloudwatch_log_metric_filter" "errors" {
  for_each = local.logged_by_code

  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.tasks[each.value].name
  pattern        = "{ ($.level = \"error\") || ($.level = \"critical\") }"

  metric_transformation {
    namespace = local.log_metrics_namespace
    name      = "ErrorLines"
    value     = "1"
    unit      = "Count"
  }
}

# Razorpay refuses or does not answer: the site's own words, wherever they are written.
resource "aws_cloudwatch_log_metric_filter" "gateway" {
  for_each = local.logged_by_code

  name           = "gateway"
  log_group_name = aws_cloudwatch_log_group.tasks[each.value].name
  pattern        = "{ ($.message = \"The gateway does not answer*\") || ($.message = \"*cannot be opened at the gateway*\") || ($.message = \"*is not confirmed yet*\") || ($.message = \"*are not confirmed yet*\") }"

  metric_transformation {
    namespace = local.log_metrics_namespace
    name      = "GatewayErrors"
    value     = "1"
    unit      = "Count"
  }
}
