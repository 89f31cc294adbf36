# One page to look at first, from the people's side to the machines'.

locals {
  widgets = concat(
    [{
      type       = "alarm"
      properties = { title = "Alarms", alarms = local.has_web ? concat(values(aws_cloudwatch_metric_alarm.main)[*].arn, values(aws_cloudwatch_metric_alarm.ratio)[*].arn) : values(aws_cloudwatch_metric_alarm.main)[*].arn }
    }],
    [for graph in local.graphs : {
      type = "metric"
      properties = {
        title   = graph.title
        region  = local.region
        view    = "timeSeries"
        period  = 60
        stat    = lookup(graph, "stat", "Sum")
        metrics = graph.metrics
      }
    }],
  )

  graphs = concat(
    [
      {
        title = "Requests and errors"
        metrics = [
          ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", aws_lb.main.arn_suffix],
          [".", "HTTPCode_Target_5XX_Count", ".", "."],
          [".", "HTTPCode_ELB_5XX_Count", ".", "."],
          [".", "HTTPCode_Target_4XX_Count", ".", "."],
        ]
      },
      {
        title = "How long answers take, one in a hundred (s)"
        stat  = "p99"
        metrics = [for role in local.web_roles :
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", aws_lb.main.arn_suffix, "TargetGroup", aws_lb_target_group.web[role].arn_suffix, { label = role }]]
      },
      {
        title = "Tasks"
        stat  = "Average"
        metrics = [for role in local.service_roles :
        ["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", local.prefix, "ServiceName", role, { label = role }]]
      },
      {
        title = "CPU of tasks (%): 70 adds, 30 removes"
        stat  = "Average"
        metrics = [for role in local.service_roles :
        ["AWS/ECS", "CPUUtilization", "ClusterName", local.prefix, "ServiceName", role, { label = role }]]
      },
      {
        title = "Memory of tasks (%)"
        stat  = "Maximum"
        metrics = [for role in local.service_roles :
        ["AWS/ECS", "MemoryUtilization", "ClusterName", local.prefix, "ServiceName", role, { label = role }]]
      },
      {
        title   = "Orders paid"
        metrics = [for role in local.service_roles : ["CourseBundler", "OrdersPaid", "Service", role, { label = role }]]
      },
      {
        title = "Payments: late webhooks, silence, work that waits (s)"
        stat  = "Maximum"
        metrics = [
          ["CourseBundler", "WebhookAge", "Service", "backend"],
          [".", "WebhookSilence", ".", "worker"],
          [".", "QueueAge", ".", "worker"],
        ]
      },
      {
        title = "The reconciler: put right, could not"
        metrics = [
          ["CourseBundler", "ReconcilerHeals", "Service", "worker"],
          [".", "ReconcilerFailures", ".", "."],
        ]
      },
    ],
    [for graph in local.database_graphs : graph if local.has_database],
  )

  database_graphs = [
    {
      title = "Database: CPU (%)"
      stat  = "Maximum"
      metrics = [
        ["AWS/DocDB", "CPUUtilization", "DBClusterIdentifier", local.database_name, { label = "most" }],
        ["...", { stat = "Average", label = "average" }],
      ]
    },
    {
      title   = "Database: connections, and how far replicas are behind (ms)"
      stat    = "Maximum"
      metrics = [["AWS/DocDB", "DatabaseConnections", "DBClusterIdentifier", local.database_name], [".", "DBClusterReplicaLagMaximum", ".", "."]]
    },
    {
      title   = "Database: input and output"
      metrics = [["AWS/DocDB", "VolumeReadIOPs", "DBClusterIdentifier", local.database_name], [".", "VolumeWriteIOPs", ".", "."]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = "${local.prefix}-${local.region}"
  dashboard_body = jsonencode({ widgets = [for index, widget in local.widgets : merge(widget, {
    x = index % 2 * 12, y = floor(index / 2) * 6, width = 12, height = 6
  })] })
}
