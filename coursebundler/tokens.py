"""Access tokens for clients of the API that keep no cookies: signed, short-lived, gone when the password changes."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.crypto import constant_time_compare, salted_hmac

ALGORITHM = "HS256"
AUDIENCE = "coursebundler-api"
LIFETIME = timedelta(minutes=15)


def issue(user: Any) -> str:
    """An access token that stands for this user for 15 minutes."""
    now = datetime.now(UTC)
    claims = {
        "iss": settings.SITE_URL,
        "aud": AUDIENCE,
        "sub": str(user.pk),
        "iat": now,
        "exp": now + LIFETIME,
        "pwd": _password_mark(user),
    }
    return jwt.encode(claims, _key(), ALGORITHM)


def user_of(token: str) -> Any | None:
    """The user whom a token stands for; None for one that is forged, expired, or older than the password."""
    try:
        claims = jwt.decode(
            token,
            _key(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=settings.SITE_URL,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "pwd"]},
        )
        user_id = uuid.UUID(claims["sub"])
    except (jwt.InvalidTokenError, ValueError):
        return None
    user = get_user_model()._default_manager.filter(pk=user_id, is_active=True).first()  # type: ignore[misc]
    if user is None or not constant_time_compare(str(claims["pwd"]), _password_mark(user)):
        return None
    return user


def _key() -> bytes:
    return salted_hmac("coursebundler.tokens", "access token", algorithm="sha256").digest()


def _password_mark(user: Any) -> str:
    """Differs after every change of the password, and does not tell what Django keeps in the session."""
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:32]
