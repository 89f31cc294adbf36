"""MFA, passkeys and the list of devices can be switched on later without a change to the tables that are there."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

SCRIPT = """
import django
django.setup()
from django.core.management import call_command
call_command("makemigrations", check=True, dry_run=True)
call_command("migrate", verbosity=0)
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from users.models import User
user = User.objects.create_user("a@example.org", "x")
row = Authenticator.objects.create(user=user, type="totp", data={})
assert Authenticator.objects.get(pk=row.pk).pk.version == 7
assert UserSession._meta.pk.column == Authenticator._meta.pk.column == "_id"
print("all is well")
"""


@pytest.mark.slow
def test_it_works(tmp_path):
    env = os.environ | {
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "coursebundler.tests.settings_all_accounts",
    }
    result = subprocess.run(  # noqa: S603 -- our own interpreter and text.
        [sys.executable, "-c", SCRIPT], env=env, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120
    )
    assert "all is well" in result.stdout, result.stdout + result.stderr
