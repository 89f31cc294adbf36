# The two regions. Everything that serves is in region/, once; what is global (DNS, CloudFront, registry, secrets,
# buckets, backups, people's rights) is beside this file, by purpose.

module "primary" {
  source = "./region"

  name                = var.name
  environment         = var.environment
  mode                = local.standby_serves ? "resting" : "active"
  deletion_protection = var.protect

  cidr               = var.cidr
  availability_zones = var.availability_zones
  single_nat         = var.single_nat

  interface_endpoints = var.interface_endpoints

  site_domain       = local.site_domain
  origin_domain     = local.origin_domain
  certificate_arn   = aws_acm_certificate_validation.main[local.primary_region].certificate_arn
  origin_secret_arn = aws_secretsmanager_secret_version.origin.arn

  image            = var.image
  task_cpu         = var.task_cpu
  task_memory      = var.task_memory
  cpu_architecture = var.cpu_architecture
  min_tasks        = var.min_tasks
  max_tasks        = var.max_tasks
  spot_weight      = var.spot_weight
  launches         = local.standby_serves ? [] : var.launches
  settings         = local.settings

  application_secret_arn = aws_secretsmanager_secret.main["application"].arn
  database_secret_arn    = aws_secretsmanager_secret.main["database"].arn
  kms_key_arn            = aws_kms_key.main[local.primary_region].arn
  media_bucket_name      = aws_s3_bucket.main["media"].bucket
  media_bucket_arn       = aws_s3_bucket.main["media"].arn
  backup_bucket_name     = aws_s3_bucket.main["backups"].bucket
  backup_bucket_arn      = aws_s3_bucket.main["backups"].arn
  media_cdn_url          = "https://${local.media_domain}"
  cloudfront_key_id      = aws_cloudfront_public_key.media[var.cloudfront_signing_key].id

  database_engine              = var.database_engine_level
  database_engine_version      = var.database_engine_version
  database_instance_class      = var.database_instance_class
  database_serverless_capacity = var.database_serverless_capacity
  database_instances           = var.database_instances
  database_storage_type        = var.database_storage_type
  database_backup_days         = var.database_backup_days
  database_dr                  = local.global_cluster ? "global-cluster" : "backup-copy"
  database_master_secret_arn   = local.global_cluster ? aws_secretsmanager_secret_version.database_master[0].arn : null

  database_master_password         = one(data.aws_secretsmanager_random_password.database_master[*].random_password)
  database_master_password_version = var.database_master_password_version

  alarm_topic_arn    = aws_sns_topic.alarms[local.primary_region].arn
  log_retention_days = var.log_retention_days
}

# The same in us-west-2, with copies in the place of originals.
module "standby" {
  source = "./region"
  count  = local.standby_enabled ? 1 : 0

  providers = {
    aws = aws.standby
  }

  name                = var.name
  environment         = var.environment
  mode                = var.standby
  deletion_protection = var.protect

  cidr               = var.standby_cidr
  availability_zones = var.standby_availability_zones
  single_nat         = local.standby_serves ? var.single_nat : true # A standby that idles would pay for each.

  interface_endpoints = local.standby_serves && var.interface_endpoints # For the same reason.

  site_domain       = local.site_domain
  origin_domain     = local.origin_domain
  certificate_arn   = aws_acm_certificate_validation.main[local.standby_region].certificate_arn
  origin_secret_arn = replace(aws_secretsmanager_secret_version.origin.arn, ":${local.primary_region}:", ":${local.standby_region}:")

  image            = replace(var.image, ".ecr.${local.primary_region}.", ".ecr.${local.standby_region}.")
  task_cpu         = var.task_cpu
  task_memory      = var.task_memory
  cpu_architecture = var.cpu_architecture
  min_tasks        = var.min_tasks
  max_tasks        = var.max_tasks
  spot_weight      = var.spot_weight
  launches         = local.standby_serves ? var.launches : []
  settings         = local.settings

  application_secret_arn = local.standby_secret_arns["application"]
  database_secret_arn    = local.standby_secret_arns["database"]
  kms_key_arn            = aws_kms_key.main[local.standby_region].arn
  media_bucket_name      = aws_s3_bucket.main["media-standby"].bucket
  media_bucket_arn       = aws_s3_bucket.main["media-standby"].arn
  backup_bucket_name     = aws_s3_bucket.main["backups-standby"].bucket
  backup_bucket_arn      = aws_s3_bucket.main["backups-standby"].arn
  media_cdn_url          = "https://${local.media_domain}"
  cloudfront_key_id      = aws_cloudfront_public_key.media[var.cloudfront_signing_key].id

  database_engine              = var.database_engine_level
  database_engine_version      = var.database_engine_version
  database_instance_class      = var.database_instance_class
  database_serverless_capacity = var.database_serverless_capacity
  database_instances           = var.database_instances
  database_storage_type        = var.database_storage_type
  database_backup_days         = var.database_backup_days
  database_dr                  = var.database_dr
  database_global_cluster_id   = local.global_cluster ? aws_docdb_global_cluster.main[0].id : null
  database_snapshot_arn        = var.standby_database_snapshot
  database_master_secret_arn = (
    local.global_cluster
    ? replace(aws_secretsmanager_secret_version.database_master[0].arn, ":${local.primary_region}:", ":${local.standby_region}:")
    : null
  )

  alarm_topic_arn    = aws_sns_topic.alarms[local.standby_region].arn
  log_retention_days = var.log_retention_days
}

# Made around the cluster that is there, so that a site can change from backup copies without losing its database.
resource "aws_docdb_global_cluster" "main" {
  count = local.global_cluster ? 1 : 0

  global_cluster_identifier    = local.prefix
  source_db_cluster_identifier = module.primary.database_cluster_arn
  deletion_protection          = var.protect
}

# What the site is told beside its own settings; a value in var.settings goes first.
locals {
  settings = merge(
    {
      DATABASE_LISTINGS_FROM_SECONDARIES = tostring(var.database_listings_from_secondaries)
      DEFAULT_FROM_EMAIL                 = "CourseBundler <hello@${var.domain}>"
      LOG_LEVEL                          = "INFO"
    },
    var.settings,
  )
}
