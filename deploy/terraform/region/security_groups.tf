# Who may talk to whom. One rule per resource: a change of one shows as one, and never opens the others for a moment.
#
#   CloudFront ──443, 80──► balancer ──8000──► web ──┐
#   Route 53   ──443──────► balancer           web ──┼──27017──► database
#                                           worker ──┘
#
# CloudFront's prefix list counts as 55 rules and Route 53's as 25, and a security group has room for 60
# (https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html, read 2026-11-22).
# So the load balancer has three groups, one for each way in.

locals {
  # What both kinds of task have in common.
  task_security_groups = {
    web    = aws_security_group.web.id
    worker = aws_security_group.worker.id
  }
}

data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

data "aws_ec2_managed_prefix_list" "route53_health_checks" {
  name = "com.amazonaws.${local.region}.route53-healthchecks"
}

resource "aws_security_group" "balancer" {
  name        = "${local.prefix}-balancer"
  description = "Load balancer: HTTPS from CloudFront; out to the web tasks."
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.prefix}-balancer" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "balancer_health" {
  name        = "${local.prefix}-balancer-health"
  description = "Load balancer: HTTPS from Route 53's health checkers."
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.prefix}-balancer-health" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "balancer_redirect" {
  name        = "${local.prefix}-balancer-redirect"
  description = "Load balancer: HTTP from CloudFront, answered by a redirect."
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.prefix}-balancer-redirect" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "web" {
  name        = "${local.prefix}-web"
  description = "Frontend and backend tasks: requests from the load balancer only."
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.prefix}-web" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "worker" {
  name        = "${local.prefix}-worker"
  description = "Worker, scheduled and one-off tasks: nothing comes in."
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.prefix}-worker" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "endpoints" {
  name        = "${local.prefix}-endpoints"
  description = "Private ways to AWS's services, for tasks only."
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.prefix}-endpoints" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "database" {
  name        = "${local.prefix}-database"
  description = "DocumentDB: tasks only, and no way out."
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.prefix}-database" }

  lifecycle {
    create_before_destroy = true
  }
}

# --- Into the load balancer: only from CloudFront, and from those who check whether this region lives ---

resource "aws_vpc_security_group_ingress_rule" "balancer_from_cloudfront" {
  security_group_id = aws_security_group.balancer.id
  description       = "Requests, from CloudFront"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "balancer_from_health_checks" {
  security_group_id = aws_security_group.balancer_health.id
  description       = "Health checks, from Route 53"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.route53_health_checks.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "redirect_from_cloudfront" {
  # checkov:skip=CKV_AWS_260: From CloudFront's prefix list, not from everywhere; checkov does not know of such lists.
  security_group_id = aws_security_group.balancer_redirect.id
  description       = "HTTP, from CloudFront: redirected to HTTPS"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

# --- From the load balancer to the web tasks ---

resource "aws_vpc_security_group_egress_rule" "balancer_to_web" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "Requests and health checks, to the web tasks"
  referenced_security_group_id = aws_security_group.web.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
}

resource "aws_vpc_security_group_ingress_rule" "web_from_balancer" {
  security_group_id            = aws_security_group.web.id
  description                  = "Requests and health checks, from the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
}

# --- From the tasks to the database, to AWS and to the world (Razorpay, the mail server) ---

resource "aws_vpc_security_group_egress_rule" "tasks_to_database" {
  for_each = local.task_security_groups

  security_group_id            = each.value
  description                  = "To the database"
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = 27017
  to_port                      = 27017
}

resource "aws_vpc_security_group_ingress_rule" "database_from_tasks" {
  for_each = local.task_security_groups

  security_group_id            = aws_security_group.database.id
  description                  = "MongoDB protocol over TLS, from the ${each.key} tasks"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 27017
  to_port                      = 27017
}

# Razorpay and AWS have no fixed addresses to name here.
resource "aws_vpc_security_group_egress_rule" "tasks_to_https" {
  for_each = local.task_security_groups

  security_group_id = each.value
  description       = "HTTPS to Razorpay and to AWS's services"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# The port of EMAIL_URL: 587, where TLS begins with STARTTLS. A mail server that wants 465 needs it here.
resource "aws_vpc_security_group_egress_rule" "tasks_to_mail" {
  for_each = local.task_security_groups

  security_group_id = each.value
  description       = "Mail submission over TLS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 587
  to_port           = 587
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_tasks" {
  for_each = local.task_security_groups

  security_group_id            = aws_security_group.endpoints.id
  description                  = "HTTPS, from the ${each.key} tasks"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}
