"""Settings and secrets of the tasks: one mistake for each rule of rules/settings.py, or more."""

from deploy.check.seeded.defect import REGION, WEB, Defect

DEFECTS = [
    Defect(
        "a setting that nobody reads", WEB, '"name": "PROXY_COUNT"', '"name": "PROXIES"', "known_settings", "PROXIES"
    ),
    Defect(
        "a required setting is missing",
        "ecs/backend.json",
        '        { "name": "SITE_URL", "value": "https://${site_domain}" },\n',
        "",
        "required_settings",
        "SITE_URL",
    ),
    Defect(
        "a secret in plain sight",
        "ecs/worker.json",
        '"environment": [',
        '"environment": [ { "name": "SECRET_KEY", "value": "oh" },',
        "no_secret_in_plain",
        "SECRET_KEY",
    ),
    Defect(
        "a secret by name instead of ARN",
        WEB,
        '"valueFrom": "${application_secret_arn}:EMAIL_URL::"',
        '"valueFrom": "coursebundler:EMAIL_URL::"',
        "secret_exists",
        "EMAIL_URL",
    ),
    Defect(
        "a secret's key of another setting",
        "ecs/backend.json",
        "${application_secret_arn}:RAZORPAY_KEY_SECRET::",
        "${application_secret_arn}:RAZORPAY_KEY_ID::",
        "secret_exists",
        "RAZORPAY_KEY_SECRET",
    ),
    Defect(
        "the execution role may read another secret",
        f"{REGION}/task_roles.tf",
        "resources = [var.application_secret_arn]",
        "resources = [var.origin_secret_arn]",
        "execution_role_reads_secrets",
        "may not read",
    ),
    Defect(
        "the code may not read the database's password",
        f"{REGION}/task_roles.tf",
        '    sid       = "DatabasePassword"\n    actions   = ["secretsmanager:GetSecretValue"]\n    resources = [var.database_secret_arn]',
        '    sid       = "DatabasePassword"\n    actions   = ["secretsmanager:DescribeSecret"]\n    resources = [var.database_secret_arn]',
        "task_role_reads_database_secret",
        "DATABASE_SECRET_ARN",
    ),
    Defect(
        "a password in DATABASE_URL",
        "ecs/worker.json",
        "documentdb://${database_endpoint}",
        "documentdb://app:secret@${database_endpoint}",
        "database_url",
        "worker",
    ),
    Defect(
        "another engine than the cluster's", WEB, "engine=${database_engine}", "engine=5.0", "database_url", "frontend"
    ),
    Defect(
        "one proxy too few is counted",
        "ecs/backend.json",
        '"name": "PROXY_COUNT", "value": "2"',
        '"name": "PROXY_COUNT", "value": "1"',
        "site_addresses",
        "PROXY_COUNT",
    ),
    Defect(
        "media in a bucket of nobody",
        "ecs/worker.json",
        "s3://${media_bucket_name}",
        "s3://media",
        "media_storage",
        "worker",
    ),
    Defect(
        "staff's uploads are refused",
        f"{REGION}/task_roles.tf",
        '      write  = ["*"]',
        '      write  = ["public/*"]',
        "media_storage",
        "backend",
    ),
    Defect(
        "addresses that no distribution answers",
        f"{REGION}/cluster.tf",
        "media_cdn_url          = var.media_cdn_url",
        'media_cdn_url          = "https://cdn.example.org"',
        "media_addresses",
        "cdn.example.org",
    ),
]
