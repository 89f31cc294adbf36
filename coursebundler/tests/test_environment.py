"""Settings that cannot be meant stop the start with a sentence that names them; all others are taken as they are."""

import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from coursebundler.environment import Environment, address, is_true, mail_config, one_of, whole_number


@pytest.fixture
def env(monkeypatch):
    """`env(X="5")` reads from an environment with just that."""

    def make(**variables: str) -> Environment:
        monkeypatch.setattr(Environment, "ENVIRON", variables)
        return Environment()

    return make


@pytest.mark.parametrize("text", ["", "abc", "-1", "2.5", "1e3", "11", "９", "9" * 5000])
def test_a_number_that_is_none_or_out_of_range(env, text):
    with pytest.raises(ImproperlyConfigured, match=r"^PROXY_COUNT=.* is a whole number from 0 to 10\.$"):
        env(PROXY_COUNT=text).whole("PROXY_COUNT", default=0, at_most=10)


def test_a_number_in_range(env):
    assert env(X=" 10 ").whole("X", default=0, at_most=10) == 10
    assert env().whole("X", default=3) == 3
    with pytest.raises(ImproperlyConfigured):
        whole_number("X", "0", at_least=1, at_most=2)


@pytest.mark.parametrize("text", ["", "abc", "nan", "inf", "0", "-1", "61"])
def test_seconds_that_are_none(env, text):
    with pytest.raises(ImproperlyConfigured, match="a number of seconds up to 60"):
        env(X=text).seconds("X", default=4, at_most=60)


def test_seconds_may_have_a_fraction(env):
    assert env(X="0.5").seconds("X", default=4, at_most=60) == 0.5
    assert env().seconds("X", default=4, at_most=60) == 4


def test_true_and_false_and_nothing_else(env):
    """django-environ would take a misspelt “true” for false."""
    assert all(is_true("X", text) for text in ("true", "TRUE ", "1", "yes", "on"))
    assert not any(is_true("X", text) for text in ("false", "0", "no", "off", ""))
    assert env().flag("X", default=True) is True
    assert env(X="").flag("X", default=True) is False
    for text in ("ture", "2", "maybe"):
        with pytest.raises(ImproperlyConfigured, match="it is true or false"):
            env(X=text).flag("X", default=True)


def test_a_secret_is_taken_as_it_is(env):
    """django-environ would look for the variable “ecret”, and name it in its error."""
    assert env(RAZORPAY_WEBHOOK_SECRET="$ecret").str("RAZORPAY_WEBHOOK_SECRET") == "$ecret"
    with pytest.raises(ImproperlyConfigured, match="Set the X environment variable"):
        env().str("X")


def test_lists_may_have_spaces(env):
    assert env(X="a.example, b.example,").words("X", default=[]) == ["a.example", "b.example"]
    assert env(X="").words("X", default=["a"]) == []
    assert env().words("X", default=["a"]) == ["a"]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "courses.example.org",
            "ftp://courses.example.org",
            "https://",
            "https://[x",
            "https://a.example/path",
            "https:a",
        ),
        *("https://a.example:port", "https://a.example:99999", "https://user@a.example", "https://a.example?x", " "),
    ],
)
def test_an_address_that_is_none(url):
    with pytest.raises(ImproperlyConfigured, match="SITE_URL="):
        address("SITE_URL", url)


@pytest.mark.parametrize("url", ["https://a.example", "http://localhost:8000", "https://[::1]:8000"])
def test_an_address(url):
    assert address("SITE_URL", f"{url}/") == url


@pytest.mark.parametrize("url", ["garbage", "smtp://", "smtp://user:pa55word@mail:abc", "smtps+x://user:pa55word@mail"])
def test_where_mail_cannot_go(url):
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL is not possible") as caught:
        mail_config("EMAIL_URL", url)
    assert "pa55word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_where_mail_goes():
    assert mail_config("EMAIL_URL", "smtp+tls://u:p@mail.example.org:587")["EMAIL_HOST"] == "mail.example.org"
    assert mail_config("EMAIL_URL", "filemail:///folder")["EMAIL_FILE_PATH"] == "folder"


def test_one_of_some_words():
    assert one_of("LOG_LEVEL", "info ", ("INFO", "ERROR")) == "INFO"
    with pytest.raises(ImproperlyConfigured, match="LOG_LEVEL=LOUD is not possible: it is one of INFO, ERROR"):
        one_of("LOG_LEVEL", "LOUD", ("INFO", "ERROR"))


def test_it_reads_the_processs_own_environment():
    assert Environment.ENVIRON is os.environ
