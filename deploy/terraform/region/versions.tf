terraform {
  required_version = ">= 1.10"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.69.1"
    }
  }
}

# The region of this copy of the module is its provider's: the root hands it over.
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  prefix    = "${var.name}-${var.environment}"
  region    = data.aws_region.current.region
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  # What may change the world: schedules and the worker run in one region at a time. The other region has an older copy
  # of the database, and a worker there would settle payments that were settled long ago.
  is_serving = contains(["active", "serving"], var.mode)
  # Where the original of the database is; its instances stay while the other region serves, for the way back.
  is_home = contains(["active", "resting"], var.mode)
}
