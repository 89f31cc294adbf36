# The cluster, and the five task definitions of deploy/ecs/*.json with the values of this region in them.

locals {
  # What Fargate sells: CPU units, and the MiB that go with them
  # (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html, read 2026-11-22).
  fargate_memory = {
    "256"   = [512, 1024, 2048]
    "512"   = range(1024, 4097, 1024)
    "1024"  = range(2048, 8193, 1024)
    "2048"  = range(4096, 16385, 1024)
    "4096"  = range(8192, 30721, 1024)
    "8192"  = range(16384, 61441, 4096)
    "16384" = range(32768, 122881, 8192)
  }

  task_files     = "${path.module}/../../ecs"
  web_roles      = toset(["frontend", "backend"])
  service_roles  = toset(["frontend", "backend", "worker"])
  task_roles     = toset(["frontend", "backend", "worker", "migrate", "scheduled"])
  task_log_names = { for role in local.task_roles : role => "/${local.prefix}/${role}" }

  task_values = {
    prefix                 = local.prefix
    region                 = local.region
    image                  = var.image
    task_cpu               = var.task_cpu
    task_memory            = var.task_memory
    cpu_architecture       = var.cpu_architecture
    site_domain            = var.site_domain
    database_engine        = var.database_engine
    database_secret_arn    = var.database_secret_arn
    application_secret_arn = var.application_secret_arn
    media_bucket_name      = var.media_bucket_name
    media_cdn_url          = var.media_cdn_url
    cloudfront_key_id      = var.cloudfront_key_id
    backup_bucket_name     = var.backup_bucket_name
  }
  # What is known only once it has been made.
  task_references = {
    for role in local.task_roles : role => {
      execution_role_arn = aws_iam_role.execution[role].arn
      task_role_arn      = aws_iam_role.task[role].arn
      log_group          = aws_cloudwatch_log_group.tasks[role].name
      database_endpoint  = local.database_endpoint
      # Only two files have a place for it, and only the roles of migrations and of the rotation may read it.
      database_master_secret_arn = local.database_master_secret_arn
    }
  }
  tasks = {
    for role in local.task_roles :
    role => jsondecode(templatefile("${local.task_files}/${role}.json", merge(
      local.task_values, local.task_references[role]
    )))
  }
  # The same without references, so that a plan can show the rest.
  task_shapes = {
    for role in local.task_roles : role => jsondecode(templatefile("${local.task_files}/${role}.json", merge(
      local.task_values, { for name in keys(local.task_references[role]) : name => "" }
    )))
  }

  # The site's plain settings are added here and not in the files: what people write, such as a seller's name in
  # quotation marks, cannot break the JSON then.
  settings = [for name in sort(keys(var.settings)) : { name = name, value = var.settings[name] }]
  containers = {
    for role, task in local.tasks : role => [
      for container in task.containerDefinitions :
      merge(container, { environment = concat(container.environment, local.settings) })
    ]
  }

  # For the checks of var.settings, from one of the files as it is: without values, so that a check needs no resource.
  plain_task      = jsondecode(file("${local.task_files}/frontend.json")).containerDefinitions[0]
  given_settings  = [for entry in local.plain_task.environment : entry.name]
  secret_settings = [for entry in local.plain_task.secrets : entry.name]
}

resource "aws_ecs_cluster" "main" {
  name = local.prefix

  setting {
    name  = "containerInsights"
    value = "enhanced"
  }
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

resource "aws_ecs_task_definition" "all" {
  for_each = local.task_shapes

  family                   = each.value.family
  requires_compatibilities = each.value.requiresCompatibilities
  network_mode             = each.value.networkMode
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = local.tasks[each.key].executionRoleArn
  task_role_arn            = local.tasks[each.key].taskRoleArn
  container_definitions    = jsonencode(local.containers[each.key])

  # Earlier revisions stay, for whoever has to go back to one.
  skip_destroy = true

  runtime_platform {
    operating_system_family = each.value.runtimePlatform.operatingSystemFamily
    cpu_architecture        = each.value.runtimePlatform.cpuArchitecture
  }

  dynamic "volume" {
    for_each = each.value.volumes
    content {
      name = volume.value.name
    }
  }
}
