# Everything that is production's own. The image is given by the deployment: -var image=…@sha256:…

environment = "production"
domain      = "example.org"

# Where the standby is; what that costs: docs/cost.md.
standby     = "none"
database_dr = "backup-copy"

single_nat  = false
spot_weight = 3

database_instance_class = "db.t4g.medium"
database_instances      = 3

alarm_emails       = ["operations@example.org"]
monthly_budget_usd = 900
github_repository  = "example/coursebundler"

settings = {
  CONTACT_EMAIL = "contact@example.org"
}

# An example whose private half nobody has. Before the first apply (runbook):
#   openssl genrsa -out media.pem 2048 && openssl rsa -in media.pem -pubout
# media.pem goes into the application's secret and is deleted.
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
