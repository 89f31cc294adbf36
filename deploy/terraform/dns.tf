resource "aws_route53_zone" "main" {
  name          = var.domain
  comment       = "${local.prefix}, made by Terraform"
  force_destroy = !var.protect
}

# Nobody but Amazon may issue certificates for the domain.
resource "aws_route53_record" "caa" {
  zone_id = aws_route53_zone.main.zone_id
  name    = var.domain
  type    = "CAA"
  ttl     = 3600
  records = ["0 issue \"amazon.com\"", "0 issuewild \"amazon.com\""]
}

# --- What people and browsers ask for: CloudFront, in both address families ---

locals {
  distribution_aliases = {
    for pair in setproduct(["site", "media"], ["A", "AAAA"]) : join("-", pair) => { which = pair[0], type = pair[1] }
  }
  distributions = {
    site  = { name = local.site_domain, distribution = aws_cloudfront_distribution.site }
    media = { name = local.media_domain, distribution = aws_cloudfront_distribution.media }
  }
}

resource "aws_route53_record" "distribution" {
  for_each = local.distribution_aliases

  zone_id = aws_route53_zone.main.zone_id
  name    = local.distributions[each.value.which].name
  type    = each.value.type

  alias {
    name                   = local.distributions[each.value.which].distribution.domain_name
    zone_id                = local.distributions[each.value.which].distribution.hosted_zone_id
    evaluate_target_health = false # CloudFront has no health to evaluate.
  }
}

# --- What CloudFront asks for: the load balancer of the region that serves ---
#
# The fail-over sits here and not on the site's own name: browsers keep talking to CloudFront, so no cache of a name
# anywhere outside AWS has to run out. A region counts as lost after three failed checks ten seconds apart; with the
# record's 60 seconds and CloudFront's own look-ups, traffic turns after 60 to 90 seconds (not 30: that holds for a
# single target behind the load balancer, see health_check in region/balancer.tf).

locals {
  origins = merge(
    { (local.primary_region) = module.primary },
    { for region in [local.standby_region] : region => module.standby[0] if local.standby_enabled },
  )
  # Each load balancer's own name, for health checks: the shared one may already point to the other.
  region_domains = { for region in local.regions : region => "origin-${region}.${var.domain}" }
}

resource "aws_route53_record" "region" {
  for_each = local.origins

  zone_id = aws_route53_zone.main.zone_id
  name    = local.region_domains[each.key]
  type    = "A"

  alias {
    name                   = each.value.load_balancer_dns_name
    zone_id                = each.value.load_balancer_zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "origin_primary" {
  zone_id         = aws_route53_zone.main.zone_id
  name            = local.origin_domain
  type            = "A"
  set_identifier  = "primary"
  health_check_id = aws_route53_health_check.primary.id

  failover_routing_policy {
    type = "PRIMARY"
  }

  alias {
    name    = module.primary.load_balancer_dns_name
    zone_id = module.primary.load_balancer_zone_id
    # The health check decides alone. Targets are unhealthy for a minute while the database fails over, and that is
    # no reason to leave the region.
    evaluate_target_health = false
  }
}

# A standby whose tasks are not ready, because there are none yet or because its database does not take writes, is
# not turned to: Route 53 answers with the primary when both are unhealthy. It serves from the moment it can.
resource "aws_route53_record" "origin_standby" {
  count = local.standby_enabled ? 1 : 0

  zone_id        = aws_route53_zone.main.zone_id
  name           = local.origin_domain
  type           = "A"
  set_identifier = "standby"

  failover_routing_policy {
    type = "SECONDARY"
  }

  alias {
    name    = module.standby[0].load_balancer_dns_name
    zone_id = module.standby[0].load_balancer_zone_id
    # Once it serves there is no way back but a person's: the primary's database lacks what was sold over here.
    evaluate_target_health = !local.standby_serves
  }
}

# --- Is the region alive? ---

# Asks the region that serves for liveness, which never touches the database: this is about the region, not about
# DocumentDB's fail-over. Asks the other whether it could serve; that one is for people to look at.
resource "aws_route53_health_check" "region" {
  for_each = local.origins

  type              = "HTTPS"
  fqdn              = local.region_domains[each.key]
  port              = 443
  resource_path     = each.key == local.serving_region ? "/health/live" : "/health/ready"
  request_interval  = 10
  failure_threshold = 3
  enable_sni        = true
  measure_latency   = true
  reference_name    = substr("${local.prefix}-${each.key}", 0, 27)

  tags = { Name = "${local.prefix}-${each.key}" }
}

# A person's switch: aws cloudwatch put-metric-data --region us-west-2, see "fail over" in the runbook. It works while
# us-east-1 is away, where Terraform, the console and Route 53's own interface may not. (AWS's ready-made switch,
# Application Recovery Controller's routing control, costs about $1,800 a month.)
resource "aws_cloudwatch_metric_alarm" "switch" {
  region = local.standby_region

  alarm_name          = "${local.prefix}-failover-switch"
  alarm_description   = "Traffic is turned to ${local.standby_region} by hand. deploy/README.md#alarm-failover-switch"
  namespace           = "${local.prefix}/Failover"
  metric_name         = "ServeFromStandby"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "ignore"
  alarm_actions       = [aws_sns_topic.alarms[local.standby_region].arn]
  ok_actions          = [aws_sns_topic.alarms[local.standby_region].arn]
}

resource "aws_route53_health_check" "switch" {
  type                            = "CLOUDWATCH_METRIC"
  cloudwatch_alarm_name           = aws_cloudwatch_metric_alarm.switch.alarm_name
  cloudwatch_alarm_region         = local.standby_region
  insufficient_data_health_status = "LastKnownStatus"
  reference_name                  = substr("${local.prefix}-switch", 0, 27)

  tags = { Name = "${local.prefix}-failover-switch" }
}

# Healthy as long as all of these are: the switch always, the region's own answer where fail-over is automatic. While
# the standby serves it wants one more than there are, by which Route 53 always counts it as unhealthy
# (https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html, read 2026-11-22).
resource "aws_route53_health_check" "primary" {
  type = "CALCULATED"
  child_healthchecks = concat(
    [aws_route53_health_check.switch.id],
    local.failover == "automatic" ? [aws_route53_health_check.region[local.primary_region].id] : [],
  )
  child_health_threshold = (local.failover == "automatic" ? 2 : 1) + (local.standby_serves ? 1 : 0)
  reference_name         = substr("${local.prefix}-primary", 0, 27)

  tags = { Name = "${local.prefix}-primary" }
}

# --- Signed answers ---

resource "aws_kms_key" "dnssec" {
  count = var.dnssec ? 1 : 0

  description              = "${local.prefix}: signs the zone (DNSSEC)"
  customer_master_key_spec = "ECC_NIST_P256" # The only kind that Route 53 takes; AWS rotates no asymmetric keys.
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 30
  policy                   = data.aws_iam_policy_document.dnssec_key.json
}

data "aws_iam_policy_document" "dnssec_key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account_id}:root"]
    }
  }

  statement {
    sid       = "Sign"
    actions   = ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["dnssec-route53.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "Grants"
    actions   = ["kms:CreateGrant"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["dnssec-route53.amazonaws.com"]
    }
    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }
}

resource "aws_route53_key_signing_key" "main" {
  count = var.dnssec ? 1 : 0

  name                       = "main"
  hosted_zone_id             = aws_route53_zone.main.zone_id
  key_management_service_arn = aws_kms_key.dnssec[0].arn
}

resource "aws_route53_hosted_zone_dnssec" "main" {
  count = var.dnssec ? 1 : 0

  hosted_zone_id = aws_route53_key_signing_key.main[0].hosted_zone_id
}

# --- Who asked for what ---

resource "aws_cloudwatch_log_group" "dns" {
  count = var.dns_query_logs ? 1 : 0

  name              = "/aws/route53/${local.prefix}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main[local.primary_region].arn
}

resource "aws_cloudwatch_log_resource_policy" "dns" {
  count = var.dns_query_logs ? 1 : 0

  policy_name     = "${local.prefix}-route53"
  policy_document = data.aws_iam_policy_document.dns_logs.json
}

data "aws_iam_policy_document" "dns_logs" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:${local.primary_region}:${local.account_id}:log-group:/aws/route53/${local.prefix}:*"]
    principals {
      type        = "Service"
      identifiers = ["route53.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_route53_query_log" "main" {
  count = var.dns_query_logs ? 1 : 0

  zone_id                  = aws_route53_zone.main.zone_id
  cloudwatch_log_group_arn = aws_cloudwatch_log_group.dns[0].arn

  depends_on = [aws_cloudwatch_log_resource_policy.dns]
}
