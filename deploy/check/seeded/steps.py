"""Mistakes that a step of the checks catches, and no rule of ours."""

from deploy.check.seeded.defect import REGION, WEB, Defect

BY_TERRAFORM = [
    Defect(
        "a file that is not formatted", f"{REGION}/network.tf", "  cidr_block           =", "  cidr_block =", "format"
    ),
    Defect(
        "a misspelt argument", f"{REGION}/network.tf", "enable_dns_hostnames =", "enable_dns_hostname =", "validate"
    ),
    Defect("a block that does not exist", f"{REGION}/balancer.tf", "  access_logs {", "  access_log {", "validate"),
    Defect(
        "a reference to nothing",
        f"{REGION}/services.tf",
        "aws_ecs_cluster.main.arn",
        "aws_ecs_cluster.mian.arn",
        "validate",
    ),
    Defect(
        "a resource type that does not exist",
        f"{REGION}/network.tf",
        '"aws_internet_gateway" "main"',
        '"aws_internet_gate" "main"',
        "validate",
    ),
    Defect(
        "a text where a number belongs",
        f"{REGION}/balancer.tf",
        "  port        = 8000",
        '  port        = "web"',
        "validate",
        "number",
    ),
    Defect(
        "two arguments that exclude each other",
        f"{REGION}/security_groups.tf",
        '  cidr_ipv4         = "0.0.0.0/0"',
        '  cidr_ipv4         = "0.0.0.0/0"\n  cidr_ipv6         = "::/0"',
        "validate",
        "exactly one",
    ),
    Defect(
        "a name that AWS finds too long",
        f"{REGION}/balancer.tf",
        '"-")}-${each.key}" # 32',
        '"-")}-${each.key}-targets" # 32',
        "plan",
        "allows 32",
    ),
    Defect(
        "another provider version than the one that is checked",
        "terraform/versions.tf",
        'version = "6.69.1"',
        'version = "6.70.0"',
        "init",
    ),
    Defect(
        "a check of a variable that is gone",
        "terraform/variables.tf",
        "var.database_backup_days >= 7",
        "var.database_backup_days >= 1",
        "refusals",
        "database_backup_days",
    ),
    Defect(
        "an alarm that starts a policy that is not there",
        "ecs/scaling/worker.json",
        '"AlarmActions": ["policy:queue-in"]',
        '"AlarmActions": ["policy:cpu-in"]',
        "plan",
    ),
]

# deploy/ecs as AWS would take it, and what only a second plan shows.
IN_THE_STATE = [
    Defect(
        "each plan undoes what scaling did",
        f"{REGION}/services.tf",
        "      desired_count,   # Application Auto Scaling's.\n",
        "",
        "plan_again",
        "aws_ecs_service",
    ),
    Defect(
        "a value that AWS does not know",
        f"{REGION}/network.tf",
        '  traffic_type             = "ALL"',
        '  traffic_type             = "EVERYTHING"',
        "values",
        "EVERYTHING",
    ),
    Defect(
        "a misspelt key of a task definition",
        WEB,
        '"readonlyRootFilesystem"',
        '"readOnlyRootFilesystem"',
        "ecs_botocore",
        "readOnlyRootFilesystem",
    ),
    Defect(
        "a word that ECS does not know",
        "ecs/scheduled.json",
        '"versionConsistency": "enabled"',
        '"versionConsistency": "always"',
        "ecs_schema",
        "always",
    ),
    Defect(
        "an argument of a task that Terraform does not pass on",
        "ecs/migrate.json",
        '  "volumes"',
        '  "ephemeralStorage": {"sizeInGiB": 50},\n  "volumes"',
        "ecs_state",
        "ephemeral_storage",
    ),
    Defect(
        "an argument of an alarm that Terraform does not pass on",
        "ecs/scaling/backend.json",
        '"AlarmActions": ["policy:cpu-out"]',
        '"ActionsEnabled": false,\n      "AlarmActions": ["policy:cpu-out"]',
        "ecs_state",
        "actions_enabled",
    ),
    Defect(
        "Terraform says something else than the file",
        f"{REGION}/scaling.tf",
        "= each.value.StepScalingPolicyConfiguration.Cooldown",
        "= 60",
        "ecs_state",
        "not",
    ),
]

# Here `old` is a fact of site_facts.py, and `new` its other value, or what a list is without.
IN_THE_SITE = [
    Defect("gunicorn closes idle connections first", "", "keepalive", "30", "idle_before_keepalive"),
    Defect("gunicorn listens elsewhere", "", "port", "8001", "ports_agree", "8001"),
    Defect("gunicorn waits longer than the load balancer", "", "timeout", "300", "slow_answers_end_first"),
    Defect("requests may take longer to finish than ECS waits", "", "graceful_timeout", "80", "stop_timeout"),
    Defect("the site stops writing a metric", "", "metrics", "QueueAge", "metric_exists", "QueueAge"),
    Defect(
        "a management command is renamed",
        "",
        "commands",
        "reconcile_payments",
        "schedules_run_commands",
        "reconcile_payments",
    ),
    Defect("a paragraph of the runbook is gone", "", "runbook", "alarm-site-down", "alarm_is_explained", "site-down"),
    Defect("a setting is renamed", "", "variables", "CLOUDFRONT_KEY_ID", "known_settings", "CLOUDFRONT_KEY_ID"),
]

BY_CHECKOV = [
    Defect(
        "a repository that is not scanned",
        "terraform/registry.tf",
        "scan_on_push = true",
        "scan_on_push = false",
        "checkov",
        "CKV_AWS_163",
    ),
    Defect(
        "a topic without encryption",
        "terraform/notifications.tf",
        "  kms_master_key_id = aws_kms_key.main[each.value].arn\n",
        "",
        "checkov",
        "CKV_AWS_26",
    ),
]

BY_HADOLINT = [
    Defect(
        "a base image without a version",
        "",
        "FROM ${PYTHON_IMAGE} AS build",
        "FROM python AS build",
        "hadolint",
        "DL3006",
    ),
    Defect("a relative folder in the image", "", "WORKDIR /app\nUSER", "WORKDIR app\nUSER", "hadolint", "DL3000"),
]
