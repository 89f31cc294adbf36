# What people and deploy/deploy need to know: terraform output -json

output "site_url" {
  value = "https://${local.site_domain}"
}

output "name_servers" {
  description = "What the registrar has to name for the domain."
  value       = aws_route53_zone.main.name_servers
}

output "dnssec_ds_record" {
  description = "What the registrar has to publish, once the name servers above answer."
  value       = one(aws_route53_key_signing_key.main[*].ds_record)
}

output "repository_url" {
  value = aws_ecr_repository.app[local.primary_region].repository_url
}

output "static_bucket" {
  value = aws_s3_bucket.main["static"].bucket
}

output "media_bucket" {
  value = aws_s3_bucket.main["media"].bucket
}

output "backup_bucket" {
  value = aws_s3_bucket.main["backups"].bucket
}

output "site_distribution_id" {
  value = aws_cloudfront_distribution.site.id
}

output "media_url" {
  value = "https://${local.media_domain}"
}

output "cloudfront_key_id" {
  value = aws_cloudfront_public_key.media[var.cloudfront_signing_key].id
}

output "secret_arns" {
  description = "Where the values go (aws secretsmanager put-secret-value), by name."
  value       = { for name, secret in aws_secretsmanager_secret.main : name => secret.arn }
}

output "database_master_secret_arn" {
  value = module.primary.database_master_secret_arn
}

output "backup_vaults" {
  value = { for region, vault in aws_backup_vault.main : region => vault.arn }
}

output "workflow_role_arns" {
  description = "For the repository's variables of GitHub Actions."
  value       = { for name, role in aws_iam_role.workflow : name => role.arn }
}

output "regions" {
  description = "By region, what one-off tasks and deployments need."
  value = {
    for region, module in local.origins : region => {
      cluster                = module.cluster_name
      services               = module.service_names
      task_definitions       = module.task_definition_arns
      private_subnet_ids     = module.private_subnet_ids
      task_security_group_id = module.task_security_group_id
      database_cluster_id    = module.database_cluster_id
      database_endpoint      = module.database_endpoint
      load_balancer          = module.load_balancer_dns_name
      outgoing_addresses     = module.nat_public_ips
    }
  }
}

output "failover" {
  description = "Who turns the traffic, and how a person does it."
  value = {
    mode   = local.failover
    switch = "aws cloudwatch put-metric-data --region ${local.standby_region} --namespace ${local.prefix}/Failover --metric-name ServeFromStandby --value 1"
    back   = "aws cloudwatch put-metric-data --region ${local.standby_region} --namespace ${local.prefix}/Failover --metric-name ServeFromStandby --value 0"
  }
}
