"""Security groups: one mistake for each rule of rules/groups.py, or more."""

from deploy.check.seeded.defect import REGION, Defect

GROUPS = f"{REGION}/security_groups.tf"
END = "# --- From the tasks to the database, to AWS and to the world (Razorpay, the mail server) ---"
OFFICE = """resource "aws_vpc_security_group_ingress_rule" "office" {
  security_group_id = aws_security_group.web.id
  description       = "For a look, from the office"
  cidr_ipv4         = "203.0.113.0/24"
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

"""
FROM_BALANCER = """  description                  = "Requests and health checks, from the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
"""

DEFECTS = [
    Defect("a door for the office", GROUPS, END, OFFICE + END, "known_ways_in", "203.0.113"),
    Defect(
        "web tasks open to the whole network",
        GROUPS,
        FROM_BALANCER,
        FROM_BALANCER.replace("referenced_security_group_id = aws_security_group.balancer.id", "cidr_ipv4 = var.cidr"),
        "known_ways_in",
        "10.0.0.0/16",
    ),
    Defect(
        "a thousand ports of the web tasks",
        GROUPS,
        FROM_BALANCER + "  to_port                      = 8000",
        FROM_BALANCER + "  to_port                      = 9000",
        "known_ways_in",
        "8000 to 9000",
    ),
    Defect(
        "another prefix list than CloudFront's",
        GROUPS,
        '"com.amazonaws.global.cloudfront.origin-facing"',
        '"com.amazonaws.${local.region}.s3"',
        "balancer_is_heard",
        "cloudfront.origin-facing",
    ),
    Defect(
        "the load balancer without the group for health checks",
        f"{REGION}/balancer.tf",
        "    aws_security_group.balancer_health.id,\n",
        "",
        "balancer_is_heard",
        "route53-healthchecks",
    ),
    Defect(
        "CloudFront's list twice in a group",
        GROUPS,
        "  security_group_id = aws_security_group.balancer_redirect.id",
        "  security_group_id = aws_security_group.balancer.id",
        "prefix_lists_fit",
        "redirect_from_cloudfront",
    ),
    Defect(
        "the load balancer may talk to the world",
        GROUPS,
        """"Requests and health checks, to the web tasks"
  referenced_security_group_id = aws_security_group.web.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000""",
        """"Requests and health checks, to the web tasks"
  cidr_ipv4                    = "0.0.0.0/0"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443""",
        "out_by_name",
        "balancer_to_web",
    ),
    Defect(
        "mail on a port that nobody listens on",
        GROUPS,
        "  from_port         = 587\n  to_port           = 587",
        "  from_port         = 25\n  to_port           = 25",
        "tasks_reach_outside",
        "587",
    ),
    Defect(
        "a group of another network",
        GROUPS,
        """  description = "Worker, scheduled and one-off tasks: nothing comes in."
  vpc_id      = aws_vpc.main.id""",
        '''  description = "Worker, scheduled and one-off tasks: nothing comes in."
  vpc_id      = "vpc-0123456789abcdef0"''',
        "groups_are_of_the_network",
        "worker",
    ),
]
