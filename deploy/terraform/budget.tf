# Money, told before the bill comes.

resource "aws_budgets_budget" "month" {
  name         = "${local.prefix}-month"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # This environment's part, by its tag (switch the tag Environment on under "cost allocation tags": first-day list).
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Environment$%s", var.environment)]
  }

  notification {
    notification_type         = "ACTUAL"
    comparison_operator       = "GREATER_THAN"
    threshold                 = 80
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = [aws_sns_topic.alarms[local.primary_region].arn]
  }

  notification {
    notification_type         = "FORECASTED"
    comparison_operator       = "GREATER_THAN"
    threshold                 = 100
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = [aws_sns_topic.alarms[local.primary_region].arn]
  }

  depends_on = [aws_sns_topic_policy.alarms]
}

# A service that suddenly costs more than it used to, long before the budget is reached.
resource "aws_ce_anomaly_monitor" "environment" {
  name         = "${local.prefix}-services"
  monitor_type = "CUSTOM"
  # All of AWS's fields, or every plan would show the missing ones as a change.
  monitor_specification = jsonencode({
    And            = null
    CostCategories = null
    Dimensions     = null
    Not            = null
    Or             = null
    Tags           = { Key = "Environment", MatchOptions = null, Values = [var.environment] }
  })
}

resource "aws_ce_anomaly_subscription" "environment" {
  name             = "${local.prefix}-anomalies"
  frequency        = "IMMEDIATE" # The only one that goes to a topic.
  monitor_arn_list = [aws_ce_anomaly_monitor.environment.arn]

  subscriber {
    type    = "SNS"
    address = aws_sns_topic.alarms[local.primary_region].arn
  }

  # From a tenth of the month's budget on.
  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [tostring(floor(var.monthly_budget_usd / 10))]
    }
  }

  depends_on = [aws_sns_topic_policy.alarms]
}
