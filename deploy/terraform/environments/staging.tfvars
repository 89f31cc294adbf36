# Small, cheap, thrown away and made again. Best in an account of its own: metrics of the site (CourseBundler) have no
# environment in them, and account_services below leaves what exists once in an account to production.

environment = "staging"
domain      = "staging.example.org"

standby     = "none"
database_dr = "backup-copy"
protect     = false

cidr         = "10.8.0.0/16"
standby_cidr = "10.9.0.0/16"
single_nat   = true
spot_weight  = 1000
max_tasks    = 4

interface_endpoints = false

database_instance_class = "db.t4g.medium"
database_instances      = 2 # So that a fail-over can be tried.

dnssec           = false
dns_query_logs   = false
account_services = []
game_day         = true

alarm_emails       = ["operations@example.org"]
monthly_budget_usd = 350
github_repository  = "example/coursebundler"

settings = {
  CONTACT_EMAIL = "contact@example.org"
}

# An example, see production.tfvars.
cloudfront_signing_key = "first"
cloudfront_public_keys = {
  first = <<-PEM
    -----BEGIN PUBLIC KEY-----
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAnk6WtQe7KtHyVrf8Qrsp
    HjMjqrXWhVRrf63LTE1oX/QxHcVZtoD6ByrYHAmh/UeYPjNW3yDc+LqM0Dkhy5fU
    HJ8DuErKAVux7hvs2DTlKgMaGiTJ13/swLXc2I5PBj/zXlw8mpXyexByd/CwnQkY
    qHdELlVSmC34eIbErLQgTujSjpKA2fZU1KXGjepiOE2MFz6zHGOjK4mx/90TGd+K
    kldDayeJFfxfp2lXVyd1oE6EUjqn8dbeR3jduIV+PcQc0QH14VR2aC/YzmPkZxbx
    xg4E6CnP0+FkriV1IfcwEdyMHiB554J1v4Am1jhAxOTZ2jLAj5bw6vMCF9ehGBQm
    nQIDAQAB
    -----END PUBLIC KEY-----
  PEM
}
