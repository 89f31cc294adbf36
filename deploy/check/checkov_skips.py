"""What checkov finds and we know better, each with its reason. A finding that no line covers is a problem, and so is a
line that covers no finding.

Many are blindness: checkov reads the files without evaluating them, so it does not connect a bucket with what a
`for_each` makes for it, and knows no value of a variable. Then the reason names our own rule, which looks at the state.
Skips of a single resource may also stand beside it (`# checkov:skip=CHECK: reason`).
"""

OURS = "Not seen through for_each; our rule looks at the state: "

# (check, resources as a regular expression, reason)
SKIPS: list[tuple[str, str, str]] = [
    ("CKV2_AWS_3", r"guardduty_detector\.main", "One account without an organisation; both regions have one."),
    ("CKV2_AWS_5", r"standby\.aws_security_group\.(web|worker)", f"{OURS}tasks_reach_the_database, ports_agree."),
    ("CKV2_AWS_23", r"route53_record\.region", f"{OURS}origin_fails_over, names_lead_to_cloudfront."),
    ("CKV2_AWS_47", r"cloudfront_distribution\.", f"{OURS}firewall (known bad inputs). There is no Java to attack."),
    (
        "CKV2_AWS_48",
        r"config_configuration_recorder\.main",
        "Global resources are recorded once.",
    ),
    (
        "CKV2_AWS_57",
        r"secretsmanager_secret\.",
        "manage.py rotate_database_password rotates the database's, monthly; the others are changed "
        "by hand (deploy/README.md).",
    ),
    ("CKV2_AWS_62", r"s3_bucket\.(main|state)", "Nobody waits for events of these buckets."),
    ("CKV_AWS_18", r"s3_bucket\.(main|state)", f"{OURS}logged_buckets. The bucket of the state has CloudTrail."),
    ("CKV_AWS_19", r"s3_bucket\.main", f"{OURS}encrypted_buckets."),
    ("CKV_AWS_85", r"standby\.aws_docdb_cluster", f"{OURS}database_tells."),
    (
        "CKV_AWS_86",
        r"cloudfront_distribution\.",
        f"Logs of version 2 are resources of their own. {OURS}edge_is_logged.",
    ),
    (
        "CKV_AWS_109",
        r"policy_document\.(dnssec_)?key",
        "A key's policy: “*” is the key itself, for the account's root.",
    ),
    (
        "CKV_AWS_111",
        r"policy_document\.(dnssec_)?key",
        "A key's policy: “*” is the key itself, for the account's root.",
    ),
    (
        "CKV_AWS_144",
        r"s3_bucket\.(main|state)",
        f"{OURS}media_are_replicated, copies_are_whole. Logs are not copied, and the rest are the copies.",
    ),
    ("CKV_AWS_145", r"s3_bucket\.main", f"{OURS}encrypted_buckets. Logs and static files take S3's own key."),
    ("CKV_AWS_192", r"wafv2_web_acl\.site", f"{OURS}firewall (known bad inputs)."),
    (
        "CKV_AWS_252",
        r"cloudtrail\.main",
        "A notification for each log file helps nobody; alarms look at what is in them.",
    ),
    ("CKV_AWS_292", r"docdb_global_cluster\.main", "It is made of a cluster that is encrypted, and takes that over."),
    ("CKV_AWS_300", r"lifecycle_configuration\.main", f"{OURS}versioned_buckets."),
    ("CKV_AWS_305", r"cloudfront_distribution\.", "The site answers for / itself, and media have no first page."),
    (
        "CKV_AWS_356",
        r"policy_document\.((dnssec_)?key|deploy|plan)",
        f"A key's policy is about the key; for the others {OURS[0].lower()}{OURS[1:]}no_wide_resource.",
    ),
    ("CKV_AWS_358", r"policy_document\.workflow_trust", f"{OURS}ci_is_our_repository."),
    ("CKV_AWS_374", r"cloudfront_distribution\.", "The school sells everywhere; who may pay is Razorpay's to say."),
    ("CKV_DOCKER_7", r"Dockerfile\.FROM", "The second stage's base is the same argument, with a version (hadolint)."),
    ("CKV_GHA_7", r"on\(deploy\)", "Who starts a deployment by hand says which environment, and a person approves it."),
]
