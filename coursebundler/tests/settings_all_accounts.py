"""The settings with everything of accounts switched on, to prove that it can be (docs/accounts.md)."""

from coursebundler.settings import *  # noqa: F403 -- a settings module on top of another one.
from coursebundler.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "allauth.mfa", "allauth.usersessions"]
MIDDLEWARE = [*MIDDLEWARE, "allauth.usersessions.middleware.UserSessionsMiddleware"]
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
