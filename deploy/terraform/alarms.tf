# What is watched outside of a region: CloudFront, firewall, certificates, replication, and the region as a whole.
# The alarms inside a region are in region/alarms.tf.

locals {
  edge_alarms = {
    edge-errors = {
      text       = "More than 2 % of what CloudFront answers for the site are errors (5xx)."
      namespace  = "AWS/CloudFront", metric = "5xxErrorRate", statistic = "Average", period = 60, periods = 3
      dimensions = { DistributionId = aws_cloudfront_distribution.site.id, Region = "Global" }, above = 2
    }
    media-errors = {
      text       = "More than 2 % of what CloudFront answers for media are errors (5xx)."
      namespace  = "AWS/CloudFront", metric = "5xxErrorRate", statistic = "Average", period = 60, periods = 3
      dimensions = { DistributionId = aws_cloudfront_distribution.media.id, Region = "Global" }, above = 2
    }
    firewall-blocks = {
      text       = "The firewall turns away more than 1,000 requests in five minutes: an attack, or a rule that hits our own people."
      namespace  = "AWS/WAFV2", metric = "BlockedRequests", statistic = "Sum", period = 300, periods = 2
      dimensions = { WebACL = aws_wafv2_web_acl.site.name, Rule = "ALL" }, above = 1000
    }
    region-unreachable = {
      text       = "Route 53 gets no answer from the load balancer in ${local.serving_region}. With automatic fail-over the traffic has been turned already."
      namespace  = "AWS/Route53", metric = "HealthCheckStatus", statistic = "Minimum", period = 60, periods = 2
      dimensions = { HealthCheckId = aws_route53_health_check.region[local.serving_region].id }, below = 1
    }
    certificate = {
      text       = "The certificate ends within thirty days: ACM could not renew it, its record is missing."
      namespace  = "AWS/CertificateManager", metric = "DaysToExpiry", statistic = "Minimum", period = 86400, periods = 1
      dimensions = { CertificateArn = aws_acm_certificate.main[local.primary_region].arn }, below = 30
    }
  }

  # One for each rule of replication.
  replicated = merge([for bucket, replication in local.replications : {
    for prefix in replication.prefixes : trimsuffix("${bucket}-${trimsuffix(prefix, "/")}", "-") => {
      bucket = bucket, to = replication.to, rule = prefix == "" ? "everything" : trimsuffix(prefix, "/")
    }
  }]...)
}

resource "aws_cloudwatch_metric_alarm" "edge" {
  for_each = local.edge_alarms

  alarm_name          = "${local.prefix}-${each.key}"
  alarm_description   = "${each.value.text} deploy/README.md#alarm-${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = contains(keys(each.value), "above") ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = lookup(each.value, "above", lookup(each.value, "below", null))
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms[local.primary_region].arn]
  ok_actions          = [aws_sns_topic.alarms[local.primary_region].arn]
}

# S3 promises fifteen minutes. The metric is the source's, in the destination's region.
resource "aws_cloudwatch_metric_alarm" "replication" {
  for_each = local.replicated
  region   = local.buckets[each.value.to].region

  alarm_name        = "${local.prefix}-replication-${each.key}"
  alarm_description = "Copies of ${each.value.bucket} (${each.value.rule}) are more than fifteen minutes late. deploy/README.md#alarm-replication"
  namespace         = "AWS/S3"
  metric_name       = "ReplicationLatency"
  dimensions = {
    SourceBucket      = aws_s3_bucket.main[each.value.bucket].bucket
    DestinationBucket = aws_s3_bucket.main[each.value.to].bucket
    RuleId            = each.value.rule
  }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 900
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms[local.buckets[each.value.to].region].arn]
  ok_actions          = [aws_sns_topic.alarms[local.buckets[each.value.to].region].arn]
}
