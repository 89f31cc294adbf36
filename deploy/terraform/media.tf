# The buckets of both regions. Each says by its fields what it is; the resources below are the same for all.
#
#   media    posters, photos, videos, files (docs/media.md); both regions replicate to each other, so that what is
#            uploaded after a fail-over is there when the primary is back
#   static   style sheets and scripts, put there by each deployment
#   backups  nightly logical dumps (manage.py back_up)
#   logs     access logs of the buckets, CloudFront's logs, and what CloudTrail and Config write
locals {
  buckets = {
    media           = { region = local.primary_region, encrypted_by_us = true, logs = "logs" }
    media-standby   = { region = local.standby_region, encrypted_by_us = true, logs = "logs-standby" }
    static          = { region = local.primary_region, encrypted_by_us = false, logs = "logs" }
    static-standby  = { region = local.standby_region, encrypted_by_us = false, logs = "logs-standby" }
    backups         = { region = local.primary_region, encrypted_by_us = true, logs = "logs" }
    backups-standby = { region = local.standby_region, encrypted_by_us = true, logs = "logs-standby" }
    logs            = { region = local.primary_region, encrypted_by_us = false, logs = null }
    logs-standby    = { region = local.standby_region, encrypted_by_us = false, logs = null }
  }

  # What is copied where. incoming/ is not: what nobody has saved within two days is deleted anyway.
  replications = merge({
    media         = { to = "media-standby", prefixes = ["public/", "private/"] }
    media-standby = { to = "media", prefixes = ["public/", "private/"] }
    static        = { to = "static-standby", prefixes = ["static/"] }
    backups       = { to = "backups-standby", prefixes = [""] }
    }, local.standby_serves ? {
    backups-standby = { to = "backups", prefixes = [""] } # Its schedules write the dumps then.
  } : {})

  media_buckets = toset(["media", "media-standby"])

  # What CloudFront may read of a bucket, and for which distribution. incoming/ is never among it.
  published = {
    media          = { prefixes = ["public/*", "private/*"], distribution = aws_cloudfront_distribution.media.arn }
    media-standby  = { prefixes = ["public/*", "private/*"], distribution = aws_cloudfront_distribution.media.arn }
    static         = { prefixes = ["static/*"], distribution = aws_cloudfront_distribution.site.arn }
    static-standby = { prefixes = ["static/*"], distribution = aws_cloudfront_distribution.site.arn }
  }
}

# Names are shared by all of AWS: with the account's number nobody else has taken them.
resource "aws_s3_bucket" "main" {
  for_each = local.buckets
  region   = each.value.region

  bucket        = "${local.prefix}-${each.key}-${local.account_id}"
  force_destroy = !var.protect
}

resource "aws_s3_bucket_public_access_block" "main" {
  for_each = local.buckets
  region   = each.value.region

  bucket                  = aws_s3_bucket.main[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "main" {
  for_each = local.buckets
  region   = each.value.region

  bucket = aws_s3_bucket.main[each.key].id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "main" {
  for_each = local.buckets
  region   = each.value.region

  bucket = aws_s3_bucket.main[each.key].id
  versioning_configuration {
    status = "Enabled"
  }
}

# Logs cannot take our key, because S3's own log delivery does not write with one; static files are public anyway.
resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  for_each = local.buckets
  region   = each.value.region

  bucket = aws_s3_bucket.main[each.key].id
  rule {
    bucket_key_enabled = each.value.encrypted_by_us
    apply_server_side_encryption_by_default {
      sse_algorithm     = each.value.encrypted_by_us ? "aws:kms" : "AES256"
      kms_master_key_id = each.value.encrypted_by_us ? aws_kms_key.main[each.value.region].arn : null
    }
  }
}

resource "aws_s3_bucket_logging" "main" {
  for_each = { for name, bucket in local.buckets : name => bucket if bucket.logs != null }
  region   = each.value.region

  bucket        = aws_s3_bucket.main[each.key].id
  target_bucket = aws_s3_bucket.main[each.value.logs].id
  target_prefix = "s3/${each.key}/"

  depends_on = [aws_s3_bucket_policy.main]
}

# --- How long things are kept ---

locals {
  # days: kept at all; old_days: kept after being deleted or overwritten; cheaper_after: moved to a cheaper class.
  lifecycles = {
    media = [
      { id = "abandoned-uploads", prefix = "incoming/", days = 2, old_days = 1, cheaper_after = null },
      { id = "videos", prefix = "private/videos/", days = null, old_days = 30, cheaper_after = 30 },
      { id = "deleted-media", prefix = "", days = null, old_days = 30, cheaper_after = null },
    ]
    # Nobody deletes old versions of files: a page from yesterday still names them. A few megabytes a deployment.
    static = [{ id = "overwritten", prefix = "", days = null, old_days = 30, cheaper_after = null }]
    # A dump holds people who have deleted their account since; five weeks, like the vault, and no longer.
    backups = [{ id = "old-dumps", prefix = "", days = 35, old_days = 7, cheaper_after = null }]
    logs    = [{ id = "old-logs", prefix = "", days = var.log_retention_days, old_days = 7, cheaper_after = null }]
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  for_each = local.buckets
  region   = each.value.region

  bucket = aws_s3_bucket.main[each.key].id

  dynamic "rule" {
    for_each = local.lifecycles[trimsuffix(each.key, "-standby")]
    content {
      id     = rule.value.id
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      # Parts of an upload that was never joined cost like objects and are shown nowhere.
      abort_incomplete_multipart_upload {
        days_after_initiation = 2
      }

      noncurrent_version_expiration {
        noncurrent_days = rule.value.old_days
      }

      dynamic "expiration" {
        for_each = rule.value.days == null ? [] : [rule.value.days]
        content {
          days = expiration.value
        }
      }

      dynamic "transition" {
        for_each = rule.value.cheaper_after == null ? [] : [rule.value.cheaper_after]
        content {
          days          = transition.value
          storage_class = "INTELLIGENT_TIERING"
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.main]
}

# --- Uploads straight from the browser (courses/storage.py) ---

resource "aws_s3_bucket_cors_configuration" "media" {
  for_each = local.media_buckets
  region   = local.buckets[each.key].region

  bucket = aws_s3_bucket.main[each.key].id
  cors_rule {
    id              = "parts-from-our-pages"
    allowed_origins = ["https://${local.site_domain}"]
    allowed_methods = ["GET", "HEAD", "PUT"]
    allowed_headers = ["content-type", "range"]
    max_age_seconds = 3600
  }
}

# Lets uploads enter AWS's network near the uploader.
resource "aws_s3_bucket_accelerate_configuration" "media" {
  for_each = local.media_buckets
  region   = local.buckets[each.key].region

  bucket = aws_s3_bucket.main[each.key].id
  status = "Enabled"
}

# --- Copies in the other region ---

resource "aws_s3_bucket_replication_configuration" "main" {
  for_each = local.replications
  region   = local.buckets[each.key].region

  bucket = aws_s3_bucket.main[each.key].id
  role   = aws_iam_role.replication.arn

  dynamic "rule" {
    for_each = each.value.prefixes
    content {
      id       = rule.value == "" ? "everything" : trimsuffix(rule.value, "/")
      status   = "Enabled"
      priority = rule.key + 1

      filter {
        prefix = rule.value
      }

      # What is deleted here is deleted there: people's photos have to go everywhere. Old versions stay for a while.
      delete_marker_replication {
        status = "Enabled"
      }

      # S3 leaves out what is encrypted with a key of ours unless told otherwise, and refuses this without the other
      # region's key.
      dynamic "source_selection_criteria" {
        for_each = local.buckets[each.key].encrypted_by_us ? [1] : []
        content {
          sse_kms_encrypted_objects {
            status = "Enabled"
          }
        }
      }

      destination {
        bucket        = aws_s3_bucket.main[each.value.to].arn
        storage_class = "STANDARD"

        # Fifteen minutes, with a metric that the alarm in alarms.tf watches.
        replication_time {
          status = "Enabled"
          time {
            minutes = 15
          }
        }
        metrics {
          status = "Enabled"
          event_threshold {
            minutes = 15
          }
        }

        dynamic "encryption_configuration" {
          for_each = local.buckets[each.value.to].encrypted_by_us ? [1] : []
          content {
            replica_kms_key_id = aws_kms_key.main[local.buckets[each.value.to].region].arn
          }
        }
      }
    }
  }

  # Both ends must keep versions before replication is accepted.
  depends_on = [aws_s3_bucket_versioning.main]
}

resource "aws_iam_role" "replication" {
  name               = "${local.prefix}-replication"
  description        = "S3 copies objects between the buckets of the two regions"
  assume_role_policy = data.aws_iam_policy_document.replication_trust.json
}

data "aws_iam_policy_document" "replication_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role_policy" "replication" {
  name   = "replicate"
  role   = aws_iam_role.replication.id
  policy = data.aws_iam_policy_document.replication.json
}

data "aws_iam_policy_document" "replication" {
  statement {
    sid       = "ReadBuckets"
    actions   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
    resources = [for name, _ in local.replications : aws_s3_bucket.main[name].arn]
  }

  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
    resources = [for name, _ in local.replications : "${aws_s3_bucket.main[name].arn}/*"]
  }

  statement {
    sid       = "WriteCopies"
    actions   = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
    resources = [for _, replication in local.replications : "${aws_s3_bucket.main[replication.to].arn}/*"]
  }

  statement {
    sid       = "Keys"
    actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = [for region in local.regions : aws_kms_key.main[region].arn]
    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = [for region in local.regions : "s3.${region}.amazonaws.com"]
    }
  }
}

# --- Who may do what, beside the roles of this account ---

resource "aws_s3_bucket_policy" "main" {
  for_each = local.buckets
  region   = each.value.region

  bucket = aws_s3_bucket.main[each.key].id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.main]
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.main[each.key].arn, "${aws_s3_bucket.main[each.key].arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = contains(keys(local.published), each.key) ? [local.published[each.key]] : []
    content {
      sid       = "CloudFrontReads"
      actions   = ["s3:GetObject"]
      resources = [for prefix in statement.value.prefixes : "${aws_s3_bucket.main[each.key].arn}/${prefix}"]
      principals {
        type        = "Service"
        identifiers = ["cloudfront.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = [statement.value.distribution]
      }
    }
  }

  # Writers of logs, each into its own folder, and only on this account's behalf.
  dynamic "statement" {
    for_each = startswith(each.key, "logs") ? local.log_writers : {}
    content {
      sid       = "Write${statement.key}"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.main[each.key].arn}/${statement.value.folder}/*"]
      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }
    }
  }

  # CloudTrail and Config look at the bucket before they write.
  dynamic "statement" {
    for_each = startswith(each.key, "logs") ? [1] : []
    content {
      sid       = "LookAtBucket"
      actions   = ["s3:GetBucketAcl", "s3:ListBucket"]
      resources = [aws_s3_bucket.main[each.key].arn]
      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com", "config.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }
    }
  }
}

locals {
  log_writers = {
    Buckets    = { service = "logging.s3.amazonaws.com", folder = "s3" }
    CloudFront = { service = "delivery.logs.amazonaws.com", folder = "cloudfront" }
    Trail      = { service = "cloudtrail.amazonaws.com", folder = "trail" }
    Config     = { service = "config.amazonaws.com", folder = "config" }
  }
}
