"""How settings are read from the environment: what cannot be meant stops the start with a sentence that names it.

A value is taken as it is. django-environ alone would read “$x” as the variable x, strip letters from numbers, and take
a misspelt “true” for false.
"""

import math
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


def is_true(name: str, text: str) -> bool:
    """Raises ImproperlyConfigured for what is neither."""
    word = text.strip().lower()
    if word not in TRUE + FALSE:
        raise ImproperlyConfigured(f"{name}={text} is not possible: it is true or false.")
    return word in TRUE


def whole_number(name: str, text: str, *, at_least: int, at_most: int) -> int:
    """Raises ImproperlyConfigured for anything but a whole number in this range."""
    word = text.strip()
    # Python refuses to read numbers of thousands of digits, with an error of its own.
    if not (word.isascii() and word.isdecimal() and len(word) < 20 and at_least <= int(word) <= at_most):
        raise ImproperlyConfigured(f"{name}={text} is not possible: it is a whole number from {at_least} to {at_most}.")
    return int(word)


def address(name: str, url: str) -> str:
    """https://host or http://host:port and no more, without a slash at the end. Raises ImproperlyConfigured."""
    url = url.rstrip("/")
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and parts.hostname and url == f"{parts.scheme}://{parts.netloc}"
        is_good = is_good and "@" not in parts.netloc and parts.port != 0  # reading a port that is none raises
    except ValueError:
        is_good = False
    if not is_good:
        raise ImproperlyConfigured(
            f"{name}={url} is not possible: it is an address such as https://courses.example.org"
        )
    return url


def one_of(name: str, text: str, words: tuple[str, ...]) -> str:
    """The word, in capitals as it is listed. Raises ImproperlyConfigured for any other."""
    if text.strip().upper() not in words:
        raise ImproperlyConfigured(f"{name}={text} is not possible: it is one of {', '.join(words)}.")
    return text.strip().upper()


def mail_config(name: str, url: str) -> dict[str, Any]:
    """Django's EMAIL_ settings. The value is in no sentence: it holds a password."""
    try:
        config: dict[str, Any] = environ.Env.email_url_config(url)
        is_good = bool(config["EMAIL_HOST"]) or "smtp" not in config["EMAIL_BACKEND"]
    except (ValueError, ImproperlyConfigured):
        is_good = False
    if not is_good:
        raise ImproperlyConfigured(
            f"{name} is not possible: it is such as smtp+tls://user:password@mail.example.org:587"
        )
    return config


class Environment(environ.Env):
    def get_value(self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, **_: Any) -> Any:
        if var in self.ENVIRON:
            return self.parse_value(self.ENVIRON[var], cast)
        if default is self.NOTSET:
            raise ImproperlyConfigured(f"Set the {var} environment variable.")
        return default

    def words(self, name: str, *, default: list[str]) -> list[str]:
        """Separated by commas, with spaces around them or not."""
        given = [word.strip() for word in self.str(name, default="").split(",")]
        return [word for word in given if word] if name in self.ENVIRON else default

    def flag(self, name: str, *, default: bool) -> bool:
        """true or false; empty is false."""
        return is_true(name, self.str(name)) if name in self.ENVIRON else default

    def whole(self, name: str, *, default: int, at_least: int = 0, at_most: int = 10**9) -> int:
        return whole_number(name, self.str(name, default=str(default)), at_least=at_least, at_most=at_most)

    def seconds(self, name: str, *, default: float, at_most: float) -> float:
        """More than nothing, perhaps with a fraction."""
        text = self.str(name, default=str(default))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value <= at_most:
            raise ImproperlyConfigured(f"{name}={text} is not possible: it is a number of seconds up to {at_most:g}.")
        return value
