# One topic in each region, because an alarm can only tell a topic of its own. Whoever is on call confirms AWS's mail
# once for each.
resource "aws_sns_topic" "alarms" {
  for_each = local.regions
  region   = each.value

  name              = "${local.prefix}-alarms"
  display_name      = "${local.prefix} in ${each.value}"
  kms_master_key_id = aws_kms_key.main[each.value].arn
}

resource "aws_sns_topic_subscription" "email" {
  for_each = { for pair in setproduct(local.regions, var.alarm_emails) : join(" ", pair) => { region = pair[0], address = pair[1] } }
  region   = each.value.region

  topic_arn = aws_sns_topic.alarms[each.value.region].arn
  protocol  = "email"
  endpoint  = each.value.address
}

resource "aws_sns_topic_policy" "alarms" {
  for_each = local.regions
  region   = each.value

  arn    = aws_sns_topic.alarms[each.value].arn
  policy = data.aws_iam_policy_document.topic[each.value].json
}

data "aws_iam_policy_document" "topic" {
  for_each = local.regions

  statement {
    sid       = "OurServices"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[each.value].arn]
    principals {
      type = "Service"
      identifiers = [
        "budgets.amazonaws.com",
        "cloudwatch.amazonaws.com",
        "costalerts.amazonaws.com",
        "events.rds.amazonaws.com",
      ]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  # EventBridge refuses topic policies with conditions.
  statement {
    sid       = "Events"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[each.value].arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }

  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[each.value].arn]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
