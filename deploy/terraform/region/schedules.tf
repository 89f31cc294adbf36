# Commands at fixed times: deploy/ecs/schedules/commands.json, each run as a task of deploy/ecs/scheduled.json with its
# own command and with a role that may do what that command needs and nothing else.

locals {
  schedules_file = "${local.task_files}/schedules/commands.json"
  schedules      = { for schedule in jsondecode(file(local.schedules_file)) : schedule.name => schedule }
}

resource "aws_scheduler_schedule_group" "main" {
  name = local.prefix
}

resource "aws_scheduler_schedule" "command" {
  # checkov:skip=CKV_AWS_297: A schedule holds the names of a command and a role, nothing to hide.
  for_each = local.schedules

  name                         = "${local.prefix}-${each.key}"
  group_name                   = aws_scheduler_schedule_group.main.name
  description                  = each.value.description
  schedule_expression          = each.value.schedule
  schedule_expression_timezone = "UTC"
  state                        = local.is_serving ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.main.arn
    role_arn = aws_iam_role.scheduler.arn

    input = jsonencode({
      taskRoleArn        = aws_iam_role.task[each.value.role].arn
      containerOverrides = [{ name = "app", command = each.value.command }]
    })

    ecs_parameters {
      task_definition_arn     = aws_ecs_task_definition.all["scheduled"].arn
      task_count              = 1
      platform_version        = "LATEST"
      group                   = each.key
      enable_ecs_managed_tags = true
      enable_execute_command  = false
      propagate_tags          = "TASK_DEFINITION"

      # On demand: a comparison or a dump that Spot ends half-way is only seen the next day.
      capacity_provider_strategy {
        capacity_provider = "FARGATE"
        weight            = 1
      }

      network_configuration {
        subnets          = local.private_subnet_ids
        security_groups  = [aws_security_group.worker.id]
        assign_public_ip = false
      }
    }

    # For when ECS does not take the task. What the command itself makes of it is told by its exit status, below.
    retry_policy {
      maximum_retry_attempts       = 5
      maximum_event_age_in_seconds = each.value.retry_seconds
    }

    dead_letter_config {
      arn = aws_sqs_queue.unstarted.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

# --- What could not be started, and what ended badly ---

resource "aws_sqs_queue" "unstarted" {
  name                      = "${local.prefix}-unstarted"
  message_retention_seconds = 1209600 # 14 days, the most there is.
  sqs_managed_sse_enabled   = true
}

resource "aws_cloudwatch_metric_alarm" "unstarted" {
  alarm_name          = "${local.prefix}-commands-unstarted"
  alarm_description   = "A scheduled command could not be started; the message in the queue says which and why. deploy/README.md#alarm-commands-unstarted"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.unstarted.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}

resource "aws_cloudwatch_event_rule" "command_failed" {
  name        = "${local.prefix}-command-failed"
  description = "A scheduled command, or a one-off task such as migrate, did not start or ended with a status other than 0."

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [aws_ecs_cluster.main.arn]
      lastStatus = ["STOPPED"]
      taskDefinitionArn = [
        for role in ["scheduled", "migrate"] : { wildcard = "*:task-definition/${local.prefix}-${role}:*" }
      ]
      "$or" = [
        { containers = { exitCode = [{ anything-but = [0] }] } },
        { stopCode = ["TaskFailedToStart"] },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "command_failed" {
  rule = aws_cloudwatch_event_rule.command_failed.name
  arn  = var.alarm_topic_arn

  input_transformer {
    input_paths = {
      task    = "$.detail.taskArn"
      command = "$.detail.overrides.containerOverrides[0].command"
      group   = "$.detail.group"
      status  = "$.detail.containers[0].exitCode"
      reason  = "$.detail.stoppedReason"
    }
    input_template = "\"A command failed: <command> (group <group>), exit status <status>. <reason>. Its log is in /${local.prefix}/scheduled or /${local.prefix}/migrate, task <task>.\""
  }
}
