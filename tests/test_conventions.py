"""The rules of the whole codebase. When one fails, its message says what to do; the reasons are in CONTRIBUTING.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command, get_commands, load_command_class
from django.db import models

from coursebundler.models import UUIDModel
from tests import routes
from tests.source import APPS, ROOT, app_code, comes_from, imports, name_of, nodes, tracked

pytestmark = pytest.mark.sqlite

# Everything else needs a login. Opening a page is a decision: add it here, with who needs it.
PUBLIC_PAGES = {
    "courses:home": "visitors",
    "courses:course_list": "visitors",
    "courses:course_detail": "visitors",
    "courses:course_by_id": "old links; leads to the course page",
    "courses:lecture_detail": "visitors, for previews; courses/access.py decides",
    "courses:lecture_video": "visitors, for previews; courses/access.py decides",
    "courses:lecture_captions": "visitors, for previews; courses/access.py decides",
    "courses:lecture_file": "visitors, for previews; courses/access.py decides",
    "courses:media": "the signature in the address decides",
    "courses:upload_part": "the signature in the address decides",
    "courses:public_media": "visitors: posters and photos",
    "users:about": "visitors",
    "users:contact": "visitors",
    "users:course_request": "visitors",
    "account_login": "visitors",
    "account_logout": "sends visitors home",
    "account_signup": "visitors",
    "account_inactive": "people whose account is closed",
    "account_email_verification_sent": "people who register",
    "account_reset_password": "people who forgot their password",
    "account_reset_password_done": "people who forgot their password",
    "account_reset_password_from_key": "people who forgot their password",
    "account_reset_password_from_key_done": "people who forgot their password",
    "payments:bundle_list": "visitors",
    "payments:bundle_detail": "visitors",
    "payments:seat_link": "whoever got a gift or a seat; the secret goes into the session, and the login comes next",
    "payments:callback": "the gateway's page sends the browser here; its signature decides",
    "payments:refund_policy": "visitors",
    "payments:subscribe": "visitors",
    "payments:subscription_callback": "the gateway's page sends the browser here; its signature decides",
    "payments:webhook": "Razorpay; its signature decides",
    "dev_mail": "developers; there with DEBUG=true only",
    "dev_mail_detail": "developers; there with DEBUG=true only",
    "dev_mail_html": "developers; there with DEBUG=true only",
    "admin:login": "staff; sends to our own login",
}
PUBLIC_CALLS = {
    "GET /bundles": "visitors",
    "GET /courses": "visitors",
    "POST /login": "visitors",
    "POST /logout": "does nothing for visitors",
    "POST /register": "visitors",
    "POST /verifyemail": "people who register; the code from the mail decides",
}
# The only files that may talk to the service outside.
OUTSIDE = {
    # coursebundler/media_storage.py only turns MEDIA_STORAGE_URL into Django's STORAGES setting.
    ("boto3", "botocore", "storages"): {
        "courses/storage/bucket.py",
        "coursebundler/media_storage.py",
        "coursebundler/documentdb/credentials.py",  # asks Secrets Manager for the database's password
        "coursebundler/documentdb/rotation.py",  # changes it there
        "coursebundler/backups/stores.py",  # keeps dumps in S3
    },
    ("razorpay",): {"payments/razorpay.py"},
    ("requests", "urllib.request", "http.client", "httpx", "urllib3", "socket"): {
        "payments/razorpay.py",
        "payments/sandbox/webhooks.py",  # plays Razorpay, which calls us
        "coursebundler/healthcheck.py",  # asks its own container
        "coursebundler/web_worker.py",  # is asked
    },
}
OURS = [model for app in APPS if app != "coursebundler" for model in apps.get_app_config(app).get_models()]


def complain(found: list[str], advice: str) -> None:
    assert not found, f"{advice}\n  " + "\n  ".join(found)


def test_only_these_pages_are_public():
    public = {page.name for page in routes.pages() if page.is_public}
    assert public == set(PUBLIC_PAGES), (
        "A page became public or private. If that is meant, change PUBLIC_PAGES: "
        f"now public {sorted(public - set(PUBLIC_PAGES))}, no longer {sorted(set(PUBLIC_PAGES) - public)}"
    )


def test_only_these_api_calls_are_public():
    public = {str(call) for call in routes.calls() if call.is_public}
    assert public == set(PUBLIC_CALLS), (
        "An API route became public or private. If that is meant, change PUBLIC_CALLS: "
        f"now public {sorted(public - set(PUBLIC_CALLS))}, no longer {sorted(set(PUBLIC_CALLS) - public)}"
    )


def test_imports_run_one_way():
    exempt = {"coursebundler/urls.py", "coursebundler/api.py"}
    found = [
        f"{name_of(path)}:{line} imports {imported}"
        for path in app_code()
        if name_of(path) not in exempt
        for line, imported in imports(path)
        for later in APPS[APPS.index(name_of(path).split("/")[0]) + 1 :]
        if comes_from(imported, later)
    ]
    complain(found, f"Apps import only from those before them in {' → '.join(APPS)}. Move the code to the later one:")


def test_one_file_for_each_outside_service():
    found = [
        f"{name_of(path)}:{line} imports {imported}"
        for path in app_code()
        for line, imported in imports(path)
        for modules, allowed in OUTSIDE.items()
        if comes_from(imported, *modules) and name_of(path) not in allowed
    ]
    complain(found, "Only one file talks to each outside service; call that one:")


def test_transactions_go_through_coursebundler_db():
    found = [
        f"{name_of(path)}:{line} imports {imported}"
        for path in app_code()
        if name_of(path) != "coursebundler/db.py"
        for line, imported in imports(path)
        if comes_from(imported, "django.db.transaction")
    ]
    complain(found, "django.db.transaction does nothing on DocumentDB. Use coursebundler.db.atomic and on_commit:")


def test_only_the_catalogue_may_lag():
    found = [
        f"{name_of(path)}:{line} imports {imported}"
        for path in app_code()
        if name_of(path) != "courses/views/catalogue.py"
        for line, imported in imports(path)
        if comes_from(imported, "coursebundler.db.allow_lag")
    ]
    complain(found, "A secondary may not know yet what was bought, revoked or watched. Read from the primary:")


def test_no_signals_and_no_grab_bags():
    hidden = [
        f"{name_of(path)}:{line} imports {imported}"
        for path in app_code()
        for line, imported in imports(path)
        if comes_from(imported, "django.dispatch", "django.db.models.signals", "django.core.signals")
    ]
    complain(hidden, "A signal hides who calls whom. Call the function where the thing happens:")
    bags = [name_of(path) for path in app_code() if path.stem in {"utils", "helpers", "services", "signals", "common"}]
    complain(bags, "Name a file after its topic; these names take in everything:")


def test_queries_keep_to_what_both_databases_can_do():
    names = {"Exists", "OuterRef", "Subquery", "Window", "RawSQL", "TruncDate"}
    methods = {"raw", "extra", "select_for_update"}
    found = []
    for path in app_code():
        for node in nodes(path):
            if isinstance(node, ast.Name) and node.id in names:
                found.append(f"{name_of(path)}:{node.lineno} {node.id}")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods:
                found.append(f"{name_of(path)}:{node.lineno} .{node.func.attr}()")
            elif isinstance(node, ast.keyword) and (node.arg or "").endswith("__date"):
                found.append(f"{name_of(path)}:{node.value.lineno} {node.arg}")
    complain(found, "DocumentDB cannot do this (docs/database.md). Ask in two queries, or by a range:")


def money_in(node: ast.AST) -> bool:
    words = [child.id if isinstance(child, ast.Name) else getattr(child, "attr", "") for child in ast.walk(node)]
    return any(re.search(r"paise|amount|price", word) for word in words)


def test_money_is_never_a_float():
    found = []
    for path in app_code():
        for node in nodes(path):
            division = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
            conversion = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
            if (division or conversion) and money_in(node):
                found.append(f"{name_of(path)}:{node.lineno} {ast.unparse(node)}")
        if comes_from(name_of(path).replace("/", "."), "payments.models", "payments.migrations"):
            found += [f"{name_of(path)} has a FloatField" for _ in re.findall("FloatField", path.read_text())]
    complain(found, "Money is integer paise: use // and %, and int for what comes from outside:")


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_model_has_the_portable_key(model):
    assert issubclass(model, UUIDModel), f"{model._meta.label} must inherit from coursebundler.models.UUIDModel."


def test_every_table_is_keyed_by_id():
    found = [
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if model._meta.pk.column != "_id" and model._meta.label != "sessions.Session"
    ]
    complain(found, "DocumentDB keys by _id: give the app an AppConfig with the portable key (coursebundler/apps.py):")


@pytest.mark.parametrize("model", list(apps.get_app_config("payments").get_models()), ids=lambda m: m._meta.label)
def test_nothing_deletes_records_of_money(model):
    cascading = [
        field.name
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is not models.PROTECT
    ]
    complain(cascading, f"Foreign keys of {model._meta.label} must be PROTECT: deleting a user keeps the books.")


def our_commands() -> list[tuple[str, str]]:
    return sorted((app, name) for name, app in get_commands().items() if app in APPS)


@pytest.mark.parametrize(("app", "name"), our_commands())
def test_every_command_says_what_it_does(app, name):
    assert load_command_class(app, name).help, f"manage.py {name}: set `help`; manage.py help {name} shows it."


@pytest.mark.django_db
def test_migrations_are_complete():
    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=1)
    except SystemExit:
        pytest.fail("A model changed without a migration: run `manage.py makemigrations`.")


def views_with_names() -> list[routes.Page]:
    return [page for page in routes.pages() if page.is_ours and page.name.split(":")[0] in APPS]


@pytest.mark.parametrize("page", views_with_names(), ids=lambda page: page.name)
def test_view_and_url_have_one_name(page):
    app, name = page.name.split(":")
    assert (page.view.__module__.split(".")[0], page.view.__name__) == (app, name), (
        f"/{page.route} is called {page.name} and shown by {page.view.__module__}.{page.view.__name__}. "
        "View, URL and template have one name, so that one grep finds all."
    )


def templates_of(app: str) -> Iterator[Path]:
    return (ROOT / "templates" / app).glob("*.html")


@pytest.mark.parametrize("app", ["users", "courses", "payments"])
def test_templates_are_named_after_their_views(app):
    views = {page.name.split(":")[1] for page in views_with_names() if page.name.startswith(f"{app}:")}
    stray = [
        name_of(path)
        for path in templates_of(app)
        if not path.stem.startswith("_")
        and not any(path.stem == view or path.stem.startswith(f"{view}_") for view in views)
    ]
    complain(stray, "A template has its view's name, alone or at its beginning; a piece of a page begins with _:")


def test_only_the_settings_read_the_environment():
    # The container's programs run before Django is there, or without it.
    container = {f"coursebundler/{name}.py" for name in ("start", "streams", "heartbeat", "healthcheck")}
    exempt = {"coursebundler/settings.py", "coursebundler/wsgi.py", *container}
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in app_code()
        if name_of(path) not in exempt
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    complain(found, "Read the environment in coursebundler/settings.py, where .env.example is compared with it:")


def test_docs_that_are_named_exist():
    found = [
        f"{name_of(path)} names {named}"
        for path in tracked("*.py", "*.md", "*.html", "*.in", "Makefile", "*.yml")
        for named in re.findall(r"\bdocs/[\w/.-]+\.md", path.read_text(encoding="utf-8"))
        if not (ROOT / named).is_file()
    ]
    complain(found, "Write the page, or name another:")
