output "load_balancer_dns_name" {
  description = "Where the origin's name has to lead to."
  value       = aws_lb.main.dns_name
}

output "load_balancer_zone_id" {
  description = "The load balancer's hosted zone, for an alias record."
  value       = aws_lb.main.zone_id
}

output "load_balancer_arn" {
  value = aws_lb.main.arn
}

output "cluster_name" {
  value = aws_ecs_cluster.main.name
}

output "service_names" {
  description = "ECS services by role."
  value       = { for role, service in aws_ecs_service.all : role => service.name }
}

output "task_definition_arns" {
  description = "The revisions that the last apply registered, by role. A deployment runs migrate, then moves the services to theirs."
  value       = { for role, definition in aws_ecs_task_definition.all : role => definition.arn }
}

output "migrate_task_definition_arn" {
  value = aws_ecs_task_definition.all["migrate"].arn
}

output "vpc_id" {
  value = aws_vpc.main.id
}

output "private_subnet_ids" {
  value = local.private_subnet_ids
}

output "database_subnet_ids" {
  value = local.database_subnet_ids
}

output "task_security_group_id" {
  description = "For one-off tasks: it reaches the database and outside, and nothing reaches it."
  value       = aws_security_group.worker.id
}

output "database_security_group_id" {
  value = aws_security_group.database.id
}

output "database_endpoint" {
  value = local.database_endpoint
}

output "nat_public_ips" {
  description = "What the school's requests to others come from, for lists of allowed addresses."
  value       = [for address in aws_eip.nat : address.public_ip]
}

output "access_log_bucket_name" {
  value = aws_s3_bucket.access_logs.bucket
}

output "command_role_arns" {
  description = "Task roles of the scheduled commands, for running one by hand: back_up needs backup's, and so on."
  value       = { for schedule in local.schedules : schedule.name => aws_iam_role.task[schedule.role].arn }
}
