# The image's repository, the same in both regions: what is pushed to us-east-1 is replicated.
resource "aws_ecr_repository" "app" {
  for_each = local.regions
  region   = each.value

  name                 = local.prefix
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.protect

  # Basic scanning at each push; where account_services has "registry", the account's enhanced scanning replaces it.
  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.main[each.value].arn
  }
}

resource "aws_ecr_lifecycle_policy" "app" {
  for_each = local.regions
  region   = each.value

  repository = aws_ecr_repository.app[each.value].name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "What has no tag was never deployed"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Fifty versions to roll back to"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 50 }
        action       = { type = "expire" }
      },
    ]
  })
}

# Both belong to the account's registry, not to a repository: the filter names every environment's repository.
resource "aws_ecr_registry_scanning_configuration" "enhanced" {
  for_each = contains(var.account_services, "registry") ? local.regions : toset([])
  region   = each.value

  scan_type = "ENHANCED"

  rule {
    scan_frequency = "CONTINUOUS_SCAN"
    repository_filter {
      filter      = "${var.name}-*"
      filter_type = "WILDCARD"
    }
  }

  depends_on = [aws_inspector2_enabler.images]
}

# Enhanced scanning is Amazon Inspector's.
resource "aws_inspector2_enabler" "images" {
  for_each = contains(var.account_services, "registry") ? local.regions : toset([])
  region   = each.value

  account_ids    = [local.account_id]
  resource_types = ["ECR"]
}

resource "aws_ecr_replication_configuration" "standby" {
  count = contains(var.account_services, "registry") ? 1 : 0

  replication_configuration {
    rule {
      destination {
        region      = local.standby_region
        registry_id = local.account_id
      }
      repository_filter {
        filter      = "${var.name}-"
        filter_type = "PREFIX_MATCH"
      }
    }
  }

  # The repository must be there first, or replication makes one without key, scanning and lifecycle.
  depends_on = [aws_ecr_repository.app]
}
