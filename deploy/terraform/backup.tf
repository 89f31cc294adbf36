# Nightly snapshots of the database in a vault of their own, each copied to us-west-2, both locked: nobody, not even
# an administrator, shortens how long they are kept without first lifting the lock, which CloudTrail shows. Beside
# them: DocumentDB's own backups to any second of a week (region/database.tf), nightly logical dumps (manage.py
# back_up), and the versioned, replicated buckets (media.tf).

resource "aws_backup_vault" "main" {
  for_each = local.regions
  region   = each.value

  name          = local.prefix
  kms_key_arn   = aws_kms_key.main[each.value].arn
  force_destroy = !var.protect
}

# Governance mode. Compliance mode (changeable_for_days) could not be undone by anybody, AWS included, and a mistake in
# backup_days would be paid for until it ends.
resource "aws_backup_vault_lock_configuration" "main" {
  for_each = var.protect ? local.regions : toset([])
  region   = each.value

  backup_vault_name  = aws_backup_vault.main[each.value].name
  min_retention_days = 7
  max_retention_days = 366
}

# Of the primary's database always; of the standby's too while that one takes the orders.
locals {
  backed_up = merge(
    { (local.primary_region) = { cluster = module.primary.database_cluster_arn, copied_to = local.standby_region } },
    { for region in [local.standby_region] : region => {
      cluster = module.standby[0].database_cluster_arn, copied_to = local.primary_region
    } if local.standby_serves },
  )
}

resource "aws_backup_plan" "nightly" {
  for_each = local.backed_up
  region   = each.key

  name = local.prefix

  rule {
    rule_name         = "nightly"
    target_vault_name = aws_backup_vault.main[each.key].name
    schedule          = "cron(45 23 * * ? *)" # UTC, after DocumentDB's own window.
    start_window      = 60                    # Minutes.
    completion_window = 480

    lifecycle {
      delete_after = var.backup_days
    }

    copy_action {
      destination_vault_arn = aws_backup_vault.main[each.value.copied_to].arn
      lifecycle {
        delete_after = var.backup_days
      }
    }
  }
}

resource "aws_backup_selection" "database" {
  for_each = local.backed_up
  region   = each.key

  name         = "database"
  plan_id      = aws_backup_plan.nightly[each.key].id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = [each.value.cluster]
}

# Every week a backup is really restored, into a cluster that AWS deletes again, and an event says how it went. What is
# in it, manage.py restore_drill looks at (runbook).
resource "aws_backup_restore_testing_plan" "weekly" {
  name                         = replace("${local.prefix}_weekly", "-", "_")
  schedule_expression          = "cron(0 2 ? * SUN *)"
  schedule_expression_timezone = "UTC"
  start_window_hours           = 4

  recovery_point_selection {
    algorithm             = "LATEST_WITHIN_WINDOW"
    include_vaults        = [aws_backup_vault.main[local.primary_region].arn]
    recovery_point_types  = ["SNAPSHOT"]
    selection_window_days = 7
  }
}

resource "aws_backup_restore_testing_selection" "database" {
  name                      = "database"
  restore_testing_plan_name = aws_backup_restore_testing_plan.weekly.name
  protected_resource_type   = "DocumentDB"
  protected_resource_arns   = [module.primary.database_cluster_arn]
  iam_role_arn              = aws_iam_role.backup.arn
  validation_window_hours   = 1

  restore_metadata_overrides = {
    dbSubnetGroupName = module.primary.database_subnet_group_name
  }
}

resource "aws_iam_role" "backup" {
  name               = "${local.prefix}-backup"
  description        = "AWS Backup makes, copies and tries out backups of the database"
  assume_role_policy = data.aws_iam_policy_document.backup_trust.json
}

data "aws_iam_policy_document" "backup_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset(["Backup", "Restores"])

  role       = aws_iam_role.backup.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor${each.value}"
}

# --- When it does not work ---

resource "aws_cloudwatch_event_rule" "backup_failed" {
  for_each = local.regions
  region   = each.value

  name        = "${local.prefix}-${each.value}-backup-failed"
  description = "A backup, its copy or the weekly restore did not work. deploy/README.md#alarm-backup-failed"
  event_pattern = jsonencode({
    source      = ["aws.backup"]
    detail-type = ["Backup Job State Change", "Copy Job State Change", "Restore Job State Change"]
    detail      = { "$or" = [{ state = ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"] }, { status = ["ABORTED", "FAILED"] }] }
  })
}

resource "aws_cloudwatch_event_target" "backup_failed" {
  for_each = local.regions
  region   = each.value

  rule = aws_cloudwatch_event_rule.backup_failed[each.value].name
  arn  = aws_sns_topic.alarms[each.value].arn
}

# A plan that was switched off fails nothing: this is about the night in which nothing happened.
resource "aws_cloudwatch_metric_alarm" "backup_missing" {
  for_each = local.backed_up
  region   = each.key

  alarm_name          = "${local.prefix}-backup-missing"
  alarm_description   = "No backup of the database was made for a day. deploy/README.md#alarm-backup-missing"
  namespace           = "AWS/Backup"
  metric_name         = "NumberOfBackupJobsCompleted"
  dimensions          = { ResourceType = "DocumentDB" }
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms[each.key].arn]
  ok_actions          = [aws_sns_topic.alarms[each.key].arn]
}
