"""DATABASE_URL: what it becomes, and that a wrong one says what is wrong without saying the password."""

import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from coursebundler.database_url import CA_FILE, Secret, caches, databases

DOCUMENTDB = "documentdb://shop:s%40cret@cluster.example.org:27017/shop?engine="


def test_sqlite_is_a_file(tmp_path):
    config = databases(f"sqlite:///{tmp_path / 'db.sqlite3'}")["default"]
    assert config["ENGINE"] == "django.db.backends.sqlite3"
    assert config["NAME"] == str(tmp_path / "db.sqlite3")
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert caches(config)["default"]["BACKEND"].endswith("LocMemCache")


def test_documentdb_is_what_aws_asks_of_clients():
    config = databases(DOCUMENTDB + "8.0.2", threads=8)["default"]
    assert config["ENGINE"] == "coursebundler.documentdb"
    assert config["HOST"] == "mongodb://cluster.example.org:27017/"
    assert (config["NAME"], config["USER"], config["PASSWORD"]) == ("shop", "shop", "s@cret")
    options = config["OPTIONS"]
    assert options["engine"] == "8.0.2"
    assert options["tls"] is True
    assert options["tlsCAFile"] == str(CA_FILE)
    assert options["replicaSet"] == "rs0"
    assert options["maxPoolSize"] == 9
    assert options["serverSelectionTimeoutMS"] <= 2000
    assert caches(config)["default"]["BACKEND"] == "coursebundler.documentdb.cache.CollectionCache"


@pytest.mark.parametrize(("engine", "expected"), [("5.0", False), ("8.0", False), ("8.0.1", False), ("8.0.2", True)])
def test_writes_are_retried_where_the_engine_can(engine, expected):
    assert databases(DOCUMENTDB + engine)["default"]["OPTIONS"]["retryWrites"] is expected


def test_options_of_the_url_win():
    url = DOCUMENTDB + "5.0&tls=false&replicaSet=other&maxPoolSize=3&readPreference=primary"
    options = databases(url)["default"]["OPTIONS"]
    assert (options["tls"], options["replicaSet"], options["maxPoolSize"]) == (False, "other", 3)
    assert "tlsCAFile" not in options
    assert options["readPreference"] == "primary"


def test_listings_come_from_secondaries_only_if_asked():
    assert databases(DOCUMENTDB + "5.0")["default"]["OPTIONS"]["listings_from_secondaries"] is False
    config = databases(DOCUMENTDB + "5.0", listings_from_secondaries=True)["default"]
    assert config["OPTIONS"]["listings_from_secondaries"] is True


def test_sqlite_has_no_secondaries(tmp_path):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_LISTINGS_FROM_SECONDARIES is true, but an SQLite"):
        databases(f"sqlite:///{tmp_path / 'db.sqlite3'}", listings_from_secondaries=True)


def test_several_hosts():
    config = databases("documentdb://a:b@one:27017,two:27018/shop?engine=5.0")["default"]
    assert config["HOST"] == "mongodb://one:27017,two:27018/"


def test_a_mongodb_of_ones_own():
    config = databases("mongodb://a:b@localhost/shop")["default"]
    assert config["ENGINE"] == "coursebundler.documentdb"
    assert config["OPTIONS"]["engine"] == "8.0.2"
    assert config["OPTIONS"]["retryWrites"] is True
    assert "tls" not in config["OPTIONS"]
    assert databases("mongodb+srv://a:b@x.example.net/shop")["default"]["HOST"] == "mongodb+srv://x.example.net/"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "documentdb://a:pa3sw0rd@b/c?engine=5.0&readPreference=secondaryPreferred",
            "readPreference must be primary.* DATABASE_LISTINGS_FROM_SECONDARIES",
        ),
        ("postgres://a:pa3sw0rd@b/c", "must begin with sqlite:///.* begins with postgres:"),
        ("/srv/db", "no scheme"),
        ("sqlite://", "names no file"),
        ("documentdb://a:pa3sw0rd@host/shop", "add .engine="),
        ("documentdb://a:pa3sw0rd@host/shop?engine=4.0", "engine=4.0 is not known"),
        ("documentdb://a:pa3sw0rd@host/?engine=5.0", "name of a database"),
        ("documentdb://a:pa3sw0rd@/shop?engine=5.0", "needs a host"),
        ("documentdb://a:pa3sw0rd@host/a/b?engine=5.0", "name of a database"),
        ("documentdb://host/shop?engine=5.0", "user name and a password"),
        ("documentdb://a:pa3sw0rd@host:99999/shop?engine=5.0", "port of host must be a number"),
        ("documentdb://a:pa3sw0rd@host:port/shop?engine=5.0", "port of host must be a number"),
        ("documentdb://a:pa3sw0rd@[host/shop?engine=5.0", "is not a URL"),
        ("documentdb://a:pa3sw0rd@host/shop?engine=5.0&tls=yes", "tls must be true or false"),
        ("documentdb://a:pa3sw0rd@host/shop?engine=5.0&maxPoolSize=-1", "maxPoolSize must be a whole number"),
        ("documentdb://a:pa3sw0rd@host/shop?engine=5.0&replicaSet=", "replicaSet must be a text"),
        ("documentdb://a:pa3sw0rd@host/shop?engine=5.0&ssl=true", "ssl is not an option; the options are"),
        ("documentdb://a:pa3s/w0rd@host/shop?engine=5.0", "."),
        ("documentdb://a:pa3s#w0rd@host/shop?engine=5.0", "."),
        ("documentdb://a:pa3s?w0rd@host/shop?engine=5.0", "."),
    ],
)
def test_a_wrong_url_says_what_is_wrong_but_not_the_password(url, says):
    with pytest.raises(ImproperlyConfigured, match=says) as caught:
        databases(url)
    told = [
        str(caught.value),
        repr(caught.value.__cause__),
        repr(caught.value.__context__ if not caught.value.__suppress_context__ else ""),
    ]
    assert not any("pa3s" in text or "w0rd" in text for text in told)


def test_a_wrong_url_stops_the_start_with_a_sentence():
    environment = {"DEBUG": "true", "DATABASE_URL": "documentdb://a:pa3sw0rd@host/shop?engine=4.0", "PATH": ""}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(  # noqa: S603  our own manage.py
        command, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode != 0
    assert "engine=4.0 is not known" in done.stderr
    assert "pa3sw0rd" not in done.stdout + done.stderr


def test_the_password_does_not_print():
    config = databases(DOCUMENTDB + "5.0")["default"]
    assert "s@cret" not in repr(config)
    assert config["PASSWORD"] == Secret("s@cret")


def test_user_and_password_may_be_in_a_secret():
    url = "documentdb://host/shop?engine=8.0.2"
    config = databases(url, secret_arn="shop/database")["default"]
    assert (config["USER"], config["PASSWORD"], config["OPTIONS"]["secret_arn"]) == ("", "", "shop/database")
    assert "secret_arn" not in databases(DOCUMENTDB + "8.0.2")["default"]["OPTIONS"]


@pytest.mark.parametrize("url", ["documentdb://a:pa3sw0rd@host/shop?engine=5.0", "mongodb://a@host/shop"])
def test_user_and_password_are_in_one_place_only(url):
    with pytest.raises(ImproperlyConfigured, match="leave user and password out of the URL") as caught:
        databases(url, secret_arn="shop/database")
    assert "pa3sw0rd" not in str(caught.value)


def test_sqlite_has_no_secret(tmp_path):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_SECRET_ARN is set"):
        databases(f"sqlite:///{tmp_path / 'db.sqlite3'}", secret_arn="shop/database")


def test_the_certificates_are_those_of_the_two_regions():
    context = ssl.create_default_context(cafile=CA_FILE)
    owners = {dict(pair[0] for pair in item["subject"])["commonName"] for item in context.get_ca_certs()}
    assert len(owners) == 6
    assert all(name.startswith(("Amazon RDS us-east-1", "Amazon RDS us-west-2")) for name in owners)
    assert Path(CA_FILE).with_suffix(".md").is_file()
