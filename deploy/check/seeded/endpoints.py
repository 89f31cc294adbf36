"""Endpoints: one mistake for each rule of rules/endpoints.py, or more."""

from deploy.check.seeded.defect import REGION, Defect

ENDPOINTS = f"{REGION}/endpoints.tf"

DEFECTS = [
    Defect(
        "no endpoint for images",
        ENDPOINTS,
        '    "ecr.dkr"        = "ecr:*"\n',
        "",
        "endpoints_are_complete",
        "ecr.dkr",
    ),
    Defect(
        "endpoints switched off in production",
        "terraform/environments/production.tfvars",
        "single_nat  = false",
        "single_nat  = false\ninterface_endpoints = false",
        "endpoints_are_complete",
        "secretsmanager",
    ),
    Defect(
        "an endpoint that leads to another region",
        ENDPOINTS,
        'service_name        = "com.amazonaws.${local.region}.${each.key}"',
        'service_name        = "com.amazonaws.us-west-2.${each.key}"',
        "endpoints_are_complete",
        "another region",
    ),
    Defect(
        "an endpoint whose name nobody uses",
        ENDPOINTS,
        "private_dns_enabled = true",
        "private_dns_enabled = false",
        "endpoints_answer_for_the_name",
        "interface",
    ),
    Defect(
        "endpoints where the tasks are not",
        ENDPOINTS,
        "subnet_ids          = local.private_subnet_ids",
        "subnet_ids          = local.public_subnet_ids",
        "endpoints_answer_for_the_name",
        "not where",
    ),
    Defect(
        "a way to everybody's buckets",
        ENDPOINTS,
        """    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
""",
        "",
        "endpoints_are_for_us",
        "aws_vpc_endpoint.s3",
    ),
    Defect(
        "layers of another region's images",
        ENDPOINTS,
        "prod-${local.region}-starport",
        "prod-eu-west-1-starport",
        "endpoints_are_for_us",
        "layer",
    ),
    Defect(
        "an endpoint through which nobody logs",
        ENDPOINTS,
        '"logs:*"',
        '"logs:CreateLogStream"',
        "endpoints_are_for_us",
        "PutLogEvents",
    ),
    Defect(
        "S3's endpoint in the public table",
        ENDPOINTS,
        "[for zone in var.availability_zones : aws_route_table.private[zone].id]",
        "[aws_route_table.public.id]",
        "endpoints_are_reachable",
        "costs",
    ),
]
