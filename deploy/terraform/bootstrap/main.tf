# The bucket in which Terraform keeps its state, and its copy in us-west-2 for the day on which us-east-1 is away
# (README.md beside this folder). Made once for an account, before everything else:
#
#   terraform -chdir=deploy/terraform/bootstrap init
#   terraform -chdir=deploy/terraform/bootstrap apply
#
# The state of these few resources stays in this folder and need not be kept: they can be imported again by their names.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.69.1"
    }
  }
}

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = { Application = var.name, ManagedBy = "terraform", Purpose = "terraform-state" }
  }
}

variable "name" {
  description = "The same as in the configuration beside this folder."
  type        = string
  default     = "coursebundler"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

data "aws_caller_identity" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  # delivery.tf gives the workflows' roles access by these names.
  state_name = "${var.name}-terraform-state"
  buckets = {
    us-east-1 = "${local.state_name}-${local.account_id}"
    us-west-2 = "${local.state_name}-copy-${local.account_id}"
  }
}

# Keys of their own: the state holds the value of the origin's header (secrets.tf).
resource "aws_kms_key" "state" {
  for_each = local.buckets
  region   = each.key

  description             = "Terraform's state of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account_id}:root"]
    }
  }
}

resource "aws_kms_alias" "state" {
  for_each = local.buckets
  region   = each.key

  name          = "alias/${local.state_name}"
  target_key_id = aws_kms_key.state[each.key].key_id
}

resource "aws_s3_bucket" "state" {
  for_each = local.buckets
  region   = each.key

  bucket = each.value

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  for_each = local.buckets
  region   = each.key

  bucket                  = aws_s3_bucket.state[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  for_each = local.buckets
  region   = each.key

  bucket = aws_s3_bucket.state[each.key].id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# The way back from a state that was written wrongly.
resource "aws_s3_bucket_versioning" "state" {
  for_each = local.buckets
  region   = each.key

  bucket = aws_s3_bucket.state[each.key].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  for_each = local.buckets
  region   = each.key

  bucket = aws_s3_bucket.state[each.key].id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.state[each.key].arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  for_each = local.buckets
  region   = each.key

  bucket = aws_s3_bucket.state[each.key].id
  rule {
    id     = "old-states"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days           = 365
      newer_noncurrent_versions = 20
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_policy" "state" {
  for_each = local.buckets
  region   = each.key

  bucket = aws_s3_bucket.state[each.key].id
  policy = data.aws_iam_policy_document.state[each.key].json
}

data "aws_iam_policy_document" "state" {
  for_each = local.buckets

  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.state[each.key].arn, "${aws_s3_bucket.state[each.key].arn}/*"]
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
}

# --- The copy ---

resource "aws_s3_bucket_replication_configuration" "state" {
  bucket = aws_s3_bucket.state["us-east-1"].id
  role   = aws_iam_role.replication.arn

  rule {
    id       = "everything"
    status   = "Enabled"
    priority = 1

    filter {
      prefix = ""
    }
    # A lock that was taken and given back must not stay taken over there.
    delete_marker_replication {
      status = "Enabled"
    }
    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }
    destination {
      bucket        = aws_s3_bucket.state["us-west-2"].arn
      storage_class = "STANDARD"
      encryption_configuration {
        replica_kms_key_id = aws_kms_key.state["us-west-2"].arn
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_iam_role" "replication" {
  name               = "${local.state_name}-replication"
  description        = "S3 copies Terraform's state to us-west-2"
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
    actions   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
    resources = [aws_s3_bucket.state["us-east-1"].arn]
  }
  statement {
    actions   = ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"]
    resources = ["${aws_s3_bucket.state["us-east-1"].arn}/*"]
  }
  statement {
    actions   = ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"]
    resources = ["${aws_s3_bucket.state["us-west-2"].arn}/*"]
  }
  statement {
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.state["us-east-1"].arn]
  }
  statement {
    actions   = ["kms:Encrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.state["us-west-2"].arn]
  }
}

output "bucket" {
  description = "For terraform init -backend-config=bucket=…"
  value       = aws_s3_bucket.state["us-east-1"].bucket
}

output "copy" {
  description = "The same in us-west-2."
  value       = aws_s3_bucket.state["us-west-2"].bucket
}
