# CloudFront: one distribution for the site (pages from the load balancer, static files from S3), one for media.
# They differ in what they let through: pages need every cookie and method, media only GET and a signature.

locals {
  # A missing object is 403 from a bucket that nobody may list: both copies are asked before the answer is believed.
  s3_failover_codes = [403, 404, 500, 502, 503, 504]

  site_origins  = { static = local.primary_region, static-standby = local.standby_region }
  media_origins = { media = local.primary_region, media-standby = local.standby_region }

  # CloudFront keeps an error for ten seconds unless told otherwise: a second of trouble would be shown to everybody
  # for ten, and a course that was published a moment ago would still be missing.
  uncached_errors = [400, 403, 404, 405, 500, 501, 502, 503, 504]
}

data "aws_cloudfront_cache_policy" "optimized" {
  name = "Managed-CachingOptimized"
}

# Everything that a browser sent, cookies and Host with it: sessions, CSRF and ALLOWED_HOSTS depend on them.
data "aws_cloudfront_origin_request_policy" "all_viewer" {
  name = "Managed-AllViewer"
}

# Pages are kept only where their own Cache-Control says so, which today is nowhere; then by everything that an answer
# may depend on. Without Authorization among it one API client could be given another's answer.
resource "aws_cloudfront_cache_policy" "pages" {
  name        = "${local.prefix}-pages"
  comment     = "Only what the answer's own headers allow"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 86400

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "all"
    }
    headers_config {
      header_behavior = "whitelist"
      headers {
        items = ["Accept", "Accept-Language", "Authorization", "HX-Request", "Host", "Origin"]
      }
    }
    query_strings_config {
      query_string_behavior = "all"
    }
  }
}

# Private files say "Cache-Control: private", which is meant for proxies on the way. CloudFront may keep them, since it
# checks the signature each time, and does so only with a least time of its own. The name under which a file is saved
# is in the address and belongs to the key, or a download would get somebody else's.
resource "aws_cloudfront_cache_policy" "private_media" {
  name        = "${local.prefix}-private-media"
  comment     = "Signed media: never overwritten, so kept for long"
  min_ttl     = 86400
  default_ttl = 86400
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = false
    enable_accept_encoding_gzip   = false

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "whitelist"
      query_strings {
        items = ["response-content-disposition"]
      }
    }
  }
}

resource "aws_cloudfront_origin_access_control" "s3" {
  name                              = local.prefix
  description                       = "Signs what CloudFront asks of our buckets"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# --- What every answer says beside the site's own headers ---

# The site sends its own policy with each page (settings.py); these fill in for answers that are not the site's.
resource "aws_cloudfront_response_headers_policy" "site" {
  name    = "${local.prefix}-site"
  comment = "For static files and CloudFront's own error pages; the site's own headers win"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = true
      preload                    = true
      override                   = true # The same that the site says.
    }
    content_security_policy {
      content_security_policy = "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'self'"
      override                = false
    }
    content_type_options {
      override = true
    }
    frame_options {
      frame_option = "DENY"
      override     = false
    }
    referrer_policy {
      referrer_policy = "same-origin"
      override        = false
    }
  }

  remove_headers_config {
    items {
      header = "Server"
    }
  }
}

# What people uploaded runs nothing, wherever it is opened.
resource "aws_cloudfront_response_headers_policy" "media" {
  name    = "${local.prefix}-media"
  comment = "Uploaded files are shown and saved, never run"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
    content_security_policy {
      content_security_policy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
      override                = true
    }
    content_type_options {
      override = true
    }
    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }
  }

  # Pages of the site may show media, other sites may not.
  custom_headers_config {
    items {
      header   = "Cross-Origin-Resource-Policy"
      value    = "same-site"
      override = true
    }
  }

  cors_config {
    access_control_allow_credentials = false
    access_control_max_age_sec       = 3600
    origin_override                  = true

    access_control_allow_headers {
      items = ["Range"]
    }
    access_control_allow_methods {
      items = ["GET", "HEAD"]
    }
    access_control_allow_origins {
      items = ["https://${local.site_domain}"]
    }
  }
}

# --- The site ---

resource "aws_cloudfront_distribution" "site" {
  enabled         = true
  comment         = "${local.prefix}: the site"
  aliases         = [local.site_domain]
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = var.price_class
  web_acl_id      = aws_wafv2_web_acl.site.arn

  origin {
    origin_id           = "load-balancer"
    domain_name         = local.origin_domain
    connection_attempts = 2
    connection_timeout  = 5

    custom_origin_config {
      http_port                = 80
      https_port               = 443
      origin_protocol_policy   = "https-only"
      origin_ssl_protocols     = ["TLSv1.2"]
      origin_read_timeout      = 60
      origin_keepalive_timeout = 50 # Below the load balancer's 60: CloudFront must be the one that closes.
    }

    # Also accepted while it is being changed: the value before (secrets.tf).
    custom_header {
      name  = "X-Origin-Verify"
      value = jsondecode(data.aws_secretsmanager_secret_version.origin.secret_string)["value"]
    }
  }

  dynamic "origin" {
    for_each = local.site_origins
    content {
      origin_id                = origin.key
      domain_name              = aws_s3_bucket.main[origin.key].bucket_regional_domain_name
      origin_access_control_id = aws_cloudfront_origin_access_control.s3.id
    }
  }

  origin_group {
    origin_id = "static-files"
    failover_criteria {
      status_codes = local.s3_failover_codes
    }
    member {
      origin_id = "static"
    }
    member {
      origin_id = "static-standby"
    }
  }

  default_cache_behavior {
    target_origin_id           = "load-balancer"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.pages.id
    origin_request_policy_id   = data.aws_cloudfront_origin_request_policy.all_viewer.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.site.id
  }

  ordered_cache_behavior {
    path_pattern               = "/static/*"
    target_origin_id           = "static-files"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD", "OPTIONS"]
    compress                   = true
    cache_policy_id            = data.aws_cloudfront_cache_policy.optimized.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.site.id
  }

  dynamic "custom_error_response" {
    for_each = local.uncached_errors
    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  viewer_certificate {
    acm_certificate_arn      = aws_acm_certificate_validation.main[local.primary_region].certificate_arn
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
  }

  # The school sells everywhere; who may pay is Razorpay's to say.
  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
}

# --- Media: public/* for everybody, the rest by a signed address only ---

resource "aws_cloudfront_public_key" "media" {
  for_each = var.cloudfront_public_keys

  name        = "${local.prefix}-${each.key}"
  comment     = "Checks the signed addresses of paid media"
  encoded_key = "${trimspace(each.value)}\n"
}

resource "aws_cloudfront_key_group" "media" {
  name    = "${local.prefix}-media"
  comment = "Every key that still signs, or whose addresses still work"
  items   = [for key in aws_cloudfront_public_key.media : key.id]
}

resource "aws_cloudfront_distribution" "media" {
  enabled         = true
  comment         = "${local.prefix}: posters, photos, videos and files"
  aliases         = [local.media_domain]
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = var.price_class
  web_acl_id      = aws_wafv2_web_acl.media.arn

  dynamic "origin" {
    for_each = local.media_origins
    content {
      origin_id                = origin.key
      domain_name              = aws_s3_bucket.main[origin.key].bucket_regional_domain_name
      origin_access_control_id = aws_cloudfront_origin_access_control.s3.id
    }
  }

  origin_group {
    origin_id = "media-files"
    failover_criteria {
      status_codes = local.s3_failover_codes
    }
    member {
      origin_id = "media"
    }
    member {
      origin_id = "media-standby"
    }
  }

  # Closed unless opened: an address outside public/* works with a signature or not at all.
  default_cache_behavior {
    target_origin_id           = "media-files"
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = false # Videos and archives are compressed already.
    cache_policy_id            = aws_cloudfront_cache_policy.private_media.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.media.id
    trusted_key_groups         = [aws_cloudfront_key_group.media.id]
  }

  ordered_cache_behavior {
    path_pattern               = "/private/*"
    target_origin_id           = "media-files"
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = false
    cache_policy_id            = aws_cloudfront_cache_policy.private_media.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.media.id
    trusted_key_groups         = [aws_cloudfront_key_group.media.id]
  }

  ordered_cache_behavior {
    path_pattern               = "/public/*"
    target_origin_id           = "media-files"
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = false
    cache_policy_id            = data.aws_cloudfront_cache_policy.optimized.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.media.id
  }

  dynamic "custom_error_response" {
    for_each = local.uncached_errors
    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  viewer_certificate {
    acm_certificate_arn      = aws_acm_certificate_validation.main[local.primary_region].certificate_arn
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
}

# --- Access logs (version 2), for both distributions ---
#
# Without cookies and queries: a signed address in a log would be a key to the video for as long as it works.

locals {
  log_fields = [
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status",
    "cs(Referer)", "cs(User-Agent)", "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol",
    "cs-bytes", "time-taken", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type", "cs-protocol-version",
    "time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len",
  ]
  logged_distributions = {
    site  = aws_cloudfront_distribution.site.arn
    media = aws_cloudfront_distribution.media.arn
  }
}

resource "aws_cloudwatch_log_delivery_source" "distribution" {
  for_each = local.logged_distributions

  name         = "${local.prefix}-${each.key}"
  log_type     = "ACCESS_LOGS"
  resource_arn = each.value
}

resource "aws_cloudwatch_log_delivery_destination" "logs" {
  name          = "${local.prefix}-cloudfront"
  output_format = "json"

  delivery_destination_configuration {
    destination_resource_arn = "${aws_s3_bucket.main["logs"].arn}/cloudfront"
  }

  depends_on = [aws_s3_bucket_policy.main]
}

resource "aws_cloudwatch_log_delivery" "distribution" {
  for_each = local.logged_distributions

  delivery_source_name     = aws_cloudwatch_log_delivery_source.distribution[each.key].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.logs.arn
  record_fields            = local.log_fields

  s3_delivery_configuration = [{
    suffix_path                 = "${each.key}/{yyyy}/{MM}/{dd}"
    enable_hive_compatible_path = false
  }]
}
