"""Roles of tasks: one mistake for each rule of rules/roles.py, or more."""

from deploy.check.seeded.defect import REGION, Defect

ROLES = f"{REGION}/task_roles.tf"

DEFECTS = [
    Defect(
        "the frontend reads every file",
        ROLES,
        'read   = ["private/captions/*"]',
        'read   = ["*"]',
        "tasks_may_what_they_must",
        "which frontend does not need",
    ),
    Defect(
        "the backup may delete backups",
        ROLES,
        '["s3:PutObject", "s3:AbortMultipartUpload"]\n      resources = ["${var.backup',
        '["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]\n      resources = ["${var.backup',
        "tasks_may_what_they_must",
        "which backup does not need",
    ),
    Defect(
        "the frontend knows the cluster's own user",
        ROLES,
        'contains(["migrate", "rotation"], each.key)',
        'contains(["migrate", "rotation", "frontend"], each.key)',
        "tasks_may_what_they_must",
        "on master, which frontend",
    ),
    Defect(
        "a rotation that cannot write",
        ROLES,
        '"secretsmanager:PutSecretValue", ',
        "",
        "tasks_may_what_they_must",
        "may not secretsmanager:PutSecretValue",
    ),
    Defect(
        "abandoned uploads with videos that are sold",
        ROLES,
        'delete = ["incoming/*"]',
        'delete = ["*"]',
        "tasks_may_what_they_must",
        "which uploads does not need",
    ),
    Defect(
        "a backup that cannot be encrypted",
        ROLES,
        '["frontend", "backend", "backup", "rotation"]',
        '["frontend", "backend", "rotation"]',
        "keys_go_with_the_work",
        "backup",
    ),
    Defect(
        "media that cannot be decrypted",
        ROLES,
        'contains(local.bucket_roles, each.key) ? ["s3',
        'contains(["backend"], each.key) ? ["s3',
        "keys_go_with_the_work",
        "frontend",
    ),
    Defect(
        "every task may read every secret to start",
        ROLES,
        "    resources = [var.application_secret_arn]",
        "    resources = [var.application_secret_arn, var.database_secret_arn]",
        "execution_roles_only_start",
        "reads the secret database",
    ),
    Defect(
        "tasks write each other's logs",
        ROLES,
        "aws_cloudwatch_log_group.tasks[each.key].arn",
        'aws_cloudwatch_log_group.tasks["frontend"].arn',
        "execution_roles_only_start",
        "writes",
    ),
    Defect(
        "an image that nobody may pull",
        ROLES,
        "resources = [local.repository_arn, ",
        "resources = [",
        "execution_roles_only_start",
        "may not pull",
    ),
    Defect(
        "a machine may be a task",
        ROLES,
        'identifiers = ["ecs-tasks.amazonaws.com"]',
        'identifiers = ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]',
        "only_tasks_have_the_roles",
        "ec2",
    ),
    Defect(
        "one of AWS's policies on a task",
        ROLES,
        "# --- What the code may do ---",
        """# --- What the code may do ---

resource "aws_iam_role_policy_attachment" "read" {
  role       = aws_iam_role.task["worker"].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
}""",
        "only_tasks_have_the_roles",
        "AmazonS3ReadOnlyAccess",
    ),
    Defect(
        "every task with the backend's role",
        f"{REGION}/cluster.tf",
        "task_role_arn      = aws_iam_role.task[role].arn",
        'task_role_arn      = aws_iam_role.task["backend"].arn',
        "tasks_have_their_own_roles",
        "worker",
    ),
    Defect(
        "a scheduler for any cluster",
        ROLES,
        """    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.main.arn]
    }
""",
        "",
        "scheduler_starts_commands_only",
        "any cluster",
    ),
    Defect(
        "a scheduler that passes every task's role",
        ROLES,
        "distinct([for schedule in local.schedules : schedule.role])",
        "local.code_roles",
        "scheduler_starts_commands_only",
        "backend-task",
    ),
    Defect(
        "tasks that use any key",
        ROLES,
        """    sid       = "DecryptSecrets"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]""",
        """    sid       = "DecryptSecrets"
    actions   = ["kms:Decrypt"]
    resources = ["*"]""",
        "execution_roles_only_start",
        "uses the keys",
    ),
    Defect(
        "a scheduler that may not tag",
        ROLES,
        '"ecs:TagResource"',
        '"ecs:ListTagsForResource"',
        "scheduler_starts_commands_only",
        "may not tag",
    ),
]
