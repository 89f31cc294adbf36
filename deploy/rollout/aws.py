"""Every call to AWS. Each is printed as the `aws` command that would do the same."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from typing import Any

from deploy.rollout.failure import Failed

Answer = dict[str, Any]
# botocore's names of services whose `aws` command has another one.
COMMANDS = {"s3": "s3api"}
LONG = 240


def command_of(service: str, operation: str, region: str, parameters: Answer) -> str:
    """The same call as a command, for whoever wants to do it by hand."""
    words = ["aws", COMMANDS.get(service, service), operation.replace("_", "-"), "--region", region]
    for name, value in parameters.items():
        words += [f"--{_kebab(name)}", value if isinstance(value, str) else json.dumps(value)]
    return shlex.join(words)


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def shortened(command: str) -> str:
    return command if len(command) <= LONG else f"{command[:LONG]} …"


class Aws:
    """AWS in one region. Raises Failed with AWS's name of the error."""

    is_dry = False

    def __init__(self, region: str, *, say: Callable[[str], None] = print) -> None:
        self.region = region
        self.say = say
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            import boto3
            from botocore.config import Config

            config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=30)
            self._clients[service] = boto3.client(service, region_name=self.region, config=config)
        return self._clients[service]

    def ask(self, service: str, operation: str, /, **parameters: Any) -> Answer:
        """A call that changes nothing; not printed, because a step may ask a hundred times."""
        return self._send(service, operation, parameters)

    def do(self, service: str, operation: str, /, **parameters: Any) -> Answer:
        """A call that changes something."""
        self.say(f"+ {shortened(command_of(service, operation, self.region, parameters))}")
        return self._send(service, operation, parameters)

    def _send(self, service: str, operation: str, parameters: Answer) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        try:
            return getattr(self.client(service), operation)(**parameters)
        except ClientError as error:
            code, text = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            raise Failed(f"AWS refused {service} {operation}: {code}. {text}", advice_on(code)) from None
        except ParamValidationError as error:
            raise Failed(f"{service} {operation} was asked wrongly: {error}", "This is a fault in deploy/.") from None
        except BotoCoreError as error:
            what = f"AWS cannot be asked ({service} {operation}): {error}"
            raise Failed(what, advice_on(type(error).__name__)) from None


def advice_on(code: str) -> str:
    if "AccessDenied" in code or "Unauthorized" in code:
        return "The role that you have may not do this. deploy/terraform says which rights the deploying role has."
    if any(word in code for word in ("Expired", "Token", "Credential", "SSO", "Profile")):
        return "Log in again (aws sso login), and repeat with --from this step."
    return "Look at `aws sts get-caller-identity`, and repeat with --from this step."


class DryAws(Aws):
    """Prints everything, asks nobody, and answers as AWS would (pretend.py)."""

    is_dry = True

    def __init__(self, region: str, answers: Callable[[str, str, Answer], Answer], **kwargs: Any) -> None:
        super().__init__(region, **kwargs)
        self._answers = answers

    def ask(self, service: str, operation: str, /, **parameters: Any) -> Answer:
        self.say(f"? {command_of(service, operation, self.region, parameters)}")
        return self._answers(service, operation, parameters)

    def do(self, service: str, operation: str, /, **parameters: Any) -> Answer:
        self.say(f"+ {command_of(service, operation, self.region, parameters)}")
        return self._answers(service, operation, parameters)


def warn(text: str) -> None:
    sys.stderr.write(f"{text}\n")
