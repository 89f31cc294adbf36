# DocumentDB: one cluster, an instance in each zone, reachable by our tasks only (security_groups.tf).
#
#   mode         database_dr     cluster
#   active       either          writes; its own master password, unless it is part of a global cluster
#   resting      either          the same: kept whole for the way back
#   serving      either          as many instances as the primary, of the cluster that warm had
#   warm         backup-copy     one instance of its own, restored from database_snapshot_arn (empty without)
#   pilot-light  backup-copy     none until a snapshot is named: the runbook's fail-over
#   both         global-cluster  one instance that follows the primary within a second or so

locals {
  in_global_cluster = var.database_dr == "global-cluster"
  follows           = local.in_global_cluster && !local.is_home
  has_database      = local.is_home || local.follows || contains(["serving", "warm"], var.mode) || var.database_snapshot_arn != null

  database_count = !local.has_database ? 0 : local.is_home || local.is_serving ? var.database_instances : 1

  # Without a cluster there is nothing to connect to, and the name says so in the log of whoever tries.
  database_endpoint = local.has_database ? aws_docdb_cluster.main[0].endpoint : "no-database-yet.invalid"

  # With which `rotate_database_password` makes the application's user. DocumentDB rotates the managed one weekly.
  database_master_secret_arn = (
    local.in_global_cluster ? var.database_master_secret_arn :
    local.has_database ? aws_docdb_cluster.main[0].master_user_secret[0].secret_arn : var.database_secret_arn
  )

  database_name = "${local.prefix}-${local.region}"
}

resource "aws_docdb_subnet_group" "main" {
  name        = local.database_name
  description = "Three zones, no way to the internet"
  subnet_ids  = local.database_subnet_ids
}

resource "aws_docdb_cluster_parameter_group" "main" {
  name        = replace("${local.database_name}-${var.database_engine_version}", ".", "-")
  family      = "docdb${join(".", slice(split(".", var.database_engine_version), 0, 2))}"
  description = "TLS, audit, slow queries"

  parameter {
    name         = "tls"
    value        = "tls1.2+"
    apply_method = "pending-reboot"
  }

  # Who logged in, and what changed the schema, users or rights. Not each read and write: the site's own log says who
  # did what, and every query in a log would be people's data a second time.
  parameter {
    name         = "audit_logs"
    value        = "ddl"
    apply_method = "immediate"
  }

  parameter {
    name         = "profiler"
    value        = "enabled"
    apply_method = "immediate"
  }

  # Milliseconds. A page's queries take a few each.
  parameter {
    name         = "profiler_threshold_ms"
    value        = "100"
    apply_method = "immediate"
  }

  # Sessions, cached pages and limits end by TTL indexes.
  parameter {
    name         = "ttl_monitor"
    value        = "enabled"
    apply_method = "pending-reboot"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_docdb_cluster" "main" {
  count = local.has_database ? 1 : 0

  cluster_identifier = local.database_name
  engine             = "docdb"
  engine_version     = var.database_engine_version

  # The master user does nothing but make the application's user (manage.py rotate_database_password). A follower has
  # the users of the one it follows.
  master_username             = local.follows ? null : "coursebundler_master"
  manage_master_user_password = local.in_global_cluster ? null : true
  master_password_wo          = local.in_global_cluster && local.is_home ? var.database_master_password : null
  master_password_wo_version  = local.in_global_cluster && local.is_home ? var.database_master_password_version : null

  global_cluster_identifier = local.follows ? var.database_global_cluster_id : null
  snapshot_identifier       = local.follows ? null : var.database_snapshot_arn

  db_subnet_group_name            = aws_docdb_subnet_group.main.name
  db_cluster_parameter_group_name = aws_docdb_cluster_parameter_group.main.name
  vpc_security_group_ids          = [aws_security_group.database.id]
  port                            = 27017

  storage_encrypted = true
  kms_key_id        = var.kms_key_arn
  storage_type      = var.database_storage_type

  # Within these days the cluster can be restored to any second.
  backup_retention_period      = var.database_backup_days
  preferred_backup_window      = "22:30-23:30" # UTC: India sleeps, and the dump of 21:00 is done.
  preferred_maintenance_window = "sun:21:30-sun:22:00"

  enabled_cloudwatch_logs_exports = ["audit", "profiler"]

  # Naming a snapshot replaces a standby's cluster. That may happen to the empty one of a warm standby, and never again:
  # from then on it may hold orders.
  deletion_protection       = var.deletion_protection && (local.is_home || local.follows || var.database_snapshot_arn != null)
  skip_final_snapshot       = false
  final_snapshot_identifier = "${local.database_name}-final"
  apply_immediately         = false

  dynamic "serverless_v2_scaling_configuration" {
    for_each = var.database_serverless_capacity == null ? [] : [var.database_serverless_capacity]
    content {
      min_capacity = serverless_v2_scaling_configuration.value.min
      max_capacity = serverless_v2_scaling_configuration.value.max
    }
  }

  lifecycle {
    # The primary is made part of a global cluster from outside (main.tf of the root).
    ignore_changes = [global_cluster_identifier]
  }

  # Else DocumentDB makes the groups itself, without end and without our key.
  depends_on = [aws_cloudwatch_log_group.database]
}

resource "aws_docdb_cluster_instance" "main" {
  count = local.database_count

  identifier         = "${local.database_name}-${count.index}"
  cluster_identifier = aws_docdb_cluster.main[0].id
  instance_class     = var.database_instance_class

  # One in each zone in turn. The second takes over when the first is lost, then the third: fewer surprises than
  # letting DocumentDB choose.
  availability_zone = var.availability_zones[count.index % 3]
  promotion_tier    = min(count.index, 15)

  ca_cert_identifier           = "rds-ca-rsa2048-g1"
  copy_tags_to_snapshot        = true
  apply_immediately            = false
  preferred_maintenance_window = "sun:${18 + count.index % 3}:00-sun:${18 + count.index % 3}:30" # Never two at once.
}

# A fail-over, a restart, a full disk: DocumentDB says so itself.
resource "aws_docdb_event_subscription" "main" {
  for_each = local.has_database ? {
    db-cluster  = ["failover", "failure", "maintenance", "notification"]
    db-instance = ["availability", "failure", "notification"]
  } : {}

  name             = "${local.database_name}-${each.key}"
  sns_topic_arn    = var.alarm_topic_arn
  source_type      = each.key
  source_ids       = each.key == "db-cluster" ? [aws_docdb_cluster.main[0].id] : aws_docdb_cluster_instance.main[*].id
  event_categories = each.value
}

output "database_cluster_arn" {
  description = "Known once an instance runs: a global cluster takes no cluster without one."
  value       = local.has_database ? aws_docdb_cluster.main[0].arn : null
  depends_on  = [aws_docdb_cluster_instance.main]
}

output "database_cluster_id" {
  value = local.has_database ? aws_docdb_cluster.main[0].id : null
}

output "database_subnet_group_name" {
  value = aws_docdb_subnet_group.main.name
}

output "database_master_secret_arn" {
  value = local.database_master_secret_arn
}
