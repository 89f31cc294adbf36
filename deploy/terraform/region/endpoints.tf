# Ways to AWS's services that do not lead through NAT: cheaper for what is large, and tasks start when NAT is down.

locals {
  # Each with the actions that go through it.
  interface_services = { for service, actions in {
    "ecr.api"        = "ecr:*"
    "ecr.dkr"        = "ecr:*"
    "logs"           = "logs:*"
    "secretsmanager" = "secretsmanager:*"
  } : service => actions if var.interface_endpoints }
}

# Free, and it carries the layers of images (ECR keeps them in S3) and every upload that passes through us.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.main.id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${local.region}.s3"
  route_table_ids   = [for zone in var.availability_zones : aws_route_table.private[zone].id]
  policy            = data.aws_iam_policy_document.s3_endpoint.json
  tags              = { Name = "${local.prefix}-s3" }
}

# Whoever gets into a task cannot carry data to a bucket of their own: only ours, and ECR's of this region to read.
data "aws_iam_policy_document" "s3_endpoint" {
  statement {
    sid       = "OurBuckets"
    actions   = ["s3:*"]
    resources = ["*"] # Which buckets is said by the condition: all of this account's.

    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }
  statement {
    sid       = "LayersOfImages"
    actions   = ["s3:GetObject"]
    resources = ["arn:${local.partition}:s3:::prod-${local.region}-starport-layer-bucket/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interface_services

  vpc_id              = aws_vpc.main.id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  subnet_ids          = local.private_subnet_ids
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  policy              = data.aws_iam_policy_document.interface_endpoint[each.key].json
  tags                = { Name = "${local.prefix}-${each.key}" }
}

# What may be done is said by the roles; here only that it is done by this account.
data "aws_iam_policy_document" "interface_endpoint" {
  for_each = local.interface_services

  statement {
    sid       = "OurRoles"
    actions   = [each.value]
    resources = ["*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [local.account]
    }
  }
}
