# No value is written here. The runbook puts them (aws secretsmanager put-secret-value), tasks and commands read them,
# and each is replicated to us-west-2, encrypted with the key over there.
#
# Rotation without a Lambda function: `manage.py rotate_database_password`, run monthly by EventBridge Scheduler
# (region/schedules.tf), makes the application's user with its roles, changes its password and writes the secret. It is
# the same image, network and driver that the site uses, and tested like it; AWS's function for DocumentDB would be
# one more program in the network, with a database driver of its own that somebody has to keep up to date.
locals {
  secrets = {
    application = "SECRET_KEY, SECRET_KEY_FALLBACKS, RAZORPAY_KEY_ID, RAZORPAY_KEY_SECRET, RAZORPAY_WEBHOOK_SECRET, RAZORPAY_WEBHOOK_SECRET_PREVIOUS, EMAIL_URL, CLOUDFRONT_PRIVATE_KEY"
    database    = "username, password of the application's database user, which reads and writes one database and no more"
    origin      = "value: what CloudFront says to the load balancer in X-Origin-Verify; previous: what is accepted as well"
  }

  # A replica has its original's ARN but for the region.
  standby_secret_arns = {
    for name, secret in aws_secretsmanager_secret.main :
    name => replace(secret.arn, ":${local.primary_region}:", ":${local.standby_region}:")
  }
}

resource "aws_secretsmanager_secret" "main" {
  for_each = local.secrets

  name                    = "${var.name}/${var.environment}/${each.key}"
  description             = each.value
  kms_key_id              = aws_kms_key.main[local.primary_region].arn
  recovery_window_in_days = var.protect ? 30 : 7

  # After a fail-over the one over there was cut loose to be writable (runbook); the way back replaces it.
  force_overwrite_replica_secret = true

  replica {
    region     = local.standby_region
    kms_key_id = aws_kms_key.main[local.standby_region].arn
  }
}

# Nobody outside this account, whatever a policy elsewhere says, and nobody without TLS.
resource "aws_secretsmanager_secret_policy" "main" {
  for_each = aws_secretsmanager_secret.main

  secret_arn          = each.value.arn
  block_public_policy = true
  policy              = data.aws_iam_policy_document.secret.json
}

data "aws_iam_policy_document" "secret" {
  statement {
    sid       = "OwnAccountOnly"
    effect    = "Deny"
    actions   = ["secretsmanager:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalAccount"
      values   = [local.account_id]
    }
    condition {
      test     = "Bool"
      variable = "aws:PrincipalIsAWSService"
      values   = ["false"]
    }
  }
}

# --- What CloudFront and the load balancer know and nobody else ---
#
# The first value is drawn by Secrets Manager. Terraform writes it once and never again; the runbook's "rotate the
# origin's secret" writes {"value": new, "previous": old} and applies twice.
#
# The value is in Terraform's state, in CloudFront's configuration and in the listener's rule: that cannot be otherwise,
# both want it in plain. It is acceptable because the state is encrypted with its own key and readable by the deploying
# roles only (bootstrap/), and because all that it opens is the load balancer, past the firewall, to a site that
# checks every login itself.
data "aws_secretsmanager_random_password" "origin" {
  region              = local.standby_region # Drawn where it can be drawn while us-east-1 is away: the standby's plan asks, too.
  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "origin" {
  secret_id     = aws_secretsmanager_secret.main["origin"].id
  secret_string = jsonencode({ value = data.aws_secretsmanager_random_password.origin.random_password, previous = "" })

  lifecycle {
    ignore_changes = [secret_string]
  }
}

# Both readers, this one and region/balancer.tf, take what is in the secret now, not what was written first.
data "aws_secretsmanager_secret_version" "origin" {
  secret_id = aws_secretsmanager_secret_version.origin.secret_id
}

# --- The database's master user in a global cluster ---
#
# DocumentDB manages that password itself (region/database.tf), but not for clusters of a global cluster
# (docs.aws.amazon.com/documentdb/latest/developerguide/docdb-secrets-manager.html, "Limitations", read 2026-11-22).
# It is written to the secret and to the cluster once, by arguments that leave no trace in the state; raising
# database_master_password_version writes a new one to both. (What Secrets Manager drew is in the state until the next
# plan draws again.)
resource "aws_secretsmanager_secret" "database_master" {
  count = local.global_cluster ? 1 : 0

  name                    = "${var.name}/${var.environment}/database-master"
  description             = "username, password of the master user, for a global cluster only"
  kms_key_id              = aws_kms_key.main[local.primary_region].arn
  recovery_window_in_days = var.protect ? 30 : 7

  replica {
    region     = local.standby_region
    kms_key_id = aws_kms_key.main[local.standby_region].arn
  }
}

data "aws_secretsmanager_random_password" "database_master" {
  count  = local.global_cluster ? 1 : 0
  region = local.standby_region

  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "database_master" {
  count = local.global_cluster ? 1 : 0

  secret_id = aws_secretsmanager_secret.database_master[0].id
  secret_string_wo = jsonencode({
    username = "coursebundler_master"
    password = data.aws_secretsmanager_random_password.database_master[0].random_password
  })
  secret_string_wo_version = var.database_master_password_version
}
