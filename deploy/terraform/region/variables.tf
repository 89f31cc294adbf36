# What the root hands over. Every value with a meaningful domain is checked here, once, for both regions.

# --- Who and where ---

variable "name" {
  description = "First half of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "name is 2 to 21 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "environment" {
  description = "Second half of every resource's name: production, staging."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "environment is 2 to 10 lower-case letters and digits, for example production or staging."
  }
  validation {
    condition     = length("${var.name}-${var.environment}") <= 28
    error_message = "name and environment have at most 28 characters together with their hyphen: names of buckets end at 63, with account and region in them."
  }
}

variable "mode" {
  description = "What this region does. The primary is active, or resting while the standby serves: all of it, without worker and schedules. The standby is serving, warm (one task of each web service) or pilot-light (none)."
  type        = string
  default     = "active"

  validation {
    condition     = contains(["active", "resting", "serving", "warm", "pilot-light"], var.mode)
    error_message = "mode is one of active, resting, serving, warm and pilot-light."
  }
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be deleted, and the bucket of its logs while there is something in it."
  type        = bool
  default     = true
}

# --- Network ---

variable "cidr" {
  description = "The network's addresses; the two regions' must differ if they are ever to be joined."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 0, 0)) && try(cidrsubnet(var.cidr, 0, 0) == var.cidr, false)
    error_message = "cidr is a network with its own first address, for example 10.0.0.0/16."
  }
  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr))
    error_message = "cidr is a private network: in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."
  }
  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr has a mask from /16 (the largest VPC there is) to /20 (below, nine subnets become too small)."
  }
}

variable "availability_zones" {
  description = "The three zones, named, so that a new zone at AWS does not move anything."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) == 3 && length(distinct(var.availability_zones)) == 3
    error_message = "availability_zones are three different zones, for example us-east-1a, us-east-1b and us-east-1c."
  }
  validation {
    condition     = alltrue([for zone in var.availability_zones : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", zone))])
    error_message = "availability_zones are names of zones, for example us-east-1a (not ids such as use1-az1)."
  }
}

variable "single_nat" {
  description = "One NAT gateway for all zones: saves two thirds of their price, and a zone's failure may cut all tasks off."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "Private ways to ECR, CloudWatch Logs and Secrets Manager: tasks start and log without NAT; they cost per zone and hour."
  type        = bool
  default     = true
}

# --- The door ---

variable "site_domain" {
  description = "Where people reach the site, without https://."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.site_domain))
    error_message = "site_domain is a bare host name such as courses.example.org."
  }
}

variable "origin_domain" {
  description = "The name under which CloudFront reaches the load balancers of both regions."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.origin_domain))
    error_message = "origin_domain is a bare host name such as origin.courses.example.org."
  }
  validation {
    condition     = var.origin_domain != var.site_domain
    error_message = "origin_domain differs from site_domain: the site's name leads to CloudFront, the origin's to the load balancers."
  }
}

variable "certificate_arn" {
  description = "ACM certificate in this region for site_domain and origin_domain."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "certificate_arn is the ARN of a certificate in ACM: arn:aws:acm:…"
  }
}

variable "origin_secret_arn" {
  description = "Secret with the header value by which the load balancer knows CloudFront: {\"value\": …}, while it is being changed also {\"previous\": …}."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:", var.origin_secret_arn))
    error_message = "origin_secret_arn is the ARN of a secret: arn:aws:secretsmanager:…"
  }
}

# --- What the tasks are given ---

variable "image" {
  description = "The image by digest. What a tag points to can change between two starts of a task; a digest cannot."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is in ECR and named by digest, not by tag: 123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler@sha256:<64 hex digits>."
  }
}

variable "application_secret_arn" {
  description = "Secret with every key that deploy/ecs/*.json name under secrets; none may be missing, some may be empty."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:", var.application_secret_arn))
    error_message = "application_secret_arn is the ARN of a secret: arn:aws:secretsmanager:…"
  }
}

variable "database_secret_arn" {
  description = "Secret with username and password of the application's database user. Tasks read it while they run, so it may rotate."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:", var.database_secret_arn))
    error_message = "database_secret_arn is the ARN of a secret: arn:aws:secretsmanager:…"
  }
}

variable "kms_key_arn" {
  description = "The key of this region that encrypts secrets, logs, database and media."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a key: arn:aws:kms:…"
  }
}

variable "media_bucket_name" {
  description = "The bucket of media in this region."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.media_bucket_name))
    error_message = "media_bucket_name is 3 to 63 lower-case letters, digits and hyphens: with a dot its name would not match Amazon's TLS certificate."
  }
}

variable "media_bucket_arn" {
  description = "The same bucket's ARN."
  type        = string
}

variable "media_cdn_url" {
  description = "CloudFront's address in front of the media, for example https://media.courses.example.org."
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.media_cdn_url))
    error_message = "media_cdn_url begins with https:// and has no path, for example https://media.courses.example.org."
  }
}

variable "cloudfront_key_id" {
  description = "Id of the public key with which CloudFront checks signed addresses; its private half is in the application's secret."
  type        = string
}

variable "backup_bucket_name" {
  description = "Where the nightly dump goes."
  type        = string
}

variable "backup_bucket_arn" {
  description = "The same bucket's ARN."
  type        = string
}

variable "settings" {
  description = "The site's plain settings (.env.example): DEFAULT_FROM_EMAIL and CONTACT_EMAIL, and others such as SELLER_NAME. Never a secret."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["DEFAULT_FROM_EMAIL", "CONTACT_EMAIL"], keys(var.settings))) == 0
    error_message = "settings need DEFAULT_FROM_EMAIL and CONTACT_EMAIL: without them no task starts."
  }

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "settings have names in capitals, as in .env.example: DEFAULT_FROM_EMAIL."
  }
  validation {
    condition     = length(setintersection(keys(var.settings), local.secret_settings)) == 0
    error_message = "settings are readable by everybody who may look at a task. SECRET_KEY, RAZORPAY_*, EMAIL_URL and CLOUDFRONT_PRIVATE_KEY belong into the application's secret."
  }
  validation {
    condition     = length(setintersection(keys(var.settings), local.given_settings)) == 0
    error_message = "settings must not repeat what the task definitions set themselves (deploy/ecs/*.json): a variable that is named twice has one value by accident."
  }
}

# --- Tasks ---

variable "task_cpu" {
  description = "CPU units of a task; 1024 are one processor."
  type        = number
  default     = 512

  validation {
    condition     = contains(keys(local.fargate_memory), tostring(var.task_cpu))
    error_message = "task_cpu is one of 256, 512, 1024, 2048, 4096, 8192 and 16384: Fargate offers no others."
  }
}

variable "task_memory" {
  description = "Memory of a task in MiB."
  type        = number
  default     = 1024

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.task_cpu), []), var.task_memory)
    error_message = "task_memory does not go with task_cpu on Fargate. With 256 units 512, 1024 or 2048; with 512 from 1024 to 4096; with 1024 from 2048 to 8192 (each in steps of 1024); see AWS's table for more."
  }
}

variable "cpu_architecture" {
  description = "X86_64, or ARM64 (Graviton), which is a fifth cheaper and needs an image built for it."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture is X86_64 or ARM64."
  }
}

variable "min_tasks" {
  description = "Fewest tasks of each web service of a region that serves or rests; null takes what deploy/ecs/scaling/*.json say. 0 only before the first deployment."
  type        = number
  default     = null

  validation {
    condition     = var.min_tasks == null || try(var.min_tasks >= 0 && floor(var.min_tasks) == var.min_tasks, false)
    error_message = "min_tasks is a whole number from 0 on, or null."
  }
}

variable "max_tasks" {
  description = "Most tasks of each web service; null takes what deploy/ecs/scaling/*.json say."
  type        = number
  default     = null

  validation {
    condition     = var.max_tasks == null || try(var.max_tasks >= 1 && floor(var.max_tasks) == var.max_tasks, false)
    error_message = "max_tasks is a whole number from 1 on, or null."
  }
  validation {
    condition = alltrue([
      for role in local.web_roles :
      coalesce(var.min_tasks, local.targets[role].MinCapacity) <= coalesce(var.max_tasks, local.targets[role].MaxCapacity)
    ])
    error_message = "min_tasks must not be greater than max_tasks (null stands for 2 and 10 of deploy/ecs/scaling/*.json)."
  }
}

variable "spot_weight" {
  description = "How many tasks of a web service run on Spot for each on-demand one above the first two; 0 uses no Spot. Spot may be taken back with two minutes' notice."
  type        = number
  default     = 3

  validation {
    condition     = var.spot_weight >= 0 && var.spot_weight <= 1000 && floor(var.spot_weight) == var.spot_weight
    error_message = "spot_weight is a whole number from 0 to 1000."
  }
}

variable "launches" {
  description = "Times at which many people are expected: from start to end (UTC) at least so many tasks of these services run. One that is over is taken out: AWS refuses a time that has passed."
  type = list(object({
    name     = string
    start    = string
    end      = string
    tasks    = number
    services = optional(set(string), ["frontend", "backend"])
  }))
  default = []

  validation {
    condition = (
      alltrue([for launch in var.launches : can(regex("^[a-z0-9-]+$", launch.name))])
      && length(distinct(var.launches[*].name)) == length(var.launches)
    )
    error_message = "launches have different names of lower-case letters, digits and hyphens."
  }
  validation {
    condition = alltrue([
      for launch in var.launches :
      try(timecmp(launch.start, launch.end) < 0, false) && endswith(launch.start, "Z") && endswith(launch.end, "Z")
    ])
    error_message = "A launch starts before it ends, both in UTC: start = \"2027-01-10T12:00:00Z\"."
  }
  validation {
    condition = alltrue([
      for launch in var.launches :
      length(launch.services) > 0 && length(setsubtract(launch.services, ["frontend", "backend"])) == 0
    ])
    error_message = "The services of a launch are frontend, backend or both."
  }
  validation {
    condition = alltrue(flatten([
      for launch in var.launches : [
        for service in launch.services : try(launch.tasks >= 1 && launch.tasks <= local.capacity[service].max, false)
      ]
    ]))
    error_message = "The tasks of a launch are from 1 to max_tasks."
  }
}

# --- Database (database.tf) ---

variable "database_engine" {
  description = "What DATABASE_URL says that the cluster understands (docs/database.md)."
  type        = string
  default     = "8.0.2"

  validation {
    condition     = contains(["5.0", "8.0", "8.0.1", "8.0.2"], var.database_engine)
    error_message = "database_engine is one of 5.0, 8.0, 8.0.1 and 8.0.2."
  }
}

variable "database_engine_version" {
  description = "The version that AWS is asked for."
  type        = string
  default     = "8.0.0"

  validation {
    condition     = contains(["5.0.0", "8.0.0"], var.database_engine_version)
    error_message = "database_engine_version is 8.0.0, or 5.0.0 for an old cluster."
  }
}

variable "database_instance_class" {
  description = "Class of every instance; db.serverless goes with database_serverless_capacity."
  type        = string
  default     = "db.t4g.medium"

  validation {
    condition     = startswith(var.database_instance_class, "db.")
    error_message = "database_instance_class begins with db., for example db.t4g.medium or db.r6g.large."
  }
}

variable "database_instances" {
  description = "How many; the first one writes. A standby that does not serve has one."
  type        = number
  default     = 3

  validation {
    condition     = var.database_instances >= 1 && var.database_instances <= 15
    error_message = "database_instances is from 1 to 15, DocumentDB's limit."
  }
}

variable "database_serverless_capacity" {
  description = "Fewest and most capacity units of db.serverless."
  type        = object({ min = number, max = number })
  default     = null
}

variable "database_storage_type" {
  description = "standard, or iopt1, where input and output are in the price of the storage."
  type        = string
  default     = "standard"

  validation {
    condition     = contains(["standard", "iopt1"], var.database_storage_type)
    error_message = "database_storage_type is standard or iopt1."
  }
}

variable "database_backup_days" {
  description = "For how many days the cluster can be restored to any second."
  type        = number
  default     = 7

  validation {
    condition     = var.database_backup_days >= 7 && var.database_backup_days <= 35
    error_message = "database_backup_days is from 7 to 35."
  }
}

variable "database_dr" {
  description = "How data come to the other region: backup-copy or global-cluster."
  type        = string
  default     = "backup-copy"

  validation {
    condition     = contains(["backup-copy", "global-cluster"], var.database_dr)
    error_message = "database_dr is backup-copy or global-cluster."
  }
}

variable "database_global_cluster_id" {
  description = "The global cluster that a standby's cluster joins."
  type        = string
  default     = null
}

variable "database_master_secret_arn" {
  description = "Secret with the master user's name and password, for a global cluster only; else DocumentDB keeps one itself."
  type        = string
  default     = null
}

variable "database_master_password" {
  description = "For a global cluster's primary only; it is written, and never read again nor kept."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "database_master_password_version" {
  description = "Raised when database_master_password is a new one."
  type        = number
  default     = 1
}

variable "database_snapshot_arn" {
  description = "What a standby's cluster is restored from."
  type        = string
  default     = null
}

# --- Watching ---

variable "alarm_topic_arn" {
  description = "SNS topic that reaches a person."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:sns:", var.alarm_topic_arn))
    error_message = "alarm_topic_arn is the ARN of an SNS topic: arn:aws:sns:…"
  }
}

variable "log_retention_days" {
  description = "For how long logs are kept, in days."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is one of the periods that CloudWatch Logs knows: 30, 90, 180, 365, 400, 731, 1096, …"
  }
}
