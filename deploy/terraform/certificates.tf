# One certificate in each region for the domain and everything one label below it: site, media and origin. CloudFront
# reads the one in us-east-1, each load balancer its own region's. ACM renews them as long as the record stands.
resource "aws_acm_certificate" "main" {
  for_each = local.regions
  region   = each.value

  domain_name               = var.domain
  subject_alternative_names = ["*.${var.domain}"]
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # ACM asks for the same record for a domain and its wildcard, and in every region of an account.
  validation = tolist(aws_acm_certificate.main[local.primary_region].domain_validation_options)[0]
}

resource "aws_route53_record" "validation" {
  zone_id         = aws_route53_zone.main.zone_id
  name            = local.validation.resource_record_name
  type            = local.validation.resource_record_type
  records         = [local.validation.resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

# Waits until the certificate is issued; the first time, until the registrar names our name servers (runbook).
resource "aws_acm_certificate_validation" "main" {
  for_each = local.regions
  region   = each.value

  certificate_arn         = aws_acm_certificate.main[each.value].arn
  validation_record_fqdns = [aws_route53_record.validation.fqdn]
}
