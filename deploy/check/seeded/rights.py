"""What certain roles must be able to do: one mistake for each rule of rules/rights.py, or more."""

from deploy.check.seeded.defect import Defect

DEFECTS = [
    Defect(
        "a role for copying that S3 may not take on",
        "terraform/media.tf",
        'identifiers = ["s3.amazonaws.com"]',
        'identifiers = ["ec2.amazonaws.com"]',
        "roles_can_be_taken_on",
        "s3.amazonaws.com",
    ),
    Defect(
        "backups that nobody may restore",
        "terraform/backup.tf",
        'toset(["Backup", "Restores"])',
        'toset(["Backup"])',
        "backup_may_restore",
        "Restores",
    ),
    Defect(
        "a deployment that may push no image",
        "terraform/delivery.tf",
        '"ecr:InitiateLayerUpload", "ecr:PutImage",',
        '"ecr:InitiateLayerUpload",',
        "deploy_role_may",
        "ecr:PutImage",
    ),
    Defect(
        "a deployment that may move no service",
        "terraform/delivery.tf",
        '["ecs:DescribeServices", "ecs:UpdateService"]',
        '["ecs:DescribeServices"]',
        "deploy_role_may",
        "ecs:UpdateService",
    ),
    Defect(
        "a deployment that may hand over any role",
        "terraform/delivery.tf",
        'resources = flatten([for region in local.served_regions : ["arn:aws:iam::${local.account_id}:role/${local.prefix}-${region}-*-task", "arn:aws:iam::${local.account_id}:role/${local.prefix}-${region}-*-execution"]])',
        'resources = ["*"]',
        "deploy_role_may",
        "somebody-else",
    ),
    Defect(
        "a plan that reads every secret",
        "terraform/delivery.tf",
        '"secretsmanager:DescribeSecret", "secretsmanager:GetRandomPassword"',
        '"secretsmanager:DescribeSecret", "secretsmanager:Get*"',
        "plan_role_reads_no_data",
        "secretsmanager:GetSecretValue",
    ),
    Defect(
        "a plan that reads people's photos",
        "terraform/delivery.tf",
        '"s3:GetBucket*", ',
        '"s3:Get*", ',
        "plan_role_reads_no_data",
        "s3:GetObject",
    ),
]
