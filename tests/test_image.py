"""The image's recipe, and that the checks of `make image` would notice what must not be in it."""

import io
import json
import re
import tarfile
from pathlib import Path

import pytest
import yaml

from coursebundler.start import ROLES
from deploy.image import contents
from deploy.image.container import SECRETS
from deploy.image.load import CHECK_SECONDS, UNHEALTHY_AFTER
from tests.source import ROOT
from tests.test_env_example import required_names

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_recipe_ends_as_ecs_expects_it():
    last = DOCKERFILE.split("FROM ${PYTHON_IMAGE}\n")[1]
    for line in ("USER 10001:10001", "WORKDIR /app", "EXPOSE 8000", "STOPSIGNAL SIGTERM"):
        assert f"\n{line}\n" in last
    assert json.loads(re.findall(r"^CMD (.+)$", last, re.M)[-1]) == ["python", "-m", "coursebundler.start"]
    assert re.search(r"^HEALTHCHECK .*CMD (.+)$", last, re.M)[1] == '["python", "-m", "coursebundler.healthcheck"]'


def test_the_recipe_names_no_secret():
    for name in (*SECRETS, "EMAIL_URL", "CLOUDFRONT_PRIVATE_KEY"):
        assert name not in DOCKERFILE


def test_dependencies_come_before_code_and_have_hashes():
    assert DOCKERFILE.index("--require-hashes") < DOCKERFILE.index("COPY . .")
    assert "--only-binary :all:" in DOCKERFILE


def test_nothing_gets_in_unless_it_is_named():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line.strip("!/") for line in lines if line.startswith("!")} == {
        *("manage.py", "gunicorn.conf.py", "requirements", "requirements/base.txt"),
        *("coursebundler", "users", "courses", "payments", "static", "templates"),
    }
    assert {"**/tests", "**/.env*", "**/__pycache__", "payments/sandbox", "payments/demo"} <= set(lines)


def test_the_load_test_gives_the_balancer_time_to_notice():
    from deploy.image.checks import DRAIN_SECONDS

    assert CHECK_SECONDS * (UNHEALTHY_AFTER + 1) < DRAIN_SECONDS


# --- What the checks notice ---
@pytest.fixture
def archive(tmp_path):
    """An exported image with these files, {path: text}."""

    def make(files: dict[str, str]) -> Path:
        path = tmp_path / "image.tar"
        with tarfile.open(path, "w") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
        return path

    return make


GOOD = ["app/manage.py", "app/payments/worker.py", "venv/bin/python3", "usr/bin/env", "app/templates/base.html"]
GOOD += ["venv/lib/python3.13/site-packages/django/test/client.py", "app/coursebundler/documentdb/ca.pem", "etc/passwd"]


def test_what_belongs_in_it_is_no_finding(archive):
    assert list(contents.unwanted_files(archive(dict.fromkeys(GOOD, "")))) == []


@pytest.mark.parametrize(
    "name",
    [
        "app/payments/tests/test_orders.py",
        "app/coursebundler/documentdb/tests/on_server/test_x.py",
        "venv/lib/python3.13/site-packages/csp/tests/test_csp.py",
        "app/docs/pricing.md",
        "app/deploy/terraform/main.tf",
        "app/scripts/run.py",
        "app/.git/config",
        "app/var/db.sqlite3",
        "app/.env",
        "app/.env.production",
        "root/.env",
        "app/payments/sandbox/server.py",
        "app/payments/demo/people.py",
        "venv/bin/pip3",
        "venv/lib/python3.13/site-packages/pip/__main__.py",
        "usr/local/bin/pip",
        "usr/bin/gcc",
        "usr/bin/gcc-12",
        "usr/bin/make",
        "app/signing.key",
    ],
)
def test_what_does_not_is_one(archive, name):
    found = list(contents.unwanted_files(archive(dict.fromkeys([*GOOD, name], ""))))
    assert len(found) == 1
    assert found[0].endswith(f"/{name}")


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 64,
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 64,
        "key = 'AKIA" + "A" * 16 + "'",
        "rzp_live_" + "a1B2c3D4",
        "documentdb://site:h4rdT0Guess@host:27017/x",
        "the value of this folder's .env: zlatibor-9f3",
    ],
)
def test_a_secret_in_a_file_is_found(archive, text):
    found = list(contents.secrets_in_files(archive({"app/a.py": "", "app/b.py": text}), [b"zlatibor-9f3"]))
    assert found == ["a secret: /app/b.py"]


@pytest.mark.parametrize(
    "text",
    ["documentdb://user:password@host/x", "https://example.org:8000/a@b", "BEGIN PRIVATE KEY", "rzp_test_1234567"],
)
def test_an_example_is_none(archive, text):
    assert list(contents.secrets_in_files(archive({"app/a.py": text}), [])) == []


def described(*variables: str) -> dict:
    return {"Config": {"Env": ["PATH=/venv/bin", "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305", *variables]}}


def test_a_secret_in_a_setting_or_a_layer_is_found():
    assert list(contents.secrets_in_description(described(), "RUN true", [])) == []
    assert list(contents.secrets_in_description(described("SECRET_KEY="), "RUN true", [])) == []
    for name in (*SECRETS, "DATABASE_PASSWORD", "CLOUDFRONT_PRIVATE_KEY"):
        assert list(contents.secrets_in_description(described(f"{name}=x"), "", [])) == [f"the variable {name}"]
    assert list(contents.secrets_in_description(described(), "RUN echo zlatibor-9f3", [b"zlatibor-9f3"]))


def test_the_secrets_nearby_are_those_of_the_settings_file(tmp_path):
    file = tmp_path / ".env"
    assert contents.secrets_nearby(file) == []
    file.write_text('SECRET_KEY="0123456789"\nPORT=8000\nRAZORPAY_KEY_SECRET=abcdefgh\nX_SECRET=short\n')
    assert contents.secrets_nearby(file) == [b"0123456789", b"abcdefgh"]


# --- compose.yaml ---
@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_every_service_is_locked_down(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert len(service["tmpfs"]) == 1, name
        assert "privileged" not in service, name


def test_roles_of_compose_are_those_of_the_image(compose):
    for role in ROLES:
        assert compose["services"][role]["environment"]["SERVICE_ROLE"] == role


def test_compose_has_no_default_for_a_secret(compose):
    text = (ROOT / "compose.yaml").read_text()
    secrets = [name for name in required_names() if re.search("SECRET|KEY", name)]
    assert secrets
    for name in secrets:
        assert name not in text, "it comes from production.env, or the start stops with its name"


def test_compose_waits_longer_than_a_stop_takes(compose):
    assert compose["services"]["frontend"]["stop_grace_period"] == "90s"


def test_the_proxy_sends_paths_where_the_balancer_does(compose):
    """As deploy/terraform's listener rules: the backend's paths are /api/*, /admin/* and /webhooks/*."""
    content = compose["configs"]["proxy"]["content"]
    assert "~^/(api|admin|webhooks)/ http://backend:8000;" in content
    assert "default http://frontend:8000;" in content
