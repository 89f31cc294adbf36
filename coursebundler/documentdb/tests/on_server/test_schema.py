"""Migrations on this backend: every operation that a migration of ours may use, forward and backward."""

from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, NotSupportedError, connection, migrations, models
from django.db.migrations.state import ProjectState
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from coursebundler.documentdb.checks import unenforced
from coursebundler.documentdb.indexes import condition_filter, index_model
from courses.models import Grant
from payments.models import Order
from users.models import User

pytestmark = pytest.mark.django_db

KEY = ("id", models.CharField(max_length=20, primary_key=True, db_column="_id"))
TABLE = "scratch_thing"


def create(*fields, **options):
    return migrations.CreateModel("Thing", [KEY, *fields], options)


class Database:
    """Runs migration operations on an app that is not installed."""

    def __init__(self):
        self.state = ProjectState()

    def run(self, *operations):
        for operation in operations:
            after = self.state.clone()
            operation.state_forwards("scratch", after)
            with connection.schema_editor() as editor:
                operation.database_forwards("scratch", editor, self.state, after)
            self.before, self.state = self.state, after

    def undo(self, operation):
        """Undo the operation that ran last."""
        with connection.schema_editor() as editor:
            operation.database_backwards("scratch", editor, self.state, self.before)
        self.state = self.before

    @property
    def things(self):
        return self.state.apps.get_model("scratch", "Thing").objects


@pytest.fixture
def database():
    connection.database.drop_collection(TABLE)
    yield Database()
    connection.database.drop_collection(TABLE)


def indexes():
    return connection.get_collection(TABLE).index_information()


def test_tables_come_and_go(database):
    operation = create(("name", models.CharField(max_length=20)))
    database.run(operation)
    assert TABLE in connection.introspection.table_names()
    database.undo(operation)
    assert TABLE not in connection.introspection.table_names()


def test_a_field_is_added_with_its_default_and_removed(database):
    database.run(create())
    database.things.create(pk="a")
    operation = migrations.AddField("Thing", "size", models.PositiveIntegerField(default=7, db_index=True))
    database.run(operation)
    assert database.things.get().size == 7
    database.undo(operation)
    assert list(connection.get_collection(TABLE).find()) == [{"_id": "a"}]
    assert list(indexes()) == ["_id_"]


@pytest.mark.parametrize("default", [{}, [], "", None, "text"])
def test_any_default_can_be_added(database, default):
    database.run(create())
    database.things.create(pk="a")
    database.run(migrations.AddField("Thing", "data", models.JSONField(default=lambda: default, null=True)))
    assert database.things.get().data == default


def test_a_unique_field_is_added(database):
    database.run(create(), migrations.AddField("Thing", "code", models.CharField(max_length=9, null=True, unique=True)))
    database.things.create(pk="a", code=None)
    database.things.create(pk="b", code=None)
    database.things.create(pk="c", code="x")
    with pytest.raises(IntegrityError):
        database.things.create(pk="d", code="x")


def test_a_field_is_renamed_and_its_index_goes_along(database):
    database.run(create(("name", models.CharField(max_length=20, db_index=True))))
    database.things.create(pk="a", name="x")
    operation = migrations.RenameField("Thing", "name", "title")
    database.run(operation)
    assert database.things.get().title == "x"
    assert ["title"] in [[key for key, _ in index["key"]] for index in indexes().values()]
    database.undo(operation)
    assert database.things.get().name == "x"


def test_a_field_that_may_no_longer_be_null_gets_its_default(database):
    database.run(create(("size", models.IntegerField(null=True))))
    database.things.create(pk="a", size=None)
    database.run(migrations.AlterField("Thing", "size", models.IntegerField(default=3)))
    assert database.things.get().size == 3


def test_a_table_is_renamed(database):
    database.run(create())
    operation = migrations.AlterModelTable("Thing", "scratch_other")
    database.run(operation)
    assert "scratch_other" in connection.introspection.table_names()
    database.undo(operation)
    assert TABLE in connection.introspection.table_names()


def test_indexes_and_constraints_come_and_go(database):
    database.run(create(("name", models.CharField(max_length=20)), ("size", models.IntegerField(null=True))))
    for operation, key in [
        (
            migrations.AddIndex("Thing", models.Index(fields=["name", "-size"], name="newest")),
            [("name", 1), ("size", -1)],
        ),
        (
            migrations.AddConstraint("Thing", models.UniqueConstraint(fields=["name", "size"], name="once")),
            [("name", 1), ("size", 1)],
        ),
    ]:
        database.run(operation)
        name = (operation.index if hasattr(operation, "index") else operation.constraint).name
        assert indexes()[name]["key"] == key
        database.undo(operation)
        assert list(indexes()) == ["_id_"]


def test_check_constraints_come_and_go(database):
    database.run(create(("size", models.IntegerField())))
    small = models.CheckConstraint(condition=Q(size__lt=5), name="small")
    operation = migrations.AddConstraint("Thing", small)
    database.run(operation)
    database.things.create(pk="a", size=4)
    with pytest.raises(IntegrityError):
        database.things.create(pk="b", size=5)
    with pytest.raises(IntegrityError):
        database.things.update(size=9)
    thing = database.things.model
    with pytest.raises(IntegrityError):
        database.things.bulk_create([thing(pk=str(size), size=size) for size in (1, 7)])
    database.undo(operation)
    database.things.create(pk="c", size=5)


@pytest.mark.parametrize(
    ("condition", "allowed", "refused"),
    [
        (Q(size__gt=1), [2, None], [1]),
        (Q(size__gte=1), [1], [0]),
        (Q(size__lte=1), [1], [2]),
        (Q(size=3), [3, None], [4]),
        (Q(size__in=[3, 4]), [4, None], [5]),
        (~Q(size=3), [4], [3]),
        (Q(size__isnull=True), [None], [1]),
        (Q(size__isnull=False), [1], [None]),
        (Q(size=1) | Q(name="x"), [1], [2]),
    ],
)
def test_each_kind_of_check(database, condition, allowed, refused):
    fields = ("size", models.IntegerField(null=True)), ("name", models.CharField(max_length=9))
    constraint = models.CheckConstraint(condition=condition, name="check")
    database.run(create(*fields, constraints=[constraint]))
    for size in allowed:
        database.things.create(pk=f"allowed {size}", size=size)
    for size in refused:
        with pytest.raises(IntegrityError):
            database.things.create(pk=f"refused {size}", size=size)


def test_the_server_keeps_lower_case(database):
    constraint = models.CheckConstraint(condition=Q(name=Lower("name")), name="lower")
    database.run(create(("name", models.CharField(max_length=9, null=True)), constraints=[constraint]))
    for name in ("abc", "ä-1\n", "", None):
        database.things.create(pk=f"allowed {name}", name=name)
    for name in ("aBc", "abC\n", "a\nB"):
        with pytest.raises(IntegrityError):
            database.things.create(pk="refused", name=name)


def test_an_address_in_capitals_is_refused(alice):
    with pytest.raises(IntegrityError):
        User.objects.filter(pk=alice.pk).update(email="Alice@example.org")


def test_what_the_server_cannot_check_is_checked_here():
    """Two columns against each other, that is; docs/database.md says how far."""
    left = {name for model in apps.get_models() for name in unenforced(model, connection)}
    assert left == {check.name for checks in connection.connection.row_checks.values() for check in checks}
    assert "grant_ends_after_start" in left


@pytest.fixture
def wrong_grant(alice, course):
    now = timezone.now()
    return Grant(user=alice, course=course, source_id=course.pk, starts_at=now, ends_at=now)


@pytest.mark.parametrize(
    "write",
    [
        lambda wrong: wrong.save(),
        lambda wrong: Grant.objects.bulk_create([wrong]),
        lambda wrong: Grant.objects.bulk_create([wrong, Grant(user=wrong.user, source_id=wrong.pk)]),
        lambda wrong: Grant.objects.filter(pk=wrong.pk).update(starts_at=wrong.starts_at, ends_at=wrong.ends_at),
        lambda wrong: Grant.objects.bulk_update([wrong], ["starts_at", "ends_at"]),
        lambda wrong: connection.get_collection("courses_grant").replace_one(
            {}, {"starts_at": wrong.starts_at, "ends_at": wrong.ends_at}
        ),
    ],
)
def test_a_grant_that_ends_before_it_starts_is_refused(wrong_grant, write):
    with pytest.raises(IntegrityError, match="CHECK constraint failed: grant_ends_after_start"):
        write(wrong_grant)


def test_a_grant_is_kept_from_ending_before_it_starts(wrong_grant):
    wrong_grant.ends_at = None
    wrong_grant.save()
    wrong_grant.ends_at = wrong_grant.starts_at
    with pytest.raises(IntegrityError):
        wrong_grant.save()
    wrong_grant.ends_at += timedelta(days=1)
    wrong_grant.save()


def test_forms_check_constraints_without_the_server():
    """Django asks the database to compare constants; no stage of DocumentDB can, so it is done here."""
    order = Order(amount_paise=-1, product_key="course:1")
    with pytest.raises(ValidationError, match="order_amount_not_negative"):
        order.validate_constraints(exclude={"user"})
    Order(amount_paise=5, product_key="course:1").validate_constraints(exclude={"user"})


def test_python_runs(database):
    def rename(apps, editor):
        apps.get_model("scratch", "Thing").objects.filter(name="old").update(name="new")

    database.run(create(("name", models.CharField(max_length=20))))
    database.things.create(pk="a", name="old")
    database.run(migrations.RunPython(rename, migrations.RunPython.noop))
    assert database.things.get().name == "new"


@pytest.mark.parametrize(
    ("model", "condition", "expected"),
    [
        (Order, Q(status="created"), [{"status": {"$eq": "created"}}]),
        (Grant, Q(course__isnull=True), [{"course_id": {"$eq": None}}]),
        (Grant, Q(ends_at__isnull=True, note="x"), [{"ends_at": {"$eq": None}}, {"note": {"$eq": "x"}}]),
        (Grant, Q(course__isnull=False), [{"course_id": {"$gte": ""}}]),
        (
            Order,
            Q(amount_paise__gt=1) & Q(amount_paise__lte=9),
            [{"amount_paise": {"$gt": 1}}, {"amount_paise": {"$lte": 9}}],
        ),
    ],
)
def test_conditions_of_indexes(model, condition, expected):
    assert condition_filter(condition, model, connection) == expected


@pytest.mark.parametrize(
    "condition", [Q(status="a") | Q(status="b"), ~Q(status="a"), Q(status__in=["a"]), Q(status__startswith="a")]
)
def test_conditions_that_no_index_can_have(condition):
    with pytest.raises(NotSupportedError, match="condition of an index"):
        condition_filter(condition, Order, connection)


def test_only_nullable_columns_need_a_condition():
    once = next(c for c in Grant._meta.constraints if c.name == "grant_once_per_source")
    index = models.Index(fields=once.fields, name=once.name)
    definition = index_model(index, Grant, connection, unique=True).document
    assert definition["partialFilterExpression"] == {"course_id": {"$gte": ""}}
    plain = index_model(models.Index(fields=["user"], name="x"), Grant, connection, unique=True).document
    assert "partialFilterExpression" not in plain


def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())


def test_the_cache_expires_by_an_index():
    assert connection.get_collection("cache").index_information()["cache_expires_at"]["expireAfterSeconds"] == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_migration_goes_back_and_forth():
    for app in ("sessions", "payments", "courses", "account", "admin", "users", "auth", "contenttypes", "documentdb"):
        call_command("migrate", app, "zero", verbosity=0, interactive=False)
    left = set(connection.introspection.table_names()) - {"django_migrations"}
    assert not left
    call_command("migrate", verbosity=0, interactive=False)
