# --- Who and where ---

variable "name" {
  description = "First part of every resource's name."
  type        = string
  default     = "coursebundler"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and hyphens, beginning with a letter: bucket names are made from it."
  }
}

variable "environment" {
  description = "production or staging: second part of every name, and which settings file is meant."
  type        = string

  validation {
    condition     = contains(["production", "staging"], var.environment)
    error_message = "The environment must be production or staging."
  }
}

variable "domain" {
  description = "The DNS zone that Terraform makes, such as example.org; every other domain is this one or one label below it."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "The domain must be a plain domain name in lower case, such as example.org, without https:// and without a slash."
  }
}

variable "site_domain" {
  description = "Where people reach the site; courses.<domain> unless set."
  type        = string
  default     = null

  validation {
    condition     = var.site_domain == null || can(regex("^([a-z0-9-]+\\.)?${replace(var.domain, ".", "\\.")}$", var.site_domain))
    error_message = "The site's domain must be the domain itself or one label below it, because the certificate covers no more: example.org or courses.example.org."
  }
}

variable "media_domain" {
  description = "CloudFront's address for posters and videos; media.<domain> unless set."
  type        = string
  default     = null

  validation {
    condition     = var.media_domain == null || can(regex("^[a-z0-9-]+\\.${replace(var.domain, ".", "\\.")}$", var.media_domain))
    error_message = "The media domain must be one label below the domain, because the certificate covers no more: media.example.org."
  }
}

variable "origin_domain" {
  description = "What CloudFront asks for pages, and what fails over between the regions; origin.<domain> unless set."
  type        = string
  default     = null

  validation {
    condition     = var.origin_domain == null || can(regex("^[a-z0-9-]+\\.${replace(var.domain, ".", "\\.")}$", var.origin_domain))
    error_message = "The origin's domain must be one label below the domain, because the certificate covers no more: origin.example.org."
  }

  validation {
    condition     = length(distinct(compact([var.site_domain, var.media_domain, var.origin_domain]))) == length(compact([var.site_domain, var.media_domain, var.origin_domain]))
    error_message = "The site, media and origin domains must differ: they lead to different places."
  }
}

# --- Network ---

variable "cidr" {
  description = "Addresses of the network in us-east-1."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && endswith(var.cidr, "/16") && try(cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "The network must be a /16 that begins at its first address, such as 10.0.0.0/16: nine subnets of fixed sizes are cut from it."
  }

  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr))
    error_message = "The network must have private addresses: 10.x, 172.16 to 172.31 or 192.168."
  }
}

variable "standby_cidr" {
  description = "Addresses of the network in us-west-2; different, so that the two can be peered one day."
  type        = string
  default     = "10.1.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.standby_cidr)) && endswith(var.standby_cidr, "/16") && try(cidrhost(var.standby_cidr, 0) == split("/", var.standby_cidr)[0], false)
    error_message = "The standby's network must be a /16 that begins at its first address, such as 10.1.0.0/16."
  }

  validation {
    condition     = var.standby_cidr != var.cidr
    error_message = "The networks of the two regions must not overlap."
  }
}

variable "availability_zones" {
  description = "Three zones of us-east-1, named so that a plan never moves a subnet."
  type        = list(string)
  default     = ["us-east-1a", "us-east-1b", "us-east-1c"]

  validation {
    condition     = length(distinct(var.availability_zones)) == 3 && alltrue([for zone in var.availability_zones : can(regex("^us-east-1[a-f]$", zone))])
    error_message = "Name three different zones of us-east-1."
  }

  validation {
    condition     = !contains(var.availability_zones, "us-east-1e")
    error_message = "us-east-1e has neither the newer instance classes nor every service; take another zone."
  }
}

variable "standby_availability_zones" {
  description = "Three zones of us-west-2."
  type        = list(string)
  default     = ["us-west-2a", "us-west-2b", "us-west-2c"]

  validation {
    condition     = length(distinct(var.standby_availability_zones)) == 3 && alltrue([for zone in var.standby_availability_zones : can(regex("^us-west-2[a-d]$", zone))])
    error_message = "Name three different zones of us-west-2."
  }
}

variable "single_nat" {
  description = "One NAT gateway instead of one in each zone: about $65 a month less, and a zone's failure may take all outgoing traffic along."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "Private ways from us-east-1's tasks to ECR, CloudWatch Logs and Secrets Manager: tasks start and log although NAT is down. Twelve of them cost more than two NAT gateways."
  type        = bool
  default     = true
}

# --- Services ---

variable "image" {
  description = "The image in this account's registry in us-east-1, by digest: a tag could change between two starts of a task."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "The image must be named by its digest: …/repository@sha256:<64 hexadecimal digits>. A tag may mean something else tomorrow."
  }

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.us-east-1\\.amazonaws\\.com/", var.image))
    error_message = "The image must come from a registry in us-east-1 (<account>.dkr.ecr.us-east-1.amazonaws.com/…): the standby takes the replica in us-west-2."
  }
}

variable "task_cpu" {
  description = "CPU units of a task; 1024 are one processor."
  type        = number
  default     = 512

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.task_cpu)
    error_message = "Fargate has tasks of 256, 512, 1024, 2048 or 4096 CPU units."
  }
}

variable "task_memory" {
  description = "Memory of a task in MiB."
  type        = number
  default     = 1024

  validation {
    condition = contains(lookup({
      256  = [512, 1024, 2048]
      512  = [1024, 2048, 3072, 4096]
      1024 = range(2048, 8193, 1024)
      2048 = range(4096, 16385, 1024)
      4096 = range(8192, 30721, 1024)
    }, var.task_cpu, []), var.task_memory)
    error_message = "Fargate does not pair this much memory with this much CPU: 256 units go with 512, 1024 or 2048 MiB, 512 with 1024 to 4096, 1024 with 2048 to 8192, 2048 with 4096 to 16384, 4096 with 8192 to 30720, in steps of 1024."
  }
}

variable "cpu_architecture" {
  description = "X86_64, or ARM64 (Graviton): a fifth cheaper, and the image must be built for it."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "The architecture must be X86_64 or ARM64."
  }
}

variable "min_tasks" {
  description = "Fewest tasks of each web service; unless set, what deploy/ecs/scaling/*.json say (2). 0 only before the first image is there."
  type        = number
  default     = null

  validation {
    condition     = var.min_tasks == null ? true : var.min_tasks == 0 || var.min_tasks >= 2 && floor(var.min_tasks) == var.min_tasks
    error_message = "Each web service needs at least 2 tasks: with one, its failure is the site's. (0 is for the first apply, before there is an image.)"
  }

  validation {
    condition     = coalesce(var.min_tasks, local.scaling_target.MinCapacity) <= coalesce(var.max_tasks, local.scaling_target.MaxCapacity)
    error_message = "min_tasks must not be greater than max_tasks."
  }
}

variable "max_tasks" {
  description = "Most tasks of each web service; unless set, what deploy/ecs/scaling/*.json say (10)."
  type        = number
  default     = null

  validation {
    condition     = var.max_tasks == null ? true : var.max_tasks >= 1 && var.max_tasks <= 100 && floor(var.max_tasks) == var.max_tasks
    error_message = "max_tasks must be a whole number from 1 to 100; above that look at the limits in docs/scaling.md first."
  }
}

variable "spot_weight" {
  description = "Of the tasks above min_tasks, how many on Fargate Spot for each one on demand; 0 takes none."
  type        = number
  default     = 1

  validation {
    condition     = var.spot_weight >= 0 && var.spot_weight <= 1000 && floor(var.spot_weight) == var.spot_weight
    error_message = "spot_weight must be a whole number from 0 to 1000."
  }
}

variable "launches" {
  description = "Times at which many people are expected: from start to end (UTC, 2027-01-10T12:00:00Z) at least so many tasks of these services run. One that is over is taken out: AWS refuses a time that has passed."
  type = list(object({
    name     = string
    start    = string
    end      = string
    tasks    = number
    services = optional(set(string), ["frontend", "backend"])
  }))
  default = []
}

variable "settings" {
  description = "The site's plain settings (.env.example), such as CONTACT_EMAIL or SELLER_NAME. No secrets: they are readable in the task definition."
  type        = map(string)

  validation {
    condition     = contains(keys(var.settings), "CONTACT_EMAIL")
    error_message = "settings needs CONTACT_EMAIL: without it no task starts."
  }

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", key))])
    error_message = "Names of settings are upper-case letters, digits and underscores."
  }

  validation {
    condition     = alltrue([for key in keys(var.settings) : !can(regex("SECRET|PASSWORD|PRIVATE_KEY|^EMAIL_URL$|^DATABASE_URL$|^DEBUG$", key)) || key == "DATABASE_SECRET_ARN"])
    error_message = "settings is readable by everybody who may look at a task definition: put secrets into the application's secret, and never set DEBUG or DATABASE_URL here."
  }
}

# --- Database ---

variable "database_engine_version" {
  description = "Version of DocumentDB that AWS is asked for."
  type        = string
  default     = "8.0.0"

  validation {
    condition     = contains(["5.0.0", "8.0.0"], var.database_engine_version)
    error_message = "DocumentDB must be 8.0.0, or 5.0.0 for an old cluster (docs/database.md)."
  }
}

variable "database_engine_level" {
  description = "What the site may expect of the engine: 8.0.2 only when the cluster runs that patch (aws docdb describe-db-clusters)."
  type        = string
  default     = "8.0.2"

  validation {
    condition     = contains(["5.0", "8.0", "8.0.1", "8.0.2"], var.database_engine_level) && startswith(var.database_engine_level, substr(var.database_engine_version, 0, 3))
    error_message = "The level must be 5.0, 8.0, 8.0.1 or 8.0.2, and belong to database_engine_version."
  }
}

variable "database_instance_class" {
  description = "Class of the database's instances, or db.serverless with database_serverless_capacity."
  type        = string
  default     = "db.t4g.medium"

  validation {
    condition     = can(regex("^db\\.(t3\\.medium|t4g\\.medium|(r5|r6g|r8g)\\.(large|[0-9]*xlarge)|r6gd\\.[0-9]*xlarge|serverless)$", var.database_instance_class))
    error_message = "DocumentDB has db.t3.medium, db.t4g.medium, db.r5.*, db.r6g.*, db.r6gd.*, db.r8g.* and db.serverless."
  }
}

variable "database_serverless_capacity" {
  description = "Fewest and most capacity units of db.serverless."
  type        = object({ min = number, max = number })
  default     = null

  validation {
    condition     = (var.database_serverless_capacity != null) == (var.database_instance_class == "db.serverless")
    error_message = "database_serverless_capacity goes with the class db.serverless, and with no other."
  }

  validation {
    condition     = var.database_serverless_capacity == null ? true : var.database_serverless_capacity.min >= 0.5 && var.database_serverless_capacity.max <= 256 && var.database_serverless_capacity.min <= var.database_serverless_capacity.max
    error_message = "The capacity must lie between 0.5 and 256 units, the fewest first."
  }
}

variable "database_instances" {
  description = "Instances of the cluster, each in another zone: one writes, the others read and take over."
  type        = number
  default     = 3

  validation {
    condition     = var.database_instances >= 1 && var.database_instances <= 15 && floor(var.database_instances) == var.database_instances
    error_message = "A cluster has 1 to 15 instances."
  }

  validation {
    condition     = var.environment != "production" || var.database_instances >= 2
    error_message = "Production needs at least 2 database instances: fail-over within a minute needs somebody to fail over to."
  }
}

variable "database_storage_type" {
  description = "standard, or iopt1: storage three times as dear and no charge for input and output."
  type        = string
  default     = "standard"

  validation {
    condition     = contains(["standard", "iopt1"], var.database_storage_type)
    error_message = "The storage type must be standard or iopt1."
  }
}

variable "database_backup_days" {
  description = "For how many days the database can be restored to any second."
  type        = number
  default     = 7

  validation {
    condition     = var.database_backup_days >= 7 && var.database_backup_days <= 35
    error_message = "Backups must be kept for 7 to 35 days."
  }
}

variable "database_master_password_version" {
  description = "For a global cluster only: raise it to give the master user a new password."
  type        = number
  default     = 1

  validation {
    condition     = var.database_master_password_version >= 1 && floor(var.database_master_password_version) == var.database_master_password_version
    error_message = "database_master_password_version must be a whole number from 1 on."
  }
}

variable "database_listings_from_secondaries" {
  description = "Whether the catalogue's lists may come from secondaries, some seconds old (docs/database.md)."
  type        = bool
  default     = true
}

# --- The standby in us-west-2 ---

variable "standby" {
  description = "none: copies of the data only. pilot-light: network, balancer and services without tasks as well. warm: with tasks and a database that run. serving: as the primary otherwise, which rests meanwhile: traffic, worker and schedules are over there (runbook)."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "pilot-light", "warm", "serving"], var.standby)
    error_message = "The standby must be none, pilot-light, warm or serving."
  }
}

variable "database_dr" {
  description = "backup-copy: nightly copies of backups go to us-west-2. global-cluster: DocumentDB replicates there within a second or so."
  type        = string
  default     = "backup-copy"

  validation {
    condition     = contains(["backup-copy", "global-cluster"], var.database_dr)
    error_message = "database_dr must be backup-copy or global-cluster."
  }

  validation {
    condition     = var.database_dr != "global-cluster" || can(regex("^db\\.(r5|r6g)\\.", var.database_instance_class))
    error_message = "DocumentDB's global clusters take db.r5 and db.r6g instances only, no db.t4g: choose such a class, or database_dr = \"backup-copy\"."
  }

  validation {
    condition     = var.database_dr != "global-cluster" || var.standby != "none"
    error_message = "A global cluster needs a network in the standby region: set standby to pilot-light or warm."
  }
}

variable "standby_database_snapshot" {
  description = "ARN of the snapshot in us-west-2 that the standby's database is restored from; the runbook's fail-over says which."
  type        = string
  default     = null

  validation {
    condition     = var.standby_database_snapshot == null || can(regex("^arn:aws:rds:us-west-2:[0-9]{12}:cluster-snapshot:", var.standby_database_snapshot))
    error_message = "The snapshot must be the ARN of a cluster snapshot in us-west-2."
  }

  validation {
    condition     = var.standby != "serving" || var.database_dr == "global-cluster" || var.standby_database_snapshot != null
    error_message = "A standby that serves needs data: name standby_database_snapshot, the one that its database was restored from, or it would open an empty school."
  }
}

variable "failover" {
  description = "Who turns the traffic to us-west-2: automatic (health checks) or manual (a metric that the runbook sets). Automatic with a global cluster, else manual."
  type        = string
  default     = null

  validation {
    condition     = var.failover == null || contains(["automatic", "manual"], coalesce(var.failover, "manual"))
    error_message = "failover must be automatic or manual."
  }

  validation {
    condition     = var.failover != "automatic" || var.database_dr == "global-cluster"
    error_message = "With backup copies the standby's data are up to a day old: turning to it by itself would lose orders and split the books. Use failover = \"manual\", or database_dr = \"global-cluster\"."
  }
}

# --- Media ---

variable "cloudfront_public_keys" {
  description = "Public RSA keys (PEM) whose private halves sign the addresses of paid media, by a name of one's own; two while one is being replaced."
  type        = map(string)

  validation {
    condition     = length(var.cloudfront_public_keys) >= 1 && length(var.cloudfront_public_keys) <= 5
    error_message = "Give one to five public keys: without one nobody can watch a paid lecture."
  }

  validation {
    condition     = alltrue([for key in values(var.cloudfront_public_keys) : startswith(trimspace(key), "-----BEGIN PUBLIC KEY-----")])
    error_message = "A key must be a public RSA key in PEM form (openssl rsa -in key.pem -pubout), and never the private one."
  }
}

variable "cloudfront_signing_key" {
  description = "Which of cloudfront_public_keys belongs to the private key in the application's secret."
  type        = string

  validation {
    condition     = contains(keys(var.cloudfront_public_keys), var.cloudfront_signing_key)
    error_message = "cloudfront_signing_key must be a name in cloudfront_public_keys."
  }
}

variable "price_class" {
  description = "Where CloudFront serves from. PriceClass_200 has India; PriceClass_100 has only North America and Europe."
  type        = string
  default     = "PriceClass_200"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "The price class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

# --- Guarding ---

variable "protect" {
  description = "Whether database, balancer, buckets and vault refuse to be deleted. Only a staging that is thrown away is without."
  type        = bool
  default     = true

  validation {
    condition     = var.protect || var.environment != "production"
    error_message = "Production stays protected from deletion."
  }
}

variable "rate_limit" {
  description = "Requests from one address within five minutes before it gets 429. Mobile networks put hundreds of people behind one address."
  type        = number
  default     = 3000

  validation {
    condition     = var.rate_limit >= 100 && var.rate_limit <= 2000000
    error_message = "The rate limit must lie between 100 and 2,000,000 requests in five minutes."
  }
}

variable "login_rate_limit" {
  description = "The same for login, registration and password pages."
  type        = number
  default     = 200

  validation {
    condition     = var.login_rate_limit >= 10 && var.login_rate_limit <= var.rate_limit
    error_message = "The login limit must be at least 10, and not above rate_limit."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 400

  validation {
    condition     = contains([365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days, and a year is the least here."
  }
}

variable "backup_days" {
  description = "How long the vaults keep the nightly backups, in both regions."
  type        = number
  default     = 35

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 365
    error_message = "The vaults keep backups for 7 to 365 days."
  }
}

variable "dnssec" {
  description = "Whether the zone is signed. The parent's DS record (output dnssec_ds_record) goes to the registrar afterwards."
  type        = bool
  default     = true
}

variable "dns_query_logs" {
  description = "Whether every DNS query is logged."
  type        = bool
  default     = true
}

variable "account_services" {
  description = "What exists once in an account and is owned by this environment: registry (scanning and replication of images), github, cloudtrail, guardduty, config, securityhub, access-analyzer."
  type        = set(string)
  default     = ["registry", "github", "cloudtrail", "guardduty", "config", "securityhub", "access-analyzer"]

  validation {
    condition     = length(setsubtract(var.account_services, ["registry", "github", "cloudtrail", "guardduty", "config", "securityhub", "access-analyzer"])) == 0
    error_message = "account_services knows registry, github, cloudtrail, guardduty, config, securityhub and access-analyzer."
  }
}

variable "game_day" {
  description = "Whether the templates of AWS Fault Injection Service exist (stop half of the tasks, cut off one zone). They cost nothing until they run."
  type        = bool
  default     = false
}

# --- People ---

variable "alarm_emails" {
  description = "Who is told of alarms, backups that failed and money; each must confirm AWS's mail once."
  type        = set(string)

  validation {
    condition     = length(var.alarm_emails) >= 1 && alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "Name at least one e-mail address: an alarm that nobody reads is none."
  }
}

variable "monthly_budget_usd" {
  description = "The month's bill, in US dollars, that people are warned of at 80 % and, as a forecast, at 100 %."
  type        = number

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "The budget must be more than nothing."
  }
}

variable "github_repository" {
  description = "owner/name of the repository whose workflows may plan and deploy."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "The repository must be written owner/name, without wildcards: anybody whom it names can deploy."
  }
}
