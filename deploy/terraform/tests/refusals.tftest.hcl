# What must be refused, with a sentence, before anything is asked of AWS. A run takes seconds, so each tries many
# variables at once: every one of them, by itself, must say no, and each has one thing wrong with it.

variables {
  environment            = "production"
  domain                 = "example.org"
  image                  = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-production@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  alarm_emails           = ["operations@example.org"]
  monthly_budget_usd     = 900
  github_repository      = "example/coursebundler"
  settings               = { CONTACT_EMAIL = "contact@example.org" }
  cloudfront_signing_key = "first"
  cloudfront_public_keys = { first = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----" }
}

run "first" {
  command = plan
  variables {
    name                    = "Course Bundler"
    image                   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-production:latest"
    min_tasks               = 1
    task_cpu                = 300
    cpu_architecture        = "SPARC"
    spot_weight             = -1
    cidr                    = "10.0.0.0"
    availability_zones      = ["us-east-1a", "us-east-1b"]
    standby                 = "hot"
    database_instance_class = "db.m5.large"
    database_backup_days    = 5
    database_storage_type   = "fast"
    settings                = { CONTACT_EMAIL = "contact@example.org", RAZORPAY_KEY_SECRET = "x" }
    cloudfront_public_keys  = {}
    media_domain            = "media.example.com"
    price_class             = "PriceClass_Free"
    log_retention_days      = 30
    backup_days             = 1
    protect                 = false
    rate_limit              = 5
    alarm_emails            = []
    monthly_budget_usd      = 0
    github_repository       = "example/*"
    account_services        = ["macie"]
  }
  expect_failures = [
    var.name,
    var.image,
    var.min_tasks,
    var.task_cpu,
    var.cpu_architecture,
    var.spot_weight,
    var.cidr,
    var.availability_zones,
    var.standby,
    var.database_instance_class,
    var.database_backup_days,
    var.database_storage_type,
    var.settings,
    var.cloudfront_public_keys,
    var.media_domain,
    var.price_class,
    var.log_retention_days,
    var.backup_days,
    var.protect,
    var.rate_limit,
    var.alarm_emails,
    var.monthly_budget_usd,
    var.github_repository,
    var.account_services,
  ]
}

run "second" {
  command = plan
  variables {
    image                   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-production@sha256:1234"
    min_tasks               = 6
    max_tasks               = 4
    task_cpu                = 256
    task_memory             = 4096
    cidr                    = "54.0.0.0/16"
    availability_zones      = ["us-east-1a", "us-east-1b", "us-east-1b"]
    standby                 = "warm"
    database_dr             = "global-cluster"
    database_instance_class = "db.t4g.medium"
    database_instances      = 1
    settings                = { CONTACT_EMAIL = "contact@example.org", DEBUG = "true" }
    cloudfront_public_keys  = { first = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----" }
    site_domain             = "a.b.example.org"
    login_rate_limit        = 5
    alarm_emails            = ["operations"]
  }
  expect_failures = [
    var.image,
    var.min_tasks,
    var.task_memory,
    var.cidr,
    var.availability_zones,
    var.database_dr,
    var.database_instances,
    var.settings,
    var.cloudfront_public_keys,
    var.site_domain,
    var.login_rate_limit,
    var.alarm_emails,
  ]
}

run "third" {
  command = plan
  variables {
    database_instances      = 16
    image                   = "docker.io/library/python@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    min_tasks               = 11
    cidr                    = "10.0.0.0/24"
    availability_zones      = ["us-east-1a", "us-east-1b", "us-east-1e"]
    database_dr             = "global-cluster"
    database_instance_class = "db.r6g.large"
    database_engine_version = "5.0.0"
    database_engine_level   = "8.0.2"
    settings                = { SELLER_NAME = "School" }
    cloudfront_signing_key  = "second"
    origin_domain           = "origin"
  }
  expect_failures = [
    var.database_instances,
    var.image,
    var.min_tasks,
    var.cidr,
    var.availability_zones,
    var.database_dr,
    var.database_engine_level,
    var.settings,
    var.cloudfront_signing_key,
    var.origin_domain,
  ]
}

run "fourth" {
  command = plan
  variables {
    database_master_password_version = 0
    settings                         = { CONTACT_EMAIL = "contact@example.org", seller_name = "School" }
    max_tasks                        = 7.5
    standby_cidr                     = "10.0.0.0/16"
    standby                          = "warm"
    failover                         = "automatic"
    database_instance_class          = "db.serverless"
    standby_availability_zones       = ["us-east-1a", "us-west-2b", "us-west-2c"]
    site_domain                      = "same.example.org"
    origin_domain                    = "same.example.org"
    standby_database_snapshot        = "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:x"
  }
  expect_failures = [
    var.database_master_password_version,
    var.settings,
    var.max_tasks,
    var.standby_cidr,
    var.failover,
    var.database_serverless_capacity,
    var.standby_availability_zones,
    var.origin_domain,
    var.standby_database_snapshot,
  ]
}

run "fifth" {
  command = plan
  variables {
    cidr                         = "10.0.3.0/16"
    database_instance_class      = "db.serverless"
    database_serverless_capacity = { min = 4, max = 2 }
    min_tasks                    = 2.5
    failover                     = "perhaps"
    standby                      = "serving"
  }
  expect_failures = [
    var.cidr,
    var.database_serverless_capacity,
    var.min_tasks,
    var.failover,
    var.standby_database_snapshot,
  ]
}

run "sixth" {
  command = plan
  variables {
    environment             = "testing"
    domain                  = "https://example.org/"
    standby_cidr            = "10.1.0.0/24"
    database_engine_version = "4.0.0"
    database_dr             = "snapshots"
  }
  expect_failures = [
    var.environment,
    var.domain,
    var.standby_cidr,
    var.database_engine_version,
    var.database_dr,
  ]
}
