"""Credentials that change while the site runs: read from AWS Secrets Manager, and again when the server refuses them.

`DATABASE_URL=documentdb://host/name?engine=8.0.2&secret=<ARN or name>`; the secret is JSON with `username` and
`password`, as Amazon DocumentDB's managed rotation writes it. Needs secretsmanager:GetSecretValue and nothing else.
https://docs.aws.amazon.com/documentdb/latest/devguide/docdb-secrets-manager.html
"""

import json
import threading
import time
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from django.db import OperationalError

KEEP_SECONDS = 300

_lock = threading.Lock()
_kept: dict[str, tuple[float, dict[str, str]]] = {}


def read(secret: str, *, is_fresh: bool = False) -> dict[str, str]:
    """{"username", "password"}; at most KEEP_SECONDS old, or asked for now. OperationalError without the secret."""
    with _lock:
        at, credentials = _kept.get(secret, (0.0, {}))
        if is_fresh or not credentials or time.monotonic() - at > KEEP_SECONDS:
            credentials = _fetch(secret)
            _kept[secret] = time.monotonic(), credentials
        return credentials


def _fetch(secret: str) -> dict[str, str]:
    try:
        answer: dict[str, Any] = boto3.client("secretsmanager").get_secret_value(SecretId=secret)
        content = json.loads(answer["SecretString"])
        return {"username": content["username"], "password": content["password"]}
    except (BotoCoreError, ClientError) as error:
        raise OperationalError(f"The database's secret cannot be read: {type(error).__name__}.") from error
    except (KeyError, ValueError):
        # "from None": the original error may quote the secret.
        raise OperationalError("The database's secret is not JSON with username and password.") from None
