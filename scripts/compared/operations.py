"""What a Django site does with its database, one operation at a time. Each returns (what came, what should come).

Before each there are the rows of `fill`: Ada teaches Knots (10 places, 3 taken, open, January) and Sails (20, 5,
closed, February), Ben teaches Winds (30, 0, open, February). Plain Django, 3.1 and later.
"""

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Avg, Case, Count, Exists, F, OuterRef, Q, Sum, Value, When
from django.db.models.functions import Coalesce, Lower, TruncMonth

from scripts.compared.models import Booking, Course, Note, Teacher, Topic

Outcome = tuple[Any, Any]
UTC = timezone.utc  # noqa: UP017  as Django 3.1 knows it
OPERATIONS: dict[str, Callable[[], Outcome]] = {}


def operation(name: str) -> Callable[[Callable[[], Outcome]], Callable[[], Outcome]]:
    def remember(function: Callable[[], Outcome]) -> Callable[[], Outcome]:
        OPERATIONS[name] = function
        return function

    return remember


def at(month: int) -> datetime:
    return datetime(2026, month, 10, 12, tzinfo=UTC)


def fill() -> None:
    ada, ben = Teacher(name="Ada", badge="A1"), Teacher(name="Ben")
    for teacher in (ada, ben):
        teacher.save(force_insert=True)
    rows = [("Knots", ada, 10, 3, True, 1), ("Sails", ada, 20, 5, False, 2), ("Winds", ben, 30, 0, True, 2)]
    for title, teacher, places, taken, is_open, month in rows:
        course = Course(title=title, teacher=teacher, places=places, taken=taken, is_open=is_open, starts_at=at(month))
        course.price = Decimal(f"{places}.50")
        course.save(force_insert=True)


def titles(queryset: Any) -> list[str]:
    return sorted(course.title for course in queryset)


def knots() -> Course:
    return next(course for course in Course.objects.all() if course.title == "Knots")


def columns(name: str) -> list[Any]:
    """That column of all courses, by title."""
    return [getattr(course, name) for course in sorted(Course.objects.all(), key=lambda course: course.title)]


# --- Tables ---
@operation("migrate")
def migrate() -> Outcome:
    call_command("migrate", run_syncdb=True, skip_checks=True, verbosity=0)
    return True, True


@operation("add a column with a default")
def add_column() -> Outcome:
    field = models.CharField(max_length=10, default="new")
    field.set_attributes_from_name("remark")
    field.model = Topic
    Topic.objects.create(name="Old")
    with connection.schema_editor() as editor:
        editor.add_field(Topic, field)
    return True, True


# --- Writing ---
@operation("create and get")
def create_and_get() -> Outcome:
    course = Course.objects.create(title="Tides", teacher=Teacher.objects.get(name="Ben"))
    return Course.objects.get(pk=course.pk).title, "Tides"


@operation("save an existing row")
def save_existing() -> Outcome:
    course = knots()
    course.title = "Bends"
    course.save()
    return columns("title"), ["Bends", "Sails", "Winds"]


@operation("save(update_fields)")
def save_fields() -> Outcome:
    course = knots()
    course.places = 11
    course.save(update_fields=["places"])
    return columns("places"), [11, 20, 30]


@operation("update with a constant")
def update_constant() -> Outcome:
    return (Course.objects.filter(places__gte=20).update(taken=9), columns("taken")), (2, [3, 9, 9])


@operation("update with F() + 1")
def update_step() -> Outcome:
    return (Course.objects.filter(title="Knots").update(taken=F("taken") + 1), columns("taken")), (1, [4, 5, 0])


@operation("conditional update, one winner")
def update_once() -> Outcome:
    waiting = Course.objects.filter(title="Knots", is_open=True)
    return (waiting.update(is_open=False), waiting.update(is_open=False)), (1, 0)


@operation("update across a relation")
def update_across() -> Outcome:
    return (Course.objects.filter(teacher__name="Ada").update(taken=1), columns("taken")), (2, [1, 1, 0])


@operation("get_or_create")
def get_or_create() -> Outcome:
    made = [Topic.objects.get_or_create(name="Sea")[1] for _ in range(2)]
    return (made, len(Topic.objects.all())), ([True, False], 1)


@operation("update_or_create")
def update_or_create() -> Outcome:
    is_new = Teacher.objects.update_or_create(name="Ben", defaults={"badge": "Z"})[1]
    return (is_new, sorted(teacher.badge or "" for teacher in Teacher.objects.all())), (False, ["A1", "Z"])


@operation("bulk_create")
def bulk_create() -> Outcome:
    Topic.objects.bulk_create([Topic(name=f"T{number}") for number in range(20)])
    return len(Topic.objects.all()), 20


@operation("bulk_update")
def bulk_update() -> Outcome:
    courses = list(Course.objects.all())
    for course in courses:
        course.taken = course.places
    Course.objects.bulk_update(courses, ["taken"])
    return columns("taken"), [10, 20, 30]


@operation("delete a row")
def delete_row() -> Outcome:
    knots().delete()
    return columns("title"), ["Sails", "Winds"]


@operation("delete cascades")
def delete_cascades() -> Outcome:
    Booking.objects.create(course=knots(), name="Cleo")
    Teacher.objects.get(name="Ada").delete()
    return (columns("title"), len(Booking.objects.all())), (["Winds"], 0)


@operation("delete a queryset across a relation")
def delete_across() -> Outcome:
    Booking.objects.create(course=knots(), name="Cleo")
    Booking.objects.filter(course__title="Knots").delete()
    return len(Booking.objects.all()), 0


@operation("many-to-many: add, list, remove")
def many_to_many() -> Outcome:
    course, sea, rope = knots(), Topic.objects.create(name="Sea"), Topic.objects.create(name="Rope")
    course.topics.add(sea, rope)
    before = sorted(topic.name for topic in course.topics.all())
    course.topics.remove(sea)
    return (before, [topic.name for topic in course.topics.all()]), (["Rope", "Sea"], ["Rope"])


@operation("a transaction that is rolled back")
def roll_back() -> Outcome:
    """By the backend's own door where it has one."""
    try:
        from django_mongodb_backend.transaction import atomic
    except ImportError:
        atomic = transaction.atomic
    try:
        with atomic():
            Topic.objects.create(name="Never")
            raise KeyError
    except KeyError:
        return len(Topic.objects.all()), 0


# --- Constraints ---
@operation("unique violation is an IntegrityError")
def unique() -> Outcome:
    Topic.objects.create(name="Sea")
    try:
        Topic.objects.create(name="Sea")
    except IntegrityError:
        return len(Topic.objects.all()), 1
    return "no error", "IntegrityError"


@operation("unique column with several NULLs")
def unique_nulls() -> Outcome:
    Teacher.objects.create(name="Cleo")
    Teacher.objects.create(name="Dan")
    return len(Teacher.objects.all()), 4


@operation("unique under a condition")
def unique_condition() -> Outcome:
    course = knots()
    for status in ("done", "done", "open"):
        Booking.objects.create(course=course, name="Cleo", status=status)
    try:
        Booking.objects.create(course=course, name="Cleo")
    except IntegrityError:
        return len(Booking.objects.all()), 3
    return "no error", "IntegrityError"


# --- Filters ---
def filters() -> dict[str, tuple[Callable[[], Any], list[str]]]:
    return {
        "filter by a boolean": (lambda: Course.objects.filter(is_open=True), ["Knots", "Winds"]),
        "filter by NOT a boolean": (lambda: Course.objects.filter(~Q(is_open=True)), ["Sails"]),
        "exclude": (lambda: Course.objects.exclude(title="Sails"), ["Knots", "Winds"]),
        "filter by in": (lambda: Course.objects.filter(title__in=["Knots", "Winds"]), ["Knots", "Winds"]),
        "filter by Q or Q": (lambda: Course.objects.filter(Q(taken=5) | Q(places=30)), ["Sails", "Winds"]),
        "filter by isnull": (lambda: Course.objects.filter(starts_at__isnull=True), []),
        "filter by icontains": (lambda: Course.objects.filter(title__icontains="NOT"), ["Knots"]),
        "filter by startswith": (lambda: Course.objects.filter(title__startswith="Wi"), ["Winds"]),
        "filter by a range of times": (
            lambda: Course.objects.filter(starts_at__range=(at(2), at(3))),
            ["Sails", "Winds"],
        ),
        "filter by a year": (lambda: Course.objects.filter(starts_at__year=2026, taken=3), ["Knots"]),
        "filter by a decimal": (lambda: Course.objects.filter(price__lt=Decimal("20.51")), ["Knots", "Sails"]),
        "filter by a UUID": (lambda: Course.objects.filter(public_id=knots().public_id), ["Knots"]),
        "compare two columns": (lambda: Course.objects.filter(places__gt=F("taken") * 5), ["Winds"]),
        "filter across a relation": (lambda: Course.objects.filter(teacher__name="Ada"), ["Knots", "Sails"]),
        "exclude across a relation": (lambda: Course.objects.exclude(teacher__name="Ada"), ["Winds"]),
        "a queryset in a queryset": (
            lambda: Course.objects.filter(teacher__in=Teacher.objects.filter(name="Ben")),
            ["Winds"],
        ),
        "Exists(OuterRef)": (
            lambda: Course.objects.filter(Exists(Booking.objects.filter(course=OuterRef("pk")))),
            [],
        ),
        "union": (lambda: Course.objects.filter(taken=3).union(Course.objects.filter(taken=5)), ["Knots", "Sails"]),
    }


for name, (ask, expected) in filters().items():
    OPERATIONS[name] = lambda ask=ask, expected=expected: (titles(ask()), expected)


@operation("exclude across a reverse relation")
def exclude_reverse() -> Outcome:
    Booking.objects.create(course=knots(), name="Cleo")
    return titles(Course.objects.exclude(bookings__name="Cleo")), ["Sails", "Winds"]


@operation("filter by a JSON key")
def json_key() -> Outcome:
    for colour in ("red", "blue"):
        Note.objects.create(data={"colour": colour, "sizes": [1, 2]})
    return [note.data for note in Note.objects.filter(data__colour="red")], [{"colour": "red", "sizes": [1, 2]}]


# --- Lists and totals ---
@operation("order and slice")
def order_and_slice() -> Outcome:
    return [course.title for course in Course.objects.order_by("-places")[1:3]], ["Sails", "Knots"]


@operation("first and last")
def first_and_last() -> Outcome:
    ordered = Course.objects.order_by("title")
    return (ordered.first().title, ordered.last().title), ("Knots", "Winds")


@operation("values_list and distinct")
def distinct() -> Outcome:
    return sorted(Course.objects.values_list("is_open", flat=True).distinct()), [False, True]


@operation("select_related")
def select_related() -> Outcome:
    return [course.teacher.name for course in Course.objects.select_related("teacher").order_by("title")], [
        "Ada",
        "Ada",
        "Ben",
    ]


@operation("prefetch_related")
def prefetch_related() -> Outcome:
    teachers = Teacher.objects.prefetch_related("courses").order_by("name")
    return [titles(teacher.courses.all()) for teacher in teachers], [["Knots", "Sails"], ["Winds"]]


@operation("count")
def count() -> Outcome:
    return (Course.objects.filter(is_open=True).count(), Course.objects.filter(taken=99).count()), (2, 0)


@operation("exists")
def exists() -> Outcome:
    return (Course.objects.filter(taken=3).exists(), Course.objects.filter(taken=99).exists()), (True, False)


@operation("aggregate: sum and average")
def aggregate() -> Outcome:
    return Course.objects.aggregate(sum=Sum("places"), average=Avg("taken")), {"sum": 60, "average": 8 / 3}


@operation("aggregate of no rows")
def aggregate_nothing() -> Outcome:
    return Course.objects.filter(taken=99).aggregate(sum=Sum("places"))["sum"], None


@operation("group by")
def group_by() -> Outcome:
    rows = Course.objects.values("is_open").annotate(number=Count("pk")).order_by("is_open")
    return list(rows), [{"is_open": False, "number": 1}, {"is_open": True, "number": 2}]


@operation("group by across a relation")
def group_across() -> Outcome:
    rows = Teacher.objects.annotate(number=Count("courses")).order_by("name")
    return [(teacher.name, teacher.number) for teacher in rows], [("Ada", 2), ("Ben", 1)]


@operation("group by month (TruncMonth)")
def group_by_month() -> Outcome:
    rows = Course.objects.annotate(month=TruncMonth("starts_at")).values("month").annotate(number=Count("pk"))
    return sorted((row["month"].month, row["number"]) for row in rows), [(1, 1), (2, 2)]


@operation("Case and When")
def case() -> Outcome:
    kind = Case(When(taken=0, then=Value("empty")), default=Value("some"), output_field=models.CharField())
    return [course.kind for course in Course.objects.annotate(kind=kind).order_by("title")], ["some", "some", "empty"]


@operation("Lower and Coalesce")
def functions() -> Outcome:
    rows = Teacher.objects.annotate(low=Lower("name"), tag=Coalesce("badge", Value("-"))).order_by("name")
    return [(row.low, row.tag) for row in rows], [("ada", "A1"), ("ben", "-")]
