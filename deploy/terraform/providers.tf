provider "aws" {
  region = local.primary_region

  default_tags {
    tags = local.tags
  }
}

# For module.standby. Single resources in the standby region name it by their `region` argument instead, so that one
# for_each covers both regions.
provider "aws" {
  alias  = "standby"
  region = local.standby_region

  default_tags {
    tags = local.tags
  }
}
