# What watches the account itself. Each exists once in an account, so one environment owns it (account_services); an
# organisation that has them already leaves them out there.

locals {
  trail_name = "${local.prefix}-trail"
  trail_arn  = "arn:aws:cloudtrail:${local.primary_region}:${local.account_id}:trail/${local.trail_name}"

  has_trail    = contains(var.account_services, "cloudtrail")
  has_config   = contains(var.account_services, "config")
  guarded      = contains(var.account_services, "guardduty") ? local.regions : toset([])
  configured   = local.has_config ? local.regions : toset([])
  hub_regions  = contains(var.account_services, "securityhub") ? local.regions : toset([])
  analysed     = contains(var.account_services, "access-analyzer") ? local.regions : toset([])
  log_bucket   = { (local.primary_region) = "logs", (local.standby_region) = "logs-standby" }
  guarded_with = { for pair in setproduct(local.guarded, ["S3_DATA_EVENTS", "RUNTIME_MONITORING"]) : join(" ", pair) => { region = pair[0], feature = pair[1] } }
}

# --- Who did what, in every region ---

resource "aws_cloudtrail" "main" {
  count = local.has_trail ? 1 : 0

  name                          = local.trail_name
  s3_bucket_name                = aws_s3_bucket.main["logs"].bucket
  s3_key_prefix                 = "trail"
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true
  kms_key_id                    = aws_kms_key.main[local.primary_region].arn
  cloud_watch_logs_group_arn    = "${aws_cloudwatch_log_group.trail[0].arn}:*"
  cloud_watch_logs_role_arn     = aws_iam_role.trail[0].arn

  # Everything that changes or reads the account, and who reads dumps. Not every read of a video: CloudFront's log has it.
  advanced_event_selector {
    name = "management"
    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }
  advanced_event_selector {
    name = "dumps"
    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }
    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }
    field_selector {
      field       = "resources.ARN"
      starts_with = ["${aws_s3_bucket.main["backups"].arn}/", "${aws_s3_bucket.main["backups-standby"].arn}/"]
    }
  }

  depends_on = [aws_s3_bucket_policy.main]
}

resource "aws_cloudwatch_log_group" "trail" {
  count = local.has_trail ? 1 : 0

  name              = "/aws/cloudtrail/${local.prefix}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main[local.primary_region].arn
}

resource "aws_iam_role" "trail" {
  count = local.has_trail ? 1 : 0

  name               = local.trail_name
  description        = "CloudTrail writes its log group"
  assume_role_policy = data.aws_iam_policy_document.trail_trust.json
}

data "aws_iam_policy_document" "trail_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }
}

resource "aws_iam_role_policy" "trail" {
  count = local.has_trail ? 1 : 0

  name   = "write"
  role   = aws_iam_role.trail[0].id
  policy = data.aws_iam_policy_document.trail.json
}

data "aws_iam_policy_document" "trail" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:${local.primary_region}:${local.account_id}:log-group:/aws/cloudtrail/${local.prefix}:*"]
  }
}

# --- Who behaves strangely, inside tasks too ---

resource "aws_guardduty_detector" "main" {
  for_each = local.guarded
  region   = each.value

  enable                       = true
  finding_publishing_frequency = "FIFTEEN_MINUTES"
}

resource "aws_guardduty_detector_feature" "main" {
  for_each = local.guarded_with
  region   = each.value.region

  detector_id = aws_guardduty_detector.main[each.value.region].id
  name        = each.value.feature
  status      = "ENABLED"

  # GuardDuty puts its agent beside every Fargate task by itself.
  dynamic "additional_configuration" {
    for_each = each.value.feature == "RUNTIME_MONITORING" ? ["ECS_FARGATE_AGENT_MANAGEMENT"] : []
    content {
      name   = additional_configuration.value
      status = "ENABLED"
    }
  }
}

resource "aws_cloudwatch_event_rule" "finding" {
  for_each = local.guarded
  region   = each.value

  name        = "${local.prefix}-${each.value}-finding"
  description = "GuardDuty found something of medium or high severity. deploy/README.md#alarm-finding"
  event_pattern = jsonencode({
    source      = ["aws.guardduty"]
    detail-type = ["GuardDuty Finding"]
    detail      = { severity = [{ numeric = [">=", 4] }] }
  })
}

resource "aws_cloudwatch_event_target" "finding" {
  for_each = local.guarded
  region   = each.value

  rule = aws_cloudwatch_event_rule.finding[each.value].name
  arn  = aws_sns_topic.alarms[each.value].arn
}

# --- What was set up how, and when it changed ---

resource "aws_config_configuration_recorder" "main" {
  for_each = local.configured
  region   = each.value

  name     = local.prefix
  role_arn = "arn:aws:iam::${local.account_id}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"

  recording_group {
    all_supported                 = true
    include_global_resource_types = each.value == local.primary_region
  }

  depends_on = [aws_iam_service_linked_role.config]
}

resource "aws_iam_service_linked_role" "config" {
  count = local.has_config ? 1 : 0

  aws_service_name = "config.amazonaws.com"
}

resource "aws_config_delivery_channel" "main" {
  for_each = local.configured
  region   = each.value

  name           = local.prefix
  s3_bucket_name = aws_s3_bucket.main[local.log_bucket[each.value]].bucket
  s3_key_prefix  = "config"

  depends_on = [aws_config_configuration_recorder.main, aws_s3_bucket_policy.main]
}

resource "aws_config_configuration_recorder_status" "main" {
  for_each = local.configured
  region   = each.value

  name       = aws_config_configuration_recorder.main[each.value].name
  is_enabled = true

  depends_on = [aws_config_delivery_channel.main]
}

# --- What should be otherwise, by AWS's own list (its default standards) ---

resource "aws_securityhub_account" "main" {
  for_each = local.hub_regions
  region   = each.value

  enable_default_standards  = true
  control_finding_generator = "SECURITY_CONTROL"

  depends_on = [aws_config_configuration_recorder_status.main]
}

# --- What somebody outside may reach ---

resource "aws_accessanalyzer_analyzer" "main" {
  for_each = local.analysed
  region   = each.value

  analyzer_name = local.prefix
  type          = "ACCOUNT"
}
