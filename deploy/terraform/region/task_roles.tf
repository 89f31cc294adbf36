# Who may do what. Each task has two roles: the execution role with which ECS starts it (pull the image, put the secrets
# into the environment, write the log) and the task role of the code inside. IAM knows no regions, so their names do.

locals {
  # Roles of the code inside: of the five kinds of task, and of the scheduled commands that need more than a database.
  code_roles = toset(concat(tolist(local.task_roles), ["backup", "drill", "rotation", "uploads"]))

  # Keys of media: docs/media.md. Staff upload through the backend; what the frontend writes are people's photos, and
  # what it reads are captions. Videos and files it only signs addresses for, with CloudFront's key.
  bucket_rights = {
    frontend = {
      list   = ["s3:ListBucket"]
      read   = ["private/captions/*"]
      write  = ["public/photos/*"]
      delete = ["public/photos/*"]
    }
    backend = {
      list   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
      read   = ["*"]
      write  = ["*"]
      delete = ["*"]
    }
    uploads = {
      list   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
      read   = []
      write  = []
      delete = ["incoming/*"]
    }
  }

  # Where GuardDuty's agent comes from, which it puts beside each task (security.tf of the root)
  # (https://docs.aws.amazon.com/guardduty/latest/ug/ecs-runtime-agent-ecr-image-uri.html, read 2026-11-22).
  guardduty_accounts = { us-east-1 = "593207742271", us-west-2 = "733349766148" }

  bucket_roles     = concat(keys(local.bucket_rights), ["backup", "drill", "migrate"])
  encrypting_roles = ["frontend", "backend", "backup", "rotation"] # They write what is encrypted with our key.

  repository = regex("^(?P<account>[0-9]+)\\.dkr\\.ecr\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.com/(?P<name>[^@]+)@", var.image)
  repository_arn = join(":", [
    "arn", local.partition, "ecr", local.repository.region, local.repository.account, "repository/${local.repository.name}"
  ])
}

# --- Trust: ECS of this account and region, and nobody whom ECS might be talked into acting for ---

data "aws_iam_policy_document" "tasks_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:ecs:${local.region}:${local.account}:*"]
    }
  }
}

# --- Starting a task ---

resource "aws_iam_role" "execution" {
  for_each = local.task_roles

  name               = "${local.prefix}-${local.region}-${each.key}-execution"
  description        = "Starts ${each.key} tasks: image, secrets, log."
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.task_roles

  name   = "start"
  role   = aws_iam_role.execution[each.key].id
  policy = data.aws_iam_policy_document.execution[each.key].json
}

data "aws_iam_policy_document" "execution" {
  for_each = local.task_roles

  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # It takes no other; the token opens what the next statement allows.
  }
  statement {
    sid       = "PullImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [local.repository_arn, "arn:${local.partition}:ecr:${local.region}:${local.guardduty_accounts[local.region]}:repository/aws-guardduty-agent-fargate"]
  }
  statement {
    sid       = "WriteOwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.tasks[each.key].arn}:*"]
  }
  statement {
    sid       = "ReadSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.application_secret_arn]
  }
  statement {
    sid       = "DecryptSecrets"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${local.region}.amazonaws.com"]
    }
  }
}

# --- What the code may do ---

resource "aws_iam_role" "task" {
  for_each = local.code_roles

  name               = "${local.prefix}-${local.region}-${each.key}-task"
  description        = "What the code of ${each.key} tasks may do."
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

resource "aws_iam_role_policy" "task" {
  for_each = local.code_roles

  name   = "work"
  role   = aws_iam_role.task[each.key].id
  policy = data.aws_iam_policy_document.task[each.key].json
}

data "aws_iam_policy_document" "task" {
  for_each = local.code_roles

  statement {
    sid       = "DatabasePassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.database_secret_arn]
  }

  # The bucket and the secrets are encrypted with one key; the service through which it is used says for what.
  statement {
    sid       = "Decrypt"
    actions   = concat(["kms:Decrypt"], contains(local.encrypting_roles, each.key) ? ["kms:GenerateDataKey"] : [])
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values = concat(
        ["secretsmanager.${local.region}.amazonaws.com"],
        contains(local.bucket_roles, each.key) ? ["s3.${local.region}.amazonaws.com"] : [],
      )
    }
  }

  dynamic "statement" {
    for_each = each.key == "rotation" ? [1] : []
    content {
      sid       = "ChangePassword"
      actions   = ["secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
      resources = [var.database_secret_arn]
    }
  }
  dynamic "statement" {
    for_each = contains(["migrate", "rotation"], each.key) ? [1] : []
    content {
      sid       = "MasterUser" # Migrations make rules (collMod); the rotation makes the application's user.
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [local.database_master_secret_arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "backup" ? [1] : []
    content {
      sid       = "WriteDumps"
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${var.backup_bucket_arn}/dumps/*"]
    }
  }
  dynamic "statement" {
    for_each = contains(["drill", "migrate"], each.key) ? [1] : [] # migrate: a real restore makes tables.
    content {
      sid       = "ReadDumps"
      actions   = ["s3:GetObject"]
      resources = ["${var.backup_bucket_arn}/dumps/*"]
    }
  }
  dynamic "statement" {
    for_each = contains(["drill", "migrate"], each.key) ? [1] : []
    content {
      sid       = "FindNewestDump"
      actions   = ["s3:ListBucket"]
      resources = [var.backup_bucket_arn]
    }
  }

  dynamic "statement" {
    for_each = contains(keys(local.bucket_rights), each.key) ? [local.bucket_rights[each.key].list] : []
    content {
      sid       = "ListMedia" # Without it S3 answers 403 for what is not there, and the site calls that a fault.
      actions   = statement.value
      resources = [var.media_bucket_arn]
    }
  }
  dynamic "statement" {
    for_each = [for keys in [try(local.bucket_rights[each.key].read, [])] : keys if length(keys) > 0]
    content {
      sid       = "ReadMedia"
      actions   = ["s3:GetObject"]
      resources = [for keys in statement.value : "${var.media_bucket_arn}/${keys}"]
    }
  }
  dynamic "statement" {
    for_each = [for keys in [try(local.bucket_rights[each.key].write, [])] : keys if length(keys) > 0]
    content {
      sid       = "WriteMedia"
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
      resources = [for keys in statement.value : "${var.media_bucket_arn}/${keys}"]
    }
  }
  dynamic "statement" {
    for_each = [for keys in [try(local.bucket_rights[each.key].delete, [])] : keys if length(keys) > 0]
    content {
      sid       = "DeleteMedia"
      actions   = ["s3:DeleteObject", "s3:AbortMultipartUpload"]
      resources = [for keys in statement.value : "${var.media_bucket_arn}/${keys}"]
    }
  }
}

# --- EventBridge Scheduler: starts tasks of one family in one cluster ---

resource "aws_iam_role" "scheduler" {
  name               = "${local.prefix}-${local.region}-scheduler"
  description        = "Starts scheduled commands."
  assume_role_policy = data.aws_iam_policy_document.scheduler_assume.json
}

data "aws_iam_policy_document" "scheduler_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_scheduler_schedule_group.main.arn]
    }
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "start"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "StartCommands"
    actions   = ["ecs:RunTask"]
    resources = ["arn:${local.partition}:ecs:${local.region}:${local.account}:task-definition/${local.prefix}-scheduled:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.main.arn]
    }
  }
  statement {
    sid       = "TagThem"
    actions   = ["ecs:TagResource"]
    resources = ["arn:${local.partition}:ecs:${local.region}:${local.account}:task/${local.prefix}/*"]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }
  statement {
    sid     = "GiveThemTheirRoles"
    actions = ["iam:PassRole"]
    resources = concat(
      [aws_iam_role.execution["scheduled"].arn],
      [for role in distinct([for schedule in local.schedules : schedule.role]) : aws_iam_role.task[role].arn],
      [aws_iam_role.task["scheduled"].arn],
    )

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
  statement {
    sid       = "SayWhatDidNotStart"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.unstarted.arn]
  }
}
