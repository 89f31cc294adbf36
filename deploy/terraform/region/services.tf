# Two web services and the worker.

locals {
  services = {
    for role in local.service_roles : role => {
      is_web         = contains(local.web_roles, role)
      security_group = contains(local.web_roles, role) ? aws_security_group.web.id : aws_security_group.worker.id
    }
  }
}

resource "aws_ecs_service" "all" {
  for_each = local.services

  name            = each.key
  cluster         = aws_ecs_cluster.main.arn
  task_definition = aws_ecs_task_definition.all[each.key].arn
  desired_count   = local.capacity[each.key].min

  platform_version        = "LATEST"
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"
  enable_execute_command  = false # Nobody logs in to a task: logs and one-off tasks answer questions.

  # Web tasks: the first two on demand, so that Spot's going leaves two; above them as spot_weight says. The worker is
  # one task, so it is never on Spot.
  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = 2
    weight            = 1
  }

  dynamic "capacity_provider_strategy" {
    for_each = each.value.is_web && var.spot_weight > 0 ? [var.spot_weight] : []
    content {
      capacity_provider = "FARGATE_SPOT"
      weight            = capacity_provider_strategy.value
    }
  }

  # Without it a change of the strategy above would delete the service and make it anew.
  force_new_deployment = true

  network_configuration {
    subnets          = local.private_subnet_ids
    security_groups  = [each.value.security_group]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = each.value.is_web ? [aws_lb_target_group.web[each.key].arn] : []
    content {
      target_group_arn = load_balancer.value
      container_name   = "app"
      container_port   = 8000
    }
  }

  # A region whose database only follows is not ready for as long as it follows: ECS must not replace its tasks every
  # minute for that. The most there is means never; their own health check (liveness) still counts.
  health_check_grace_period_seconds = !each.value.is_web ? null : local.is_serving ? 60 : 2147483647
  availability_zone_rebalancing     = "ENABLED"

  # --- Deployments: new tasks first, and back again if they do not live or an alarm goes off ---

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  dynamic "alarms" {
    for_each = each.value.is_web ? [aws_cloudwatch_metric_alarm.rollback[each.key].alarm_name] : []
    content {
      alarm_names = [alarms.value]
      enable      = true
      rollback    = true
    }
  }

  lifecycle {
    ignore_changes = [
      desired_count,   # Application Auto Scaling's.
      task_definition, # A deployment's: migrations first (deploy/ecs/README.md).
    ]
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.main,
    aws_lb_listener_rule.backend,
    aws_lb_listener_rule.frontend,
    aws_iam_role_policy.execution,
    aws_iam_role_policy.task,
  ]
}

# Ends a deployment and takes it back. It pages nobody, since ECS has acted already and its event is told.
resource "aws_cloudwatch_metric_alarm" "rollback" {
  for_each = local.web_roles

  alarm_name          = "${local.prefix}-${each.key}-rollback"
  alarm_description   = "More than 5 % of the ${each.key}'s answers, and more than ten, were errors in two of three minutes: a deployment that is under way is taken back."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "percentage"
    expression  = "IF(FILL(errors, 0) > 10, 100 * errors / requests, 0)"
    label       = "Errors in percent of requests"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "HTTPCode_Target_5XX_Count", requests = "RequestCount" }
    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value
        stat        = "Sum"
        period      = 60
        dimensions = {
          LoadBalancer = aws_lb.main.arn_suffix
          TargetGroup  = aws_lb_target_group.web[each.key].arn_suffix
        }
      }
    }
  }
}
