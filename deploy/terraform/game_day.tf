# Trying out what should not matter (AWS Fault Injection Service), at an hour chosen by people. Both end by themselves
# when the site goes down: that is what the stop condition is for.

locals {
  game_days = var.game_day ? {
    stop-tasks = {
      text       = "Stops half of the running tasks: the services should be whole again within two minutes, and nobody notice."
      action     = "aws:ecs:stop-task"
      target     = { key = "Tasks", type = "aws:ecs:task", mode = "PERCENT(50)", tags = { Application = var.name, Environment = var.environment }, parameters = {} }
      parameters = {}
    }
    cut-off-zone = {
      text       = "Cuts the subnets of one zone off for ten minutes: the other two carry the site, the database fails over if it wrote there."
      action     = "aws:network:disrupt-connectivity"
      target     = { key = "Subnets", type = "aws:ec2:subnet", mode = "ALL", tags = { Application = var.name, Environment = var.environment }, parameters = { availabilityZoneIdentifier = var.availability_zones[0] } }
      parameters = { duration = "PT10M", scope = "all" }
    }
  } : {}
}

resource "aws_fis_experiment_template" "main" {
  for_each = local.game_days

  description = each.value.text
  role_arn    = aws_iam_role.game_day[0].arn

  stop_condition {
    source = "aws:cloudwatch:alarm"
    value  = module.primary.site_down_alarm_arn
  }

  action {
    name      = each.key
    action_id = each.value.action

    dynamic "parameter" {
      for_each = each.value.parameters
      content {
        key   = parameter.key
        value = parameter.value
      }
    }

    target {
      key   = each.value.target.key
      value = "chosen"
    }
  }

  target {
    name           = "chosen"
    resource_type  = each.value.target.type
    selection_mode = each.value.target.mode
    parameters     = each.value.target.parameters

    dynamic "resource_tag" {
      for_each = each.value.target.tags
      content {
        key   = resource_tag.key
        value = resource_tag.value
      }
    }
  }

  log_configuration {
    log_schema_version = 2
    cloudwatch_logs_configuration {
      log_group_arn = "${aws_cloudwatch_log_group.game_day[0].arn}:*"
    }
  }

  tags = { Name = "${local.prefix}-${each.key}" }
}

resource "aws_cloudwatch_log_group" "game_day" {
  count = var.game_day ? 1 : 0

  name              = "/aws/fis/${local.prefix}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main[local.primary_region].arn
}

resource "aws_iam_role" "game_day" {
  count = var.game_day ? 1 : 0

  name               = "${local.prefix}-game-day"
  description        = "Fault Injection Service stops tasks and cuts off subnets of this environment"
  assume_role_policy = data.aws_iam_policy_document.game_day_trust.json
}

data "aws_iam_policy_document" "game_day_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["fis.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role_policy_attachment" "game_day" {
  for_each = toset(var.game_day ? ["ECS", "Network"] : [])

  role       = aws_iam_role.game_day[0].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSFaultInjectionSimulator${each.value}Access"
}

resource "aws_iam_role_policy" "game_day" {
  count = var.game_day ? 1 : 0

  name   = "log"
  role   = aws_iam_role.game_day[0].id
  policy = data.aws_iam_policy_document.game_day.json
}

data "aws_iam_policy_document" "game_day" {
  statement {
    actions   = ["logs:CreateLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy"]
    resources = ["*"]
  }
}
