"""What checkov finds and we know better, each with its reason. A finding that no line covers is a problem, and so is a
line that covers no finding.

Many of them are blindness: checkov reads the files without evaluating them, so it does not connect a bucket with what a
`for_each` makes for it. Then the reason names our own rule, which looks at the state.
"""

# (check, resources as a regular expression, reason)
SKIPS: list[tuple[str, str, str]] = [
    (
        "CKV2_AWS_23",
        r"aws_route53_record\.",
        "Not followed through the module; our rules names_lead_to_cloudfront, origin_fails_over.",
    ),
]
