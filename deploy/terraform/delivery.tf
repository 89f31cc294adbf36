# GitHub's workflows (.github/workflows) without a key: GitHub vouches for the repository and the environment or branch
# of a run, AWS hands out an hour.
#
#   plan    pull requests and main: reads what Terraform compares, and no data of people
#   deploy  runs in the repository's environment of the same name as ours, which asks a person first: pushes the image,
#           migrates, moves the services, copies static files. It changes no infrastructure: that is applied by a person.

locals {
  github      = "token.actions.githubusercontent.com"
  github_arn  = "arn:aws:iam::${local.account_id}:oidc-provider/${local.github}"
  repository  = "repo:${var.github_repository}"
  state_names = "${var.name}-terraform-state"

  workflow_subjects = {
    plan   = ["${local.repository}:pull_request", "${local.repository}:ref:refs/heads/main"]
    deploy = ["${local.repository}:environment:${var.environment}"]
  }

  # The regions in which there are services to move.
  served_regions = keys(local.origins)
}

# No thumbprint: AWS trusts GitHub's certificate authority itself since 2023.
resource "aws_iam_openid_connect_provider" "github" {
  count = contains(var.account_services, "github") ? 1 : 0

  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "workflow" {
  for_each = local.workflow_subjects

  name                 = "${local.prefix}-${each.key}"
  description          = "GitHub workflows of ${var.github_repository}: ${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.workflow_trust[each.key].json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "workflow_trust" {
  for_each = local.workflow_subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [local.github_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.github}:aud"
      values   = ["sts.amazonaws.com"]
    }
    # Whole subjects, no wildcards: a fork or another branch has another one.
    condition {
      test     = "StringEquals"
      variable = "${local.github}:sub"
      values   = each.value
    }
  }
}

# --- deploy ---

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.workflow["deploy"].id
  policy = data.aws_iam_policy_document.deploy.json
}

data "aws_iam_policy_document" "deploy" {
  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # It takes no other.
  }

  statement {
    sid = "PushImage"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
      "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [for repository in aws_ecr_repository.app : repository.arn]
  }

  # Neither can be restricted to a family: AWS knows no resource for them.
  statement {
    sid       = "TaskDefinitions"
    actions   = ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition"]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = local.served_regions
    }
  }

  statement {
    sid       = "MoveServices"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = [for region in local.served_regions : "arn:aws:ecs:${region}:${local.account_id}:service/${local.prefix}/*"]
  }

  statement {
    sid       = "FollowDeployments"
    actions   = ["ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions", "ecs:ListServiceDeployments", "ecs:StopServiceDeployment"]
    resources = [for region in local.served_regions : "arn:aws:ecs:${region}:${local.account_id}:*/${local.prefix}/*"]
  }

  statement {
    sid       = "Migrate"
    actions   = ["ecs:RunTask"]
    resources = [for region in local.served_regions : "arn:aws:ecs:${region}:${local.account_id}:task-definition/${local.prefix}-migrate:*"]
    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [for region in local.served_regions : "arn:aws:ecs:${region}:${local.account_id}:cluster/${local.prefix}"]
    }
  }

  statement {
    sid       = "FollowTasks"
    actions   = ["ecs:DescribeTasks", "ecs:ListTasks", "ecs:TagResource"]
    resources = ["*"]
    condition {
      test     = "ArnEqualsIfExists"
      variable = "ecs:cluster"
      values   = [for region in local.served_regions : "arn:aws:ecs:${region}:${local.account_id}:cluster/${local.prefix}"]
    }
  }

  statement {
    sid       = "GiveTasksTheirRoles"
    actions   = ["iam:PassRole"]
    resources = flatten([for region in local.served_regions : ["arn:aws:iam::${local.account_id}:role/${local.prefix}-${region}-*-task", "arn:aws:iam::${local.account_id}:role/${local.prefix}-${region}-*-execution"]])
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  # Scheduled commands run the released version too.
  statement {
    sid       = "PointSchedules"
    actions   = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    resources = [for region in local.served_regions : "arn:aws:scheduler:${region}:${local.account_id}:schedule/${local.prefix}/*"]
  }

  statement {
    sid       = "FindSchedules"
    actions   = ["scheduler:ListSchedules"]
    resources = ["*"] # It takes no other.
  }

  statement {
    sid       = "GiveSchedulesTheirRole"
    actions   = ["iam:PassRole"]
    resources = [for region in local.served_regions : "arn:aws:iam::${local.account_id}:role/${local.prefix}-${region}-scheduler"]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["scheduler.amazonaws.com"]
    }
  }

  statement {
    sid       = "ReadLogsOfMigration"
    actions   = ["logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = [for region in local.served_regions : "arn:aws:logs:${region}:${local.account_id}:log-group:/${local.prefix}/migrate:*"]
  }

  statement {
    sid       = "StaticFiles"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.main["static"].arn}/static/*"]
  }

  statement {
    sid       = "ListStaticFiles"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.main["static"].arn]
  }

  statement {
    sid       = "ForgetAtTheEdge"
    actions   = ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
    resources = [aws_cloudfront_distribution.site.arn]
  }

  # Before and after: is something ringing?
  statement {
    sid       = "LookAtAlarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["*"]
  }
}

# --- plan; deploy too, which looks first whether the infrastructure is what these files say ---

resource "aws_iam_role_policy" "plan" {
  for_each = local.workflow_subjects

  name   = "plan"
  role   = aws_iam_role.workflow[each.key].id
  policy = data.aws_iam_policy_document.plan.json
}

data "aws_iam_policy_document" "plan" {
  # How things are set up, of the services that these files use. No Get on S3 objects, secrets, logs or queues: data
  # is not needed for a plan.
  statement {
    sid = "ReadSettings"
    actions = [
      "access-analyzer:Get*", "access-analyzer:List*", "acm:Describe*", "acm:List*", "application-autoscaling:Describe*",
      "application-autoscaling:List*", "backup:Describe*", "backup:Get*", "backup:List*", "budgets:Describe*", "budgets:List*",
      "budgets:ViewBudget", "ce:Get*", "ce:List*", "cloudfront:Describe*", "cloudfront:Get*", "cloudfront:List*",
      "cloudtrail:Describe*", "cloudtrail:Get*", "cloudtrail:List*", "cloudwatch:Describe*", "cloudwatch:GetDashboard",
      "cloudwatch:List*", "config:Describe*", "config:List*", "ec2:Describe*", "ec2:GetManagedPrefixListEntries",
      "ecr:Describe*", "ecr:GetLifecyclePolicy", "ecr:GetRegistryScanningConfiguration", "ecr:GetRepositoryPolicy", "ecr:List*",
      "ecs:Describe*", "ecs:List*", "elasticloadbalancing:Describe*", "events:Describe*", "events:List*",
      "fis:Get*", "fis:List*", "guardduty:Get*", "guardduty:List*", "iam:Get*", "iam:List*", "inspector2:BatchGetAccountStatus",
      "inspector2:Get*", "inspector2:List*", "kms:Describe*", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:GetPublicKey",
      "kms:List*", "logs:Describe*", "logs:GetDelivery*", "logs:List*", "rds:Describe*", "rds:List*", "route53:Get*",
      "route53:List*", "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListAllMyBuckets", "scheduler:Get*",
      "scheduler:List*", "secretsmanager:DescribeSecret", "secretsmanager:GetRandomPassword",
      "secretsmanager:GetResourcePolicy", "securityhub:Describe*", "securityhub:Get*", "sns:Get*", "sns:List*",
      "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags", "tag:GetResources", "wafv2:Get*", "wafv2:List*",
    ]
    resources = ["*"]
  }

  # The one secret that the files read (secrets.tf).
  statement {
    sid       = "ReadOriginSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.main["origin"].arn, local.standby_secret_arns["origin"]]
  }

  statement {
    sid       = "DecryptThem"
    actions   = ["kms:Decrypt"]
    resources = [for key in aws_kms_key.main : key.arn]
    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["secretsmanager.*.amazonaws.com"]
    }
  }

  statement {
    sid       = "ReadState"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = ["arn:aws:s3:::${local.state_names}-${local.account_id}", "arn:aws:s3:::${local.state_names}-${local.account_id}/${var.environment}/*"]
  }

  # terraform plan -lock=false needs neither of these; with a lock it writes and removes one small object.
  statement {
    sid       = "LockState"
    actions   = ["s3:DeleteObject", "s3:PutObject"]
    resources = ["arn:aws:s3:::${local.state_names}-${local.account_id}/${var.environment}/*.tflock"]
  }

  statement {
    sid       = "DecryptState"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["arn:aws:kms:${local.primary_region}:${local.account_id}:key/*"]
    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "kms:ResourceAliases"
      values   = ["alias/${local.state_names}"]
    }
  }
}
