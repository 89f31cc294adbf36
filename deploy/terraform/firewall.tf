# The firewalls in front of CloudFront. Blocking rules of AWS's core set that look at bodies are counted first and
# decided afterwards by the label they leave, because three kinds of request are rightly large or look like code:
# staff's forms (posters, course texts with HTML), people's photos and messages, and Razorpay's webhooks, which are
# signed and which nobody may turn away: each is money that the site would not hear of.

locals {
  body_rules = {
    SizeRestrictions_BODY   = "SizeRestrictions_Body"
    CrossSiteScripting_BODY = "CrossSiteScripting_Body"
    GenericLFI_BODY         = "GenericLFI_Body"
    GenericRFI_BODY         = "GenericRFI_Body"
    EC2MetaDataSSRF_BODY    = "EC2MetaDataSSRF_Body"
  }

  # Where bodies are the site's own business: it checks permission, signature, size and type itself. Videos do not
  # come this way at all, the browser sends them straight to S3.
  own_bodies = "^/(admin/|webhooks/|uploads|updateprofile|contact|request|api/v1/createcourse)"

  # Passwords and codes can be guessed here.
  login_paths = "^/(api/v1/)?(login|register|verify|forgetpassword|resetpassword|confirmpassword)"

  # In the order in which they are asked. A rate is counted for each address over five minutes.
  rates = {
    # Razorpay sends everything from a few addresses, and repeats what was refused.
    webhook-rate = { priority = 40, limit = var.rate_limit * 10, paths = "^/webhooks/" }
    rate         = { priority = 50, limit = var.rate_limit, paths = null }
    login-rate   = { priority = 60, limit = var.login_rate_limit, paths = local.login_paths }
  }
  # What goes past the rules after it.
  passes = {
    webhooks   = { priority = 45, paths = "^/webhooks/" }
    own-bodies = { priority = 70, paths = local.own_bodies }
  }
  managed_groups = {
    # Addresses that AWS sees attacking others. Not its list of anonymous networks: Razorpay calls from AWS.
    AWSManagedRulesAmazonIpReputationList = 10
    AWSManagedRulesKnownBadInputsRuleSet  = 20
    AWSManagedRulesCommonRuleSet          = 30
  }

  web_acls = {
    site  = aws_wafv2_web_acl.site.arn
    media = aws_wafv2_web_acl.media.arn
  }
}

resource "aws_wafv2_web_acl" "site" {
  name        = "${local.prefix}-site"
  description = "In front of pages, API, admin and webhooks"
  scope       = "CLOUDFRONT"

  default_action {
    allow {}
  }

  custom_response_body {
    key          = "too-many"
    content_type = "TEXT_PLAIN"
    content      = "Too many requests from your address. Please wait some minutes and try again."
  }

  dynamic "rule" {
    for_each = local.managed_groups
    content {
      name     = rule.key
      priority = rule.value

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key

          dynamic "rule_action_override" {
            for_each = rule.key == "AWSManagedRulesCommonRuleSet" ? local.body_rules : {}
            content {
              name = rule_action_override.key
              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        metric_name                = rule.key
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = true
      }
    }
  }

  dynamic "rule" {
    for_each = local.rates
    content {
      name     = rule.key
      priority = rule.value.priority

      action {
        block {
          custom_response {
            response_code            = 429
            custom_response_body_key = "too-many"
            response_header {
              name  = "Retry-After"
              value = "300"
            }
          }
        }
      }

      statement {
        rate_based_statement {
          limit                 = rule.value.limit
          evaluation_window_sec = 300
          aggregate_key_type    = "IP"

          dynamic "scope_down_statement" {
            for_each = rule.value.paths == null ? [] : [rule.value.paths]
            content {
              regex_match_statement {
                regex_string = scope_down_statement.value
                field_to_match {
                  uri_path {}
                }
                text_transformation {
                  priority = 0
                  type     = "NORMALIZE_PATH"
                }
              }
            }
          }
        }
      }

      visibility_config {
        metric_name                = rule.key
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = true
      }
    }
  }

  dynamic "rule" {
    for_each = local.passes
    content {
      name     = rule.key
      priority = rule.value.priority

      action {
        allow {}
      }

      statement {
        regex_match_statement {
          regex_string = rule.value.paths
          field_to_match {
            uri_path {}
          }
          text_transformation {
            priority = 0
            type     = "NORMALIZE_PATH"
          }
        }
      }

      visibility_config {
        metric_name                = rule.key
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = true
      }
    }
  }

  # What the core set only counted is blocked here: everything that comes so far is not one of own_bodies.
  rule {
    name     = "bodies"
    priority = 80

    action {
      block {}
    }

    statement {
      or_statement {
        dynamic "statement" {
          for_each = local.body_rules
          content {
            label_match_statement {
              scope = "LABEL"
              key   = "awswaf:managed:aws:core-rule-set:${statement.value}"
            }
          }
        }
      }
    }

    visibility_config {
      metric_name                = "bodies"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = true
    }
  }

  visibility_config {
    metric_name                = "${local.prefix}-site"
    cloudwatch_metrics_enabled = true
    sampled_requests_enabled   = true
  }
}

# Media takes GET only and has no forms: reputation, the log4j rule and friends, and a limit that a player which asks
# for a video in hundreds of ranges does not reach.
resource "aws_wafv2_web_acl" "media" {
  name        = "${local.prefix}-media"
  description = "In front of posters, videos and files"
  scope       = "CLOUDFRONT"

  default_action {
    allow {}
  }

  rule {
    name     = "ip-reputation"
    priority = 10

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesAmazonIpReputationList"
      }
    }

    visibility_config {
      metric_name                = "media-ip-reputation"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "known-bad-inputs"
    priority = 20

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesKnownBadInputsRuleSet"
      }
    }

    visibility_config {
      metric_name                = "media-known-bad-inputs"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "rate"
    priority = 30

    action {
      block {}
    }

    statement {
      rate_based_statement {
        limit                 = var.rate_limit * 5
        evaluation_window_sec = 300
        aggregate_key_type    = "IP"
      }
    }

    visibility_config {
      metric_name                = "media-rate"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = true
    }
  }

  visibility_config {
    metric_name                = "${local.prefix}-media"
    cloudwatch_metrics_enabled = true
    sampled_requests_enabled   = true
  }
}

# --- What was blocked or counted, and nothing else: who may pass is in CloudFront's own log ---

resource "aws_cloudwatch_log_group" "firewall" {
  for_each = toset(["site", "media"])

  name              = "aws-waf-logs-${local.prefix}-${each.value}" # AWS insists on how it begins.
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main[local.primary_region].arn
}

resource "aws_wafv2_web_acl_logging_configuration" "firewall" {
  for_each = local.web_acls

  resource_arn            = each.value
  log_destination_configs = [aws_cloudwatch_log_group.firewall[each.key].arn]

  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }
      condition {
        action_condition {
          action = "COUNT"
        }
      }
    }
  }

  # Sessions, tokens and signatures are not for the log.
  redacted_fields {
    single_header {
      name = "cookie"
    }
  }
  redacted_fields {
    single_header {
      name = "authorization"
    }
  }
  redacted_fields {
    query_string {}
  }
}
