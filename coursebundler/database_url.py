"""DATABASE_URL, from one line to Django's DATABASES and CACHES (docs/database.md).

    sqlite:////folder/db.sqlite3                           one machine; the default
    documentdb://user:password@host:27017/name?engine=8.0.2   Amazon DocumentDB, over TLS
    mongodb://user:password@host:27017/name                   a MongoDB of one's own, 6.0 or later; mongodb+srv:// too

A mistake in it stops the start with a sentence. The password is in none of these sentences, and prints as stars.
"""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

CA_FILE = Path(__file__).parent / "documentdb" / "ca-us-east-1-us-west-2.pem"
LEVELS = ("5.0", "8.0", "8.0.1", "8.0.2")
# What DocumentDB and MongoDB both have; the guard then keeps a site on MongoDB fit to move.
LEVEL_OF_MONGODB = "8.0.2"
# Health checks have two seconds in all.
SERVER_SELECTION_MILLISECONDS = 1500
CONNECT_MILLISECONDS = 2000
# A host that dies without a word is noticed by its silence: after this and CONNECT_MILLISECONDS, what waits fails.
HEARTBEAT_MILLISECONDS = 3000
LOCAL_CACHE = "django.core.cache.backends.locmem.LocMemCache"
EXAMPLE = "documentdb://user:password@host:27017/name?engine=8.0.2"

OPTION_TYPES: dict[str, type] = {
    "authSource": str,
    "authMechanism": str,
    "connectTimeoutMS": int,
    "directConnection": bool,
    "maxPoolSize": int,
    "readPreference": str,
    "replicaSet": str,
    "retryWrites": bool,
    "serverSelectionTimeoutMS": int,
    "socketTimeoutMS": int,
    "tls": bool,
    "tlsCAFile": str,
}


class Secret(str):
    """A text that does not show itself: `diffsettings`, logs and error pages print settings by their repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'********'"


def databases(
    url: str, *, threads: int = 4, secret_arn: str = "", listings_from_secondaries: bool = False
) -> dict[str, dict[str, Any]]:
    """Django's DATABASES. `threads` is how many use the pool of one process at once.

    `secret_arn` names a secret in AWS Secrets Manager that holds user and password; the URL then names neither.
    `listings_from_secondaries` is whether what `coursebundler.db.allow_lag` marks may be read from a secondary.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        if secret_arn:
            raise ImproperlyConfigured("DATABASE_SECRET_ARN is set, but an SQLite database has no password.")
        if listings_from_secondaries:
            raise ImproperlyConfigured(
                "DATABASE_LISTINGS_FROM_SECONDARIES is true, but an SQLite database has no secondaries."
            )
        return {"default": _sqlite(url)}
    if scheme in ("documentdb", "mongodb", "mongodb+srv"):
        config = _documentdb(scheme, url, threads, secret_arn)
        config["OPTIONS"]["listings_from_secondaries"] = listings_from_secondaries
        return {"default": config}
    raise ImproperlyConfigured(
        f"DATABASE_URL must begin with sqlite:///, documentdb:// or mongodb://, and it begins with "
        f"{scheme + ':' if ':' in url else 'no scheme'}. For example {EXAMPLE}"
    )


def caches(database: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Django's CACHES."""
    shared = {"BACKEND": "coursebundler.documentdb.cache.CollectionCache", "LOCATION": "cache"}
    is_shared = database["ENGINE"] == "coursebundler.documentdb"
    return {
        # What processes have to agree on, such as rate limits: a collection, so that nobody needs a Redis. On SQLite
        # each process has its own.
        "default": shared if is_shared else {"BACKEND": LOCAL_CACHE},
        # Rendered pages and cards, in each process's memory (courses/page_cache.py, courses/templatetags/cards.py).
        "local": {"BACKEND": LOCAL_CACHE, "LOCATION": "local", "OPTIONS": {"MAX_ENTRIES": 5000}},
    }


def _sqlite(url: str) -> dict[str, Any]:
    config = environ.Env.db_url_config(url)
    if config["NAME"] in ("", ":memory:"):
        raise ImproperlyConfigured("DATABASE_URL names no file; for example sqlite:////srv/coursebundler/db.sqlite3")
    return config | {
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            # A writer takes its lock at BEGIN and waits for it; with Django's defaults it fails half-way instead.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;",
        },
    }


def _documentdb(scheme: str, url: str, threads: int, secret_arn: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        hosts, name, query = parts.netloc.rpartition("@")[2], parts.path.strip("/"), parse_qsl(parts.query, True, True)
    except ValueError:
        # "from None": the original error quotes the URL, and with it the password.
        raise ImproperlyConfigured(f"DATABASE_URL is not a URL. For example {EXAMPLE}") from None
    if not hosts or not name or "/" in name:
        raise ImproperlyConfigured(f"DATABASE_URL needs a host and the name of a database. For example {EXAMPLE}")
    _check_ports(hosts)
    if secret_arn and parts.username:
        raise ImproperlyConfigured(
            "DATABASE_URL names a user although DATABASE_SECRET_ARN is set: leave user and password out of the URL."
        )
    options = _options(dict(query))
    engine = options.pop("engine", None)
    if scheme == "documentdb":
        defaults = _documentdb_defaults(engine)
        if not parts.username and not secret_arn and options.get("tls") is not False:
            raise ImproperlyConfigured(
                "DATABASE_URL needs a user name and a password, or DATABASE_SECRET_ARN the secret in which they are. "
                f"For example {EXAMPLE}"
            )
    else:
        defaults = {"retryWrites": True} if engine is None else {"retryWrites": engine == "8.0.2"}
    defaults |= {
        "connectTimeoutMS": CONNECT_MILLISECONDS,
        "heartbeatFrequencyMS": HEARTBEAT_MILLISECONDS,
        "serverSelectionTimeoutMS": SERVER_SELECTION_MILLISECONDS,
        "maxPoolSize": threads + 1,
        "appname": "coursebundler",
    }
    options = defaults | options
    if options.get("readPreference", "primary") != "primary":
        raise ImproperlyConfigured(
            "DATABASE_URL: readPreference must be primary, since a secondary may not know yet what was bought or "
            "revoked. For the catalogue's lists there is DATABASE_LISTINGS_FROM_SECONDARIES=true."
        )
    if options.get("tls") is False:
        options.pop("tlsCAFile", None)
    return {
        "ENGINE": "coursebundler.documentdb",
        "NAME": name,
        "HOST": f"{'mongodb+srv' if scheme == 'mongodb+srv' else 'mongodb'}://{hosts}/",
        "USER": unquote(parts.username or ""),
        "PASSWORD": Secret(unquote(parts.password or "")),
        "OPTIONS": {"engine": _level(engine)} | ({"secret_arn": secret_arn} if secret_arn else {}) | options,
    }


def _documentdb_defaults(engine: str | None) -> dict[str, Any]:
    """What AWS asks of every client: TLS by their CA, the replica set, retryable writes only where there are any."""
    if engine is None:
        raise ImproperlyConfigured(
            f"DATABASE_URL does not say which engine the cluster runs: add ?engine= and one of {', '.join(LEVELS)}."
        )
    return {
        "tls": True,
        "tlsCAFile": str(CA_FILE),
        "replicaSet": "rs0",
        "retryWrites": engine == "8.0.2",
    }


def _level(engine: str | None) -> str:
    if engine is None:
        return LEVEL_OF_MONGODB
    if engine not in LEVELS:
        raise ImproperlyConfigured(f"DATABASE_URL: engine={engine} is not known; it is one of {', '.join(LEVELS)}.")
    return engine


def _options(query: dict[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, text in query.items():
        if name == "engine":
            options[name] = text
        elif name in OPTION_TYPES:
            options[name] = _typed(name, text)
        else:
            known = ", ".join(sorted({"engine", *OPTION_TYPES}))
            raise ImproperlyConfigured(f"DATABASE_URL: {name} is not an option; the options are {known}.")
    return options


def _typed(name: str, text: str) -> Any:
    kind = OPTION_TYPES[name]
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is int and text.isascii() and text.isdecimal():
        return int(text)
    if kind is str and text:
        return text
    wanted = {bool: "true or false", int: "a whole number", str: "a text"}[kind]
    raise ImproperlyConfigured(f"DATABASE_URL: {name} must be {wanted}.")


def _check_ports(hosts: str) -> None:
    for host in hosts.split(","):
        name, _, port = host.rpartition(":") if ":" in host else (host, "", "27017")
        if not name or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            raise ImproperlyConfigured(f"DATABASE_URL: the port of {name or 'the host'} must be a number up to 65535.")
