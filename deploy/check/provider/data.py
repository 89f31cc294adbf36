"""What the data sources answer."""

import json
from typing import Any

from deploy.check.provider import policies, schema, wire
from deploy.check.provider.inventions import ACCOUNT, Inventor, digest

Config = dict[str, Any]
# Zone ids begin with these in the regions that we use.
ZONE_ID = {"us-east-1": "use1", "us-west-2": "usw2"}


def _zones(config: Config, region: str) -> Config:
    letters = "abcdef" if region == "us-east-1" else "abcd"
    prefix = ZONE_ID.get(region, region.replace("-", ""))
    ids = [f"{prefix}-az{number}" for number in range(1, len(letters) + 1)]
    return {"names": [region + letter for letter in letters], "zone_ids": ids, "id": region}


def _caller(config: Config, region: str) -> Config:
    return {"account_id": ACCOUNT, "id": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root"}


def _region(config: Config, region: str) -> Config:
    name = config.get("region") or config.get("name") or region
    return {"name": name, "region": name, "id": name}


def _partition(config: Config, region: str) -> Config:
    return {"partition": "aws", "dns_suffix": "amazonaws.com", "id": "aws", "reverse_dns_prefix": "com.amazonaws"}


def _policy(config: Config, region: str) -> Config:
    text = policies.document(config)
    return {"json": text, "minified_json": json.dumps(json.loads(text)), "id": digest(text)[:10]}


def _prefix_list(config: Config, region: str) -> Config:
    return {"id": f"pl-{digest(region, config.get('name'))[:8]}", "name": config.get("name")}


def _hosted_zone(config: Config, region: str) -> Config:
    zone = "Z" + digest(config.get("name"))[:13].upper()
    return {"zone_id": config.get("zone_id") or zone, "id": zone, "name": config.get("name")}


def _secret(config: Config, region: str) -> Config:
    """Every key that one of our secrets has (deploy/terraform/secrets.tf)."""
    # A replica in another region has the same name, and the same value.
    secret = str(config.get("secret_id")).rpartition(":secret:")[2]
    values = {name: digest(secret, name) for name in ("value", "username", "password")}
    return {"secret_string": json.dumps(values)}


ANSWERS = {
    "aws_availability_zones": _zones,
    "aws_caller_identity": _caller,
    "aws_ec2_managed_prefix_list": _prefix_list,
    "aws_iam_policy_document": _policy,
    "aws_partition": _partition,
    "aws_region": _region,
    "aws_route53_zone": _hosted_zone,
    "aws_secretsmanager_secret_version": _secret,
}


def answer(type_name: str, config: Config, region: str) -> Config:
    """The whole data source: what is configured, what we know of it, and inventions for the rest."""
    answers = ANSWERS.get(type_name, lambda config, region: {})(config, region)
    inventor = Inventor(type_name, config, region, repr(sorted(config.items(), key=str)))

    def fill(name: str, attribute: dict[str, Any], value: Any) -> Any:
        if value is None and (attribute.get("computed") or name == "id"):
            return answers[name] if name in answers else inventor.value(name, attribute["type"])
        return value

    return wire.change_attributes(schema.data_block(type_name), config, fill)
