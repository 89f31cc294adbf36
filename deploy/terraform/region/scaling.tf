# How many tasks run: deploy/ecs/scaling/*.json, which deploy/simulate replays as well, with this region's names.

locals {
  # The load balancer's names are known only once it has been made; they stay placeholders here and are filled in below,
  # so that a plan can show the rest.
  scaling = {
    for role in local.service_roles : role => jsondecode(templatefile("${local.task_files}/scaling/${role}.json", {
      cluster       = local.prefix
      service       = role
      load_balancer = "$${load_balancer}"
      target_group  = "$${target_group}"
    }))
  }
  targets = { for role, scaling in local.scaling : role => scaling.target }

  capacity = {
    for role, target in local.targets : role => {
      min = {
        active      = contains(local.web_roles, role) ? coalesce(var.min_tasks, target.MinCapacity) : target.MinCapacity
        serving     = contains(local.web_roles, role) ? coalesce(var.min_tasks, target.MinCapacity) : target.MinCapacity
        resting     = contains(local.web_roles, role) ? coalesce(var.min_tasks, target.MinCapacity) : 0
        warm        = contains(local.web_roles, role) ? 1 : 0
        pilot-light = 0
      }[var.mode]
      # No worker where it must not run (versions.tf): a most of 0 also stops one that runs, since Auto Scaling brings
      # a service within new bounds at once (RegisterScalableTarget, AWS's API reference, read 2026-11-22).
      max = contains(local.web_roles, role) ? coalesce(var.max_tasks, target.MaxCapacity) : local.is_serving ? target.MaxCapacity : 0
    }
  }

  # By role and name: "frontend-cpu-out".
  scaling_policies = merge([
    for role, scaling in local.scaling : {
      for policy in scaling.policies : "${role}-${policy.PolicyName}" => merge(policy, { role = role })
    }
  ]...)
  step_policies     = { for key, policy in local.scaling_policies : key => policy if policy.PolicyType == "StepScaling" }
  tracking_policies = { for key, policy in local.scaling_policies : key => policy if policy.PolicyType != "StepScaling" }

  # By name without the cluster's: "frontend-cpu-high".
  scaling_alarms = merge([
    for role, scaling in local.scaling : {
      for alarm in scaling.alarms : trimprefix(alarm.AlarmName, "${local.prefix}-") => merge(alarm, { role = role })
    }
  ]...)
}

resource "aws_appautoscaling_target" "service" {
  for_each = local.service_roles

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.all[each.key].name}"
  min_capacity       = local.capacity[each.key].min
  max_capacity       = local.capacity[each.key].max
}

resource "aws_appautoscaling_policy" "step" {
  for_each = local.step_policies

  name               = each.value.PolicyName
  policy_type        = each.value.PolicyType
  service_namespace  = aws_appautoscaling_target.service[each.value.role].service_namespace
  scalable_dimension = aws_appautoscaling_target.service[each.value.role].scalable_dimension
  resource_id        = aws_appautoscaling_target.service[each.value.role].resource_id

  step_scaling_policy_configuration {
    adjustment_type          = each.value.StepScalingPolicyConfiguration.AdjustmentType
    min_adjustment_magnitude = lookup(each.value.StepScalingPolicyConfiguration, "MinAdjustmentMagnitude", null)
    cooldown                 = each.value.StepScalingPolicyConfiguration.Cooldown
    metric_aggregation_type  = each.value.StepScalingPolicyConfiguration.MetricAggregationType

    dynamic "step_adjustment" {
      for_each = each.value.StepScalingPolicyConfiguration.StepAdjustments
      content {
        metric_interval_lower_bound = lookup(step_adjustment.value, "MetricIntervalLowerBound", null)
        metric_interval_upper_bound = lookup(step_adjustment.value, "MetricIntervalUpperBound", null)
        scaling_adjustment          = step_adjustment.value.ScalingAdjustment
      }
    }
  }
}

resource "aws_appautoscaling_policy" "tracking" {
  for_each = local.tracking_policies

  name               = each.value.PolicyName
  policy_type        = each.value.PolicyType
  service_namespace  = aws_appautoscaling_target.service[each.value.role].service_namespace
  scalable_dimension = aws_appautoscaling_target.service[each.value.role].scalable_dimension
  resource_id        = aws_appautoscaling_target.service[each.value.role].resource_id

  dynamic "target_tracking_scaling_policy_configuration" {
    for_each = [each.value.TargetTrackingScalingPolicyConfiguration]
    iterator = tracking
    content {
      target_value       = tracking.value.TargetValue
      scale_out_cooldown = tracking.value.ScaleOutCooldown
      scale_in_cooldown  = tracking.value.ScaleInCooldown
      disable_scale_in   = tracking.value.DisableScaleIn

      predefined_metric_specification {
        predefined_metric_type = tracking.value.PredefinedMetricSpecification.PredefinedMetricType
        resource_label = !can(tracking.value.PredefinedMetricSpecification.ResourceLabel) ? null : replace(replace(
          tracking.value.PredefinedMetricSpecification.ResourceLabel,
          "$${load_balancer}", aws_lb.main.arn_suffix),
          "$${target_group}", aws_lb_target_group.web[each.value.role].arn_suffix
        )
      }
    }
  }
}

# They start policies and page nobody: the low ones rest in ALARM whenever the site has little to do.
resource "aws_cloudwatch_metric_alarm" "scaling" {
  for_each = local.scaling_alarms

  alarm_name          = each.value.AlarmName
  alarm_description   = each.value.AlarmDescription
  namespace           = each.value.Namespace
  metric_name         = each.value.MetricName
  dimensions          = { for dimension in each.value.Dimensions : dimension.Name => dimension.Value }
  statistic           = each.value.Statistic
  period              = each.value.Period
  evaluation_periods  = each.value.EvaluationPeriods
  datapoints_to_alarm = each.value.DatapointsToAlarm
  threshold           = each.value.Threshold
  comparison_operator = each.value.ComparisonOperator
  treat_missing_data  = each.value.TreatMissingData
  alarm_actions = [
    for action in each.value.AlarmActions :
    aws_appautoscaling_policy.step["${each.value.role}-${trimprefix(action, "policy:")}"].arn
  ]
}

# --- Launches: tasks are there before the people are ---

locals {
  launch_actions = merge([
    for launch in var.launches : merge([
      for service in launch.services : {
        "${launch.name}-${service}-begin" = { service = service, at = launch.start, min = launch.tasks }
        "${launch.name}-${service}-end"   = { service = service, at = launch.end, min = local.capacity[service].min }
      }
    ]...)
  ]...)
}

resource "aws_appautoscaling_scheduled_action" "launch" {
  for_each = local.launch_actions

  name               = each.key
  service_namespace  = aws_appautoscaling_target.service[each.value.service].service_namespace
  scalable_dimension = aws_appautoscaling_target.service[each.value.service].scalable_dimension
  resource_id        = aws_appautoscaling_target.service[each.value.service].resource_id
  schedule           = "at(${trimsuffix(each.value.at, "Z")})"
  timezone           = "UTC"

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = local.capacity[each.value.service].max
  }
}
