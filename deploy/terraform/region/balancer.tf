# The load balancer: TLS, who may come in, which service answers, and when a task counts as well.

locals {
  # Paths of the JSON API, staff and Razorpay, and what staff's pages upload to: two rules, because one takes five
  # values with the header's.
  backend_paths = {
    service = ["/api/*", "/admin/*", "/webhooks/*"]
    exact   = ["/admin", "/uploads", "/uploads/*"]
  }
  # One value, or two while it is being changed (deploy/README.md): CloudFront takes minutes to send the new one
  # everywhere.
  origin_secret  = jsondecode(data.aws_secretsmanager_secret_version.origin.secret_string)
  origin_headers = compact([local.origin_secret["value"], lookup(local.origin_secret, "previous", "")])
}

data "aws_secretsmanager_secret_version" "origin" {
  secret_id = var.origin_secret_arn

  lifecycle {
    # In a listener's rule * and ? stand for anything: a value with a star would let everybody in.
    postcondition {
      condition = (
        can(regex("^[A-Za-z0-9]{32,128}$", jsondecode(self.secret_string)["value"]))
        && can(regex("^([A-Za-z0-9]{32,128})?$", lookup(jsondecode(self.secret_string), "previous", "")))
      )
      error_message = "The origin's secret must be {\"value\": …, \"previous\": …}, each of 32 to 128 letters and digits; previous may be empty."
    }
  }
}

resource "aws_lb" "main" {
  # checkov:skip=CKV2_AWS_28: The firewall is at CloudFront, and nothing else gets here (security_groups.tf).
  name               = local.prefix
  load_balancer_type = "application"
  internal           = false
  subnets            = local.public_subnet_ids
  security_groups = [
    aws_security_group.balancer.id,
    aws_security_group.balancer_health.id,
    aws_security_group.balancer_redirect.id,
  ]

  idle_timeout               = 60 # Below gunicorn's keepalive of 75 s: it must not send into a closing connection.
  enable_http2               = true
  enable_zonal_shift         = true
  enable_deletion_protection = var.deletion_protection
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  xff_header_processing_mode = "append" # The site counts proxies from the right (PROXY_COUNT=2).

  access_logs {
    bucket  = aws_s3_bucket.access_logs.bucket
    prefix  = local.access_log_prefix
    enabled = true
  }

  connection_logs {
    bucket  = aws_s3_bucket.access_logs.bucket
    prefix  = local.connection_log_prefix
    enabled = true
  }

  # AWS tries the bucket when the load balancer is made.
  depends_on = [aws_s3_bucket_policy.access_logs]
}

# --- Where requests go ---

resource "aws_lb_target_group" "web" {
  # checkov:skip=CKV_AWS_378: TLS ends at the load balancer, by design; from there it is a private subnet and one group.
  for_each = toset(["frontend", "backend"])

  name        = "${trimsuffix(substr(local.prefix, 0, 23), "-")}-${each.key}" # 32 letters at most.
  vpc_id      = aws_vpc.main.id
  target_type = "ip"
  protocol    = "HTTP"
  port        = 8000
  tags        = { Name = "${local.prefix}-${each.key}" }

  # What is in flight has 30 s before ECS sends SIGTERM, and DRAIN_SECONDS and gunicorn's graceful 50 s after it.
  deregistration_delay          = 30
  load_balancing_algorithm_type = "least_outstanding_requests"

  # Found dead after two failures: 20 s, or 25 s if it hangs and each takes its whole time-out.
  health_check {
    path                = "/health/ready"
    protocol            = "HTTP"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

# --- HTTP ---

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

# --- HTTPS: who does not know the header's value is refused, even through a CloudFront distribution of their own ---

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = var.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

  # We answer for ourselves; AWS need not say which load balancer it was.
  routing_http_response_server_enabled = false

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      status_code  = "403"
      message_body = "Please use https://${var.site_domain}/"
    }
  }
}

# Route 53 asks for liveness (dns.tf of the root) and can send no header; readiness is for whoever looks from outside.
resource "aws_lb_listener_rule" "health" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web["frontend"].arn
  }

  condition {
    path_pattern {
      values = ["/health/live", "/health/ready"]
    }
  }
}

resource "aws_lb_listener_rule" "backend" {
  for_each = local.backend_paths

  listener_arn = aws_lb_listener.https.arn
  priority     = each.key == "service" ? 20 : 21

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web["backend"].arn
  }

  condition {
    http_header {
      http_header_name = "X-Origin-Verify"
      values           = local.origin_headers
    }
  }

  condition {
    path_pattern {
      values = each.value
    }
  }
}

resource "aws_lb_listener_rule" "frontend" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 30

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web["frontend"].arn
  }

  condition {
    http_header {
      http_header_name = "X-Origin-Verify"
      values           = local.origin_headers
    }
  }
}
