"""What AWS would answer: ids, ARNs and names that are invented, in the form that AWS gives them.

An optional argument that nobody set has AWS's default, which is not invented: it stays null, so that no rule can pass
because of it.
"""

import hashlib
import uuid
from typing import Any

ACCOUNT = "123456789012"

# ARN after `arn:aws:`; {key} is an attribute of the resource, {h} sixteen hexadecimal digits, {uuid} a UUID.
ARNS = {
    "aws_acm_certificate": "acm:{region}:{account}:certificate/{uuid}",
    "aws_backup_plan": "backup:{region}:{account}:backup-plan:{uuid}",
    "aws_backup_vault": "backup:{region}:{account}:backup-vault:{name}",
    "aws_budgets_budget": "budgets::{account}:budget/{name}",
    "aws_cloudfront_distribution": "cloudfront::{account}:distribution/E{H13}",
    "aws_cloudwatch_composite_alarm": "cloudwatch:{region}:{account}:alarm:{alarm_name}",
    "aws_cloudwatch_event_rule": "events:{region}:{account}:rule/{name}",
    "aws_cloudwatch_log_group": "logs:{region}:{account}:log-group:{name}",
    "aws_cloudwatch_metric_alarm": "cloudwatch:{region}:{account}:alarm:{alarm_name}",
    "aws_docdb_cluster": "rds:{region}:{account}:cluster:{cluster_identifier}",
    "aws_docdb_cluster_instance": "rds:{region}:{account}:db:{identifier}",
    "aws_ecr_repository": "ecr:{region}:{account}:repository/{name}",
    "aws_ecs_cluster": "ecs:{region}:{account}:cluster/{name}",
    "aws_ecs_task_definition": "ecs:{region}:{account}:task-definition/{family}:1",
    "aws_iam_openid_connect_provider": "iam::{account}:oidc-provider/{h}",
    "aws_iam_policy": "iam::{account}:policy/{name}",
    "aws_iam_role": "iam::{account}:role/{name}",
    "aws_kms_alias": "kms:{region}:{account}:{name}",
    "aws_kms_key": "kms:{region}:{account}:key/{uuid}",
    "aws_lambda_function": "lambda:{region}:{account}:function:{function_name}",
    "aws_lb": "elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/{h}",
    "aws_lb_listener": "elasticloadbalancing:{region}:{account}:listener/app/{h}/{h}/{h}",
    "aws_lb_listener_rule": "elasticloadbalancing:{region}:{account}:listener-rule/app/{h}/{h}/{h}/{h}",
    "aws_lb_target_group": "elasticloadbalancing:{region}:{account}:targetgroup/{name}/{h}",
    "aws_s3_bucket": "s3:::{bucket}",
    "aws_scheduler_schedule": "scheduler:{region}:{account}:schedule/{group_name}/{name}",
    "aws_scheduler_schedule_group": "scheduler:{region}:{account}:schedule-group/{name}",
    "aws_secretsmanager_secret": "secretsmanager:{region}:{account}:secret:{name}-{h6}",
    "aws_sns_topic": "sns:{region}:{account}:{name}",
    "aws_sqs_queue": "sqs:{region}:{account}:{name}",
    "aws_wafv2_web_acl": "wafv2:{region}:{account}:global/webacl/{name}/{uuid}",
}
# Where the id of a resource is not `<prefix>-<seventeen digits>`: another attribute of it.
ID_IS = {
    "arn": (
        "aws_acm_certificate aws_ecs_cluster aws_ecs_service aws_lb aws_lb_listener aws_lb_listener_rule "
        "aws_lb_target_group aws_secretsmanager_secret aws_sns_topic aws_iam_policy aws_kms_external_key"
    ),
    "name": "aws_iam_role aws_cloudwatch_log_group aws_ecr_repository aws_backup_vault",
    "bucket": "aws_s3_bucket",
    "alarm_name": "aws_cloudwatch_metric_alarm aws_cloudwatch_composite_alarm",
    "cluster_identifier": "aws_docdb_cluster",
    "identifier": "aws_docdb_cluster_instance",
    "family": "aws_ecs_task_definition",
}
ID_ATTRIBUTE = {type_name: attribute for attribute, names in ID_IS.items() for type_name in names.split()}
ID_PREFIX = {
    "aws_eip": "eipalloc",
    "aws_flow_log": "fl",
    "aws_internet_gateway": "igw",
    "aws_nat_gateway": "nat",
    "aws_network_acl": "acl",
    "aws_route_table": "rtb",
    "aws_security_group": "sg",
    "aws_subnet": "subnet",
    "aws_vpc": "vpc",
    "aws_vpc_endpoint": "vpce",
    "aws_vpc_security_group_egress_rule": "sgr",
    "aws_vpc_security_group_ingress_rule": "sgr",
}
# An optional argument of these names is invented all the same: other resources refer to it.
REFERRED_TO = {"id", "arn", "name", "bucket", "identifier", "cluster_identifier", "endpoint", "domain_name", "port"}


def digest(*parts: object) -> str:
    """Forty hexadecimal digits, the same for the same parts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:40]


class Inventor:
    """Invents the computed attributes of one resource.

    Args:
        known: its other attributes, for the names in an ARN.
        seed: the same seed gives the same inventions.
    """

    def __init__(self, type_name: str, known: dict[str, Any], region: str, seed: str) -> None:
        self.type_name, self.known, self.region, self.seed = type_name, known, region, seed

    def value(self, name: str, of_type: Any) -> Any:
        if isinstance(of_type, list):
            return self._collection(name, of_type)
        return {"string": self._text(name), "number": 1, "bool": False}.get(of_type)

    def _collection(self, name: str, of_type: list[Any]) -> Any:
        kind, inner = of_type[0], of_type[1]
        if kind == "object":
            return {key: self.value(f"{name}.{key}", value) for key, value in inner.items()}
        if kind == "map":
            return {}
        return [self.value(name, inner)] if isinstance(inner, list) and inner[0] == "object" else []

    def _text(self, path: str) -> str:
        name = path.rpartition(".")[2]
        if path == "master_user_secret.secret_arn":
            secret = f"secret:rds!cluster-{self._uuid()}-{self._hex('h6', 6)}"
            return f"arn:aws:secretsmanager:{self.region}:{ACCOUNT}:{secret}"
        special = getattr(self, f"_{name}", None)
        if path == name and special:
            return special()
        if name.endswith("_arn") or name == "arn":
            return f"arn:aws:{self.type_name.split('_')[1]}:{self.region}:{ACCOUNT}:{path}/{self._hex(path, 8)}"
        return self._hex(path, 12)

    def _hex(self, name: str, length: int) -> str:
        return digest(self.type_name, self.seed, name)[:length]

    def _uuid(self) -> str:
        return str(uuid.UUID(self._hex("uuid", 32)))

    def _arn(self) -> str:
        if self.type_name == "aws_secretsmanager_secret_version":  # A version has the ARN of its secret.
            return str(self.known.get("secret_id"))
        form = ARNS.get(self.type_name, self.type_name.split("_")[1] + ":{region}:{account}:" + self.type_name + "/{h}")
        digits = {"h": self._hex("h", 16), "h6": self._hex("h6", 6), "H13": self._hex("H", 13).upper()}
        names = {key: value for key, value in self.known.items() if isinstance(value, str)}
        names.setdefault("name", self._hex("name", 12))
        if self.type_name == "aws_ecs_service":
            cluster = str(self.known.get("cluster")).rpartition("/")[2]
            form = f"ecs:{{region}}:{{account}}:service/{cluster}/{{name}}"
        known = names | digits | {"region": self.region, "account": ACCOUNT, "uuid": self._uuid()}
        return "arn:aws:" + form.format(**known)

    def _arn_suffix(self) -> str:
        whole = self._arn().rpartition(":")[2]
        return whole.removeprefix("loadbalancer/")

    def _arn_without_revision(self) -> str:
        return self._arn().rpartition(":")[0]

    def _id(self) -> str:
        attribute = ID_ATTRIBUTE.get(self.type_name)
        if attribute == "arn":
            return self._arn()
        if attribute and isinstance(self.known.get(attribute), str):
            return self.known[attribute]
        if self.type_name == "aws_cloudfront_distribution":
            return self._arn().rpartition("/")[2]
        if self.type_name == "aws_kms_key":
            return self._uuid()
        prefix = ID_PREFIX.get(self.type_name, self.type_name.removeprefix("aws_").replace("_", "-"))
        return f"{prefix}-0{self._hex('id', 16)}"

    def _key_id(self) -> str:
        return self._uuid()

    def _region(self) -> str:
        return self.region

    def _account_id(self) -> str:
        return ACCOUNT

    _owner_id = _registry_id = _account_id

    def _zone_id(self) -> str:
        return "Z" + self._hex("zone", 13).upper()

    _hosted_zone_id = _zone_id

    def _dns_name(self) -> str:
        return f"{self._hex('dns', 8)}.{self.region}.elb.amazonaws.com"

    def _domain_name(self) -> str:
        return f"d{self._hex('domain', 13)}.cloudfront.net"

    def _endpoint(self) -> str:
        name = self.known.get("cluster_identifier") or self._hex("endpoint", 8)
        return f"{name}.cluster-{self._hex('endpoint', 12)}.{self.region}.docdb.amazonaws.com"

    def _reader_endpoint(self) -> str:
        return self._endpoint().replace(".cluster-", ".cluster-ro-")

    def _bucket_domain_name(self) -> str:
        return f"{self.known.get('bucket')}.s3.amazonaws.com"

    def _bucket_regional_domain_name(self) -> str:
        return f"{self.known.get('bucket')}.s3.{self.region}.amazonaws.com"

    def _repository_url(self) -> str:
        return f"{ACCOUNT}.dkr.ecr.{self.region}.amazonaws.com/{self.known.get('name')}"
