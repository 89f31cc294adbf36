terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.69.1"
    }
  }

  # Where the state is kept comes from environments/<environment>.s3.tfbackend; bootstrap/ makes that bucket.
  backend "s3" {}
}
