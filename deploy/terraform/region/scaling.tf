# How many tasks run: deploy/ecs/scaling/*.json, which deploy/simulate replays as well, with this region's names in them.

locals {
  # As the files are, for what needs no names; the checks of variables need it before there is any resource.
  scaling_files = { for role in local.service_roles : role => file("${local.task_files}/scaling/${role}.json") }

  targets = { for role, text in local.scaling_files : role => jsondecode(text).target }

  capacity = {
    for role, target in local.targets : role => {
      min = {
        active      = contains(local.web_roles, role) ? coalesce(var.min_tasks, target.MinCapacity) : target.MinCapacity
        warm        = contains(local.web_roles, role) ? 1 : 0 # No worker: see versions.tf.
        pilot-light = 0
      }[var.mode]
      max = contains(local.web_roles, role) ? coalesce(var.max_tasks, target.MaxCapacity) : target.MaxCapacity
    }
  }

  scaling = {
    for role in local.service_roles : role => jsondecode(templatefile("${local.task_files}/scaling/${role}.json", {
      cluster       = aws_ecs_cluster.main.name
      service       = aws_ecs_service.all[role].name
      load_balancer = "$${load_balancer}" # Known only once it has been made; filled in below, so that a plan can show the rest.
      target_group  = "$${target_group}"
    }))
  }

  # Keys must be known before there are resources, so they come from the plain files.
  scaling_policies = merge([
    for role, text in local.scaling_files : {
      for index, policy in jsondecode(text).policies : "${role}-${policy.PolicyName}" => { role = role, index = index, type = policy.PolicyType }
    }
  ]...)
  step_policies     = { for key, policy in local.scaling_policies : key => policy if policy.type == "StepScaling" }
  tracking_policies = { for key, policy in local.scaling_policies : key => policy if policy.type == "TargetTrackingScaling" }
  scaling_alarms = merge([
    for role, text in local.scaling_files : {
      for index, alarm in jsondecode(text).alarms : replace(alarm.AlarmName, "$${cluster}-$${service}", role) => { role = role, index = index }
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

  name               = local.scaling[each.value.role].policies[each.value.index].PolicyName
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.service[each.value.role].service_namespace
  scalable_dimension = aws_appautoscaling_target.service[each.value.role].scalable_dimension
  resource_id        = aws_appautoscaling_target.service[each.value.role].resource_id

  dynamic "step_scaling_policy_configuration" {
    for_each = [local.scaling[each.value.role].policies[each.value.index].StepScalingPolicyConfiguration]
    iterator = step
    content {
      adjustment_type          = step.value.AdjustmentType
      min_adjustment_magnitude = lookup(step.value, "MinAdjustmentMagnitude", null)
      cooldown                 = step.value.Cooldown
      metric_aggregation_type  = step.value.MetricAggregationType

      dynamic "step_adjustment" {
        for_each = step.value.StepAdjustments
        content {
          metric_interval_lower_bound = lookup(step_adjustment.value, "MetricIntervalLowerBound", null)
          metric_interval_upper_bound = lookup(step_adjustment.value, "MetricIntervalUpperBound", null)
          scaling_adjustment          = step_adjustment.value.ScalingAdjustment
        }
      }
    }
  }
}

resource "aws_appautoscaling_policy" "tracking" {
  for_each = local.tracking_policies

  name               = local.scaling[each.value.role].policies[each.value.index].PolicyName
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.service[each.value.role].service_namespace
  scalable_dimension = aws_appautoscaling_target.service[each.value.role].scalable_dimension
  resource_id        = aws_appautoscaling_target.service[each.value.role].resource_id

  dynamic "target_tracking_scaling_policy_configuration" {
    for_each = [local.scaling[each.value.role].policies[each.value.index].TargetTrackingScalingPolicyConfiguration]
    iterator = tracking
    content {
      target_value       = tracking.value.TargetValue
      scale_out_cooldown = tracking.value.ScaleOutCooldown
      scale_in_cooldown  = tracking.value.ScaleInCooldown
      disable_scale_in   = tracking.value.DisableScaleIn

      predefined_metric_specification {
        predefined_metric_type = tracking.value.PredefinedMetricSpecification.PredefinedMetricType
        resource_label = contains(keys(tracking.value.PredefinedMetricSpecification), "ResourceLabel") ? replace(
          replace(tracking.value.PredefinedMetricSpecification.ResourceLabel, "$${load_balancer}", aws_lb.main.arn_suffix),
          "$${target_group}", aws_lb_target_group.web[each.value.role].arn_suffix
        ) : null
      }
    }
  }
}

# They start policies and page nobody: the low ones rest in ALARM whenever the site has little to do.
resource "aws_cloudwatch_metric_alarm" "scaling" {
  for_each = local.scaling_alarms

  alarm_name          = local.scaling[each.value.role].alarms[each.value.index].AlarmName
  alarm_description   = local.scaling[each.value.role].alarms[each.value.index].AlarmDescription
  namespace           = local.scaling[each.value.role].alarms[each.value.index].Namespace
  metric_name         = local.scaling[each.value.role].alarms[each.value.index].MetricName
  dimensions          = { for dimension in local.scaling[each.value.role].alarms[each.value.index].Dimensions : dimension.Name => dimension.Value }
  statistic           = local.scaling[each.value.role].alarms[each.value.index].Statistic
  period              = local.scaling[each.value.role].alarms[each.value.index].Period
  evaluation_periods  = local.scaling[each.value.role].alarms[each.value.index].EvaluationPeriods
  datapoints_to_alarm = local.scaling[each.value.role].alarms[each.value.index].DatapointsToAlarm
  threshold           = local.scaling[each.value.role].alarms[each.value.index].Threshold
  comparison_operator = local.scaling[each.value.role].alarms[each.value.index].ComparisonOperator
  treat_missing_data  = local.scaling[each.value.role].alarms[each.value.index].TreatMissingData
  alarm_actions = [
    for action in local.scaling[each.value.role].alarms[each.value.index].AlarmActions :
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
