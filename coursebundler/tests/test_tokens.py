import uuid
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from coursebundler import tokens


def forged(user, key=None, algorithm="HS256", **claims) -> str:
    """A token as we make it, with these claims changed; None leaves one out."""
    good = jwt.decode(tokens.issue(user), options={"verify_signature": False})
    changed = {name: value for name, value in (good | claims).items() if value is not None}
    return jwt.encode(changed, tokens._key() if key is None else key, algorithm)


def test_it_works(alice):
    assert tokens.user_of(tokens.issue(alice)) == alice
    assert tokens.user_of(forged(alice)) == alice


def test_it_lasts_fifteen_minutes(alice):
    claims = jwt.decode(tokens.issue(alice), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 15 * 60


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # Of the forged HS384 below.
@pytest.mark.parametrize(
    "changes",
    [
        {"exp": datetime.now(UTC) - timedelta(seconds=1)},
        {"exp": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"pwd": "0" * 32},
        {"pwd": None},
        {"sub": str(uuid.UUID(int=1))},
        {"sub": "nobody"},
        {"sub": None},
        {"key": b"k" * 32},
        {"algorithm": "HS384"},
        {"algorithm": "none", "key": ""},
    ],
)
def test_it_refuses_other_tokens(alice, changes):
    assert tokens.user_of(forged(alice, **changes)) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\x00", "ÿ" * 10])
def test_it_refuses_what_is_no_token(db, token):
    assert tokens.user_of(token) is None


def test_it_refuses_a_token_that_is_older_than_the_password(alice):
    token = tokens.issue(alice)
    alice.set_password("another horse battery")
    alice.save()
    assert tokens.user_of(token) is None


def test_it_refuses_the_token_of_a_closed_account(alice):
    token = tokens.issue(alice)
    alice.is_active = False
    alice.save()
    assert tokens.user_of(token) is None


def test_it_does_not_tell_what_is_in_the_session(alice):
    claims = jwt.decode(tokens.issue(alice), options={"verify_signature": False})
    assert alice.get_session_auth_hash() not in claims.values()
