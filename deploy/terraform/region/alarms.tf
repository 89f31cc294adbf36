# What wakes somebody up. Each alarm's description leads to its paragraph in deploy/README.md: #alarm-<key>, where one
# paragraph is enough for all roles and zones. Alarms that only move tasks are in scaling.tf, those that take a
# deployment back in services.tf, that of commands that could not be started in schedules.tf.
#
# What is repaired without people: ECS replaces tasks that end or fail their health check, the load balancer stops
# sending to them, DocumentDB fails over, a deployment that raises errors is taken back. These alarms are about what is
# left, or about repairs that do not seem to help.

locals {
  alb          = { LoadBalancer = aws_lb.main.arn_suffix }
  database     = { DBClusterIdentifier = local.database_name }
  target_group = { for role in local.web_roles : role => merge(local.alb, { TargetGroup = aws_lb_target_group.web[role].arn_suffix }) }

  # Gibibytes of memory by size of instance; a serverless one has two for each unit
  # (https://docs.aws.amazon.com/documentdb/latest/developerguide/db-instance-classes.html, read 2026-11-22).
  memory_by_size = { medium = 4, large = 16, xlarge = 32, "2xlarge" = 64, "4xlarge" = 128, "8xlarge" = 256, "12xlarge" = 384, "16xlarge" = 512, "24xlarge" = 768 }
  database_memory = (
    var.database_serverless_capacity == null
    ? lookup(local.memory_by_size, element(split(".", var.database_instance_class), 2), 16)
    : var.database_serverless_capacity.min * 2
  )

  # --- One metric against one threshold. Missing data is no alarm unless `missing` says so. ---

  web_alarms = merge([for role in local.web_roles : {
    "unhealthy-${role}" = {
      text       = "A ${role} task fails its health check and has for three minutes: ECS should have replaced it."
      namespace  = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum", period = 60, periods = 3
      dimensions = local.target_group[role], above = 0
    }
    "running-${role}" = {
      text       = "Fewer ${role} tasks run than the least, for three minutes."
      namespace  = "ECS/ContainerInsights", metric = "RunningTaskCount", statistic = "Minimum", period = 60, periods = 3
      dimensions = { ClusterName = local.prefix, ServiceName = role }, below = local.capacity[role].min
    }
    "slow-${role}" = {
      text       = "One request to the ${role} in a hundred takes longer than two seconds, for five minutes."
      namespace  = "AWS/ApplicationELB", metric = "TargetResponseTime", percentile = "p99", period = 60, periods = 5
      dimensions = local.target_group[role], above = 2
    }
    "full-${role}" = {
      text       = "The tasks of the ${role} are above 85 % CPU for ten minutes although more were started: raise max_tasks."
      namespace  = "AWS/ECS", metric = "CPUUtilization", statistic = "Average", period = 60, periods = 10
      dimensions = { ClusterName = local.prefix, ServiceName = role }, above = 85
    }
  }]...)

  worker_alarms = {
    running-worker = {
      text       = "Fewer workers run than the least, for three minutes."
      namespace  = "ECS/ContainerInsights", metric = "RunningTaskCount", statistic = "Minimum", period = 60, periods = 3
      dimensions = { ClusterName = local.prefix, ServiceName = "worker" }, below = local.capacity["worker"].min
    }
    queue-age = {
      text       = "Work that was due five minutes ago is not done: orders wait, receipts are late."
      namespace  = "CourseBundler", metric = "QueueAge", statistic = "Maximum", period = 60, periods = 5
      dimensions = { Service = "worker" }, above = 300
    }
    worker-silent = {
      text       = "No worker has said for ten minutes how old its work is: none runs, or it hangs."
      namespace  = "CourseBundler", metric = "QueueAge", statistic = "SampleCount", period = 300, periods = 2
      dimensions = { Service = "worker" }, below = 1, missing = "breaching"
    }
    webhook-age = {
      text       = "Razorpay's webhooks come more than ten minutes after what they tell."
      namespace  = "CourseBundler", metric = "WebhookAge", percentile = "p90", period = 300, periods = 3
      dimensions = { Service = "backend" }, above = 600
    }
    webhook-silence = {
      text       = "Payments come in and no webhook has told of them for hours (WEBHOOK_SILENCE_HOURS)."
      namespace  = "CourseBundler", metric = "WebhookSilence", statistic = "Maximum", period = 900, periods = 1
      dimensions = { Service = "worker" }, above = 0
    }
    reconciler-failures = {
      text       = "The reconciler could not settle something, three runs in a row."
      namespace  = "CourseBundler", metric = "ReconcilerFailures", statistic = "Maximum", period = 600, periods = 3
      dimensions = { Service = "worker" }, above = 0
    }
    reconciler-heals = {
      text       = "The reconciler had to put more than ten things right within an hour: browsers or webhooks do not get through."
      namespace  = "CourseBundler", metric = "ReconcilerHeals", statistic = "Sum", period = 3600, periods = 1
      dimensions = { Service = "worker" }, above = 10
    }
    error-lines = {
      text       = "The site logged an error line: a person must act, the line says on what."
      namespace  = local.log_metrics_namespace, metric = "ErrorLines", statistic = "Sum", period = 300, periods = 1
      dimensions = {}, above = 0
    }
    gateway-errors = {
      text       = "More than five times in five minutes Razorpay did not answer or refused us: people cannot pay."
      namespace  = local.log_metrics_namespace, metric = "GatewayErrors", statistic = "Sum", period = 300, periods = 2
      dimensions = {}, above = 5
    }
  }

  database_alarms = {
    database-cpu = {
      text       = "The database's CPU is above 80 % for ten minutes."
      namespace  = "AWS/DocDB", metric = "CPUUtilization", statistic = "Maximum", period = 60, periods = 10
      dimensions = local.database, above = 80
    }
    database-lag = {
      text       = "A replica is more than ten seconds behind: lists are old, and a fail-over would take longer."
      namespace  = "AWS/DocDB", metric = "DBClusterReplicaLagMaximum", statistic = "Maximum", period = 60, periods = 5
      dimensions = local.database, above = 10000
    }
    database-local-storage = {
      text       = "An instance has less than 1 GiB of local storage left, which sorting and index builds need."
      namespace  = "AWS/DocDB", metric = "FreeLocalStorage", statistic = "Minimum", period = 300, periods = 2
      dimensions = local.database, below = pow(2, 30)
    }
    database-memory = {
      text       = "Less than a twelfth of the database's memory is free."
      namespace  = "AWS/DocDB", metric = "FreeableMemory", statistic = "Minimum", period = 300, periods = 3
      dimensions = local.database, below = floor(local.database_memory * pow(2, 30) / 12)
    }
    database-throttled = {
      text       = "The database holds requests back for want of memory: take a larger class."
      namespace  = "AWS/DocDB", metric = "LowMemThrottleQueueDepth", statistic = "Maximum", period = 60, periods = 5
      dimensions = local.database, above = 0
    }
  }

  # Burstable classes only: without credits they run at a fifth of their speed.
  burstable_alarms = {
    database-credits = {
      text       = "The database has used up almost all its CPU credits: it will be slow, or dearer, soon."
      namespace  = "AWS/DocDB", metric = "CPUCreditBalance", statistic = "Minimum", period = 300, periods = 3
      dimensions = local.database, below = 30
    }
  }

  # A global cluster only, in the region that follows: the standby, or the primary while the standby serves.
  follower_alarms = {
    database-global-lag = {
      text       = "This region is more than a minute behind the one that serves: a fail-over now would lose as much."
      namespace  = "AWS/DocDB", metric = "GlobalClusterReplicationLag", statistic = "Maximum", period = 60, periods = 5
      dimensions = local.database, above = 60000
    }
  }

  nat_alarms = { for zone in local.nat_zones : "nat-ports-${zone}" => {
    text       = "The NAT gateway in ${zone} has no free ports: connections to Razorpay and the mail server fail."
    namespace  = "AWS/NATGateway", metric = "ErrorPortAllocation", statistic = "Sum", period = 60, periods = 5
    dimensions = { NatGatewayId = aws_nat_gateway.main[zone].id }, above = 0
  } }

  is_burstable = startswith(var.database_instance_class, "db.t")
  # A map of what exists in this region. Alarms of a standby that serves nobody would only be noise; a primary that
  # rests is meant to be whole, so that people can go back to it.
  has_web = local.is_serving || local.is_home
  alarms = merge(
    { for key, alarm in local.web_alarms : key => alarm if local.has_web },
    { for key, alarm in local.worker_alarms : key => alarm if local.is_serving },
    { for key, alarm in local.nat_alarms : key => alarm if local.has_web },
    { for key, alarm in local.database_alarms : key => alarm if local.has_database },
    { for key, alarm in local.burstable_alarms : key => alarm if local.has_database && local.is_burstable },
    { for key, alarm in local.follower_alarms : key => alarm if local.in_global_cluster && !local.is_serving },
  )

  # --- Of two metrics, in percent ---

  all_ratios = {
    errors = {
      exists     = local.has_web
      text       = "More than 2 % of all answers, and more than ten a minute, were errors (5xx), in two of three minutes."
      expression = "IF(FILL(tasks_failed, 0) + FILL(balancer_failed, 0) > 10, 100 * (FILL(tasks_failed, 0) + FILL(balancer_failed, 0)) / requests, 0)"
      above      = 2
      namespace  = "AWS/ApplicationELB"
      dimensions = local.alb
      statistic  = "Sum"
      metrics    = { tasks_failed = "HTTPCode_Target_5XX_Count", balancer_failed = "HTTPCode_ELB_5XX_Count", requests = "RequestCount" }
    }
    database-connections = {
      exists     = local.has_database
      text       = "More than 80 % of the database's connections are taken: more tasks would not get any."
      expression = "100 * used / available"
      above      = 80
      namespace  = "AWS/DocDB"
      dimensions = local.database
      statistic  = "Maximum"
      metrics    = { used = "DatabaseConnectionsMax", available = "DatabaseConnectionsLimit" }
    }
  }
  alarm_ratios = { for key, ratio in local.all_ratios : key => ratio if ratio.exists }

  # unhealthy-frontend and unhealthy-backend are one paragraph, and so on.
  anchor = {
    for key in concat(keys(local.alarms), keys(local.alarm_ratios)) :
    key => replace(key, "/^(unhealthy|running|slow|full|nat-ports)-.*/", "$1")
  }

  alarm_name = { for key in concat(keys(local.alarms), keys(local.alarm_ratios), ["site-down"]) : key => "${local.prefix}-${local.region}-${key}" }
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each = local.alarms

  alarm_name          = local.alarm_name[each.key]
  alarm_description   = "${each.value.text} deploy/README.md#alarm-${local.anchor[each.key]}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = lookup(each.value, "statistic", null)
  extended_statistic  = lookup(each.value, "percentile", null)
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = contains(keys(each.value), "above") ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = lookup(each.value, "above", lookup(each.value, "below", null))
  treat_missing_data  = lookup(each.value, "missing", "notBreaching")
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "ratio" {
  for_each = local.alarm_ratios

  alarm_name          = local.alarm_name[each.key]
  alarm_description   = "${each.value.text} deploy/README.md#alarm-${local.anchor[each.key]}"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]

  metric_query {
    id          = "percent"
    expression  = each.value.expression
    label       = "Percent"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id = metric_query.key
      metric {
        namespace   = each.value.namespace
        metric_name = metric_query.value
        stat        = each.value.statistic
        period      = 60
        dimensions  = each.value.dimensions
      }
    }
  }
}

# The one alarm to wake up for: people get errors, or a service has nobody who answers.
resource "aws_cloudwatch_composite_alarm" "site_down" {
  count = local.has_web ? 1 : 0

  alarm_name        = local.alarm_name["site-down"]
  alarm_description = "The site is down, or close to it. deploy/README.md#alarm-site-down"
  alarm_rule = join(" OR ", concat(
    ["ALARM(\"${aws_cloudwatch_metric_alarm.ratio["errors"].alarm_name}\")"],
    [for role in local.web_roles :
    "(ALARM(\"${aws_cloudwatch_metric_alarm.main["unhealthy-${role}"].alarm_name}\") AND ALARM(\"${aws_cloudwatch_metric_alarm.main["running-${role}"].alarm_name}\"))"],
  ))
  alarm_actions = [var.alarm_topic_arn]
  ok_actions    = [var.alarm_topic_arn]
}

# --- Events that are worth a mail ---

locals {
  events = {
    deployments = {
      text        = "A deployment began, succeeded, or failed and was taken back"
      detail_type = "ECS Deployment State Change"
      resources   = [{ prefix = "arn:${local.partition}:ecs:${local.region}:${local.account}:service/${local.prefix}/" }]
      detail      = { eventName = ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED"] }
    }
    service-trouble = {
      text        = "ECS cannot start or place tasks"
      detail_type = "ECS Service Action"
      resources   = [{ prefix = "arn:${local.partition}:ecs:${local.region}:${local.account}:service/${local.prefix}/" }]
      detail      = { eventType = ["ERROR", "WARN"] }
    }
    out-of-memory = {
      text        = "A task was ended because it used more memory than it has"
      detail_type = "ECS Task State Change"
      resources   = [{ prefix = "arn:${local.partition}:ecs:${local.region}:${local.account}:task/${local.prefix}/" }]
      detail      = { lastStatus = ["STOPPED"], containers = { reason = [{ prefix = "OutOfMemory" }] } }
    }
  }
}

resource "aws_cloudwatch_event_rule" "told" {
  for_each = local.events

  name        = "${local.prefix}-${local.region}-${each.key}"
  description = each.value.text
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = [each.value.detail_type]
    resources   = each.value.resources
    detail      = each.value.detail
  })
}

resource "aws_cloudwatch_event_target" "told" {
  for_each = local.events

  rule = aws_cloudwatch_event_rule.told[each.key].name
  arn  = var.alarm_topic_arn
}

output "site_down_alarm_arn" {
  value = local.has_web ? aws_cloudwatch_composite_alarm.site_down[0].arn : null
}

output "alarm_names" {
  description = "Alarms that tell people, by the key of their paragraph in deploy/README.md."
  value       = local.alarm_name
}
