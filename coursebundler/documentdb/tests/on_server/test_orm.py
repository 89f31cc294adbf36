"""What Django's ORM can do on this backend, one operation at a time, on the site's own models."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, NotSupportedError, connection
from django.db.models import Avg, Case, Count, Exists, F, Max, Min, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import ExtractYear, Lower, Now, TruncDay, TruncMonth, TruncWeek
from django.utils import timezone

from courses.models import Category, Course, Grant, Lecture, Progress, Saved, SearchToken, Section
from payments.models import Order
from users.models import User

pytestmark = pytest.mark.django_db

is_8_0_2 = connection.vendor == "mongodb" and connection.level == "8.0.2"


def user(name, **fields):
    return User.objects.create(email=f"{name.lower()}@example.org", name=name, **fields)


@pytest.fixture
def people():
    """Ada, Ben and Cleo, who joined in January, February and February."""
    months = {"Ada": 1, "Ben": 2, "Cleo": 2}
    return [user(name, date_joined=datetime(2026, month, 10, 12, tzinfo=UTC)) for name, month in months.items()]


def names(queryset):
    return [person.name for person in queryset]


class TestWriting:
    def test_create_and_get(self):
        person = user("Ada")
        assert User.objects.get(pk=person.pk).name == "Ada"
        assert isinstance(User.objects.get(pk=str(person.pk)).pk, uuid.UUID)

    def test_save_changes_the_row(self):
        person = user("Ada")
        person.name = "Ada L."
        person.save(update_fields=["name"])
        person.headline = "Counts"
        person.save()
        assert User.objects.get().name == "Ada L."

    def test_get_or_create_and_update_or_create(self):
        assert Category.objects.get_or_create(slug="a", defaults={"name": "A"})[1] is True
        assert Category.objects.get_or_create(slug="a", defaults={"name": "B"})[1] is False
        category, is_new = Category.objects.update_or_create(slug="a", defaults={"name": "C"})
        assert (category.name, is_new) == ("C", False)
        assert Category.objects.update_or_create(slug="b", defaults={"name": "D"})[1] is True

    def test_bulk_create_and_bulk_update(self):
        categories = Category.objects.bulk_create([Category(name=f"C{n}", slug=f"c{n}") for n in range(20)])
        for category in categories:
            category.name = category.name.lower()
        assert Category.objects.bulk_update(categories, ["name"], batch_size=7) == 20
        assert Category.objects.filter(name__startswith="c").count() == 20

    def test_bulk_create_ignores_conflicts(self, make_course):
        course = make_course()
        held = SearchToken.objects.filter(course=course).count()
        twice = [SearchToken(course=course, word="knots"), SearchToken(course=course, word="unheard")]
        SearchToken.objects.bulk_create(twice, ignore_conflicts=True)
        assert SearchToken.objects.filter(course=course).count() == held + 1

    def test_bulk_create_ignores_no_conflicts_of_several_kinds(self):
        with pytest.raises(NotSupportedError, match=r"several unique constraints.*get_or_create"):
            Category.objects.bulk_create([Category(name="A", slug="a")], ignore_conflicts=True)

    def test_conditional_update_has_one_winner(self):
        person = user("Ada")
        waiting = User.objects.filter(pk=person.pk, name="Ada")
        assert waiting.update(name="Ben", bio="") == 1
        assert waiting.update(name="Ben") == 0

    def test_update_by_expressions(self, make_course):
        course = make_course(price_paise=100)
        courses = Course.objects.filter(pk=course.pk)
        courses.update(price_paise=F("price_paise") + 50)
        courses.update(price_paise=5 + F("price_paise"))
        courses.update(price_paise=F("price_paise") - 55)
        courses.update(price_paise=F("price_paise") * 3, updated_at=Now())
        assert Course.objects.get(pk=course.pk).price_paise == 300
        assert abs(Course.objects.get(pk=course.pk).updated_at - timezone.now()) < timedelta(minutes=1)

    @pytest.mark.parametrize(
        "values",
        [
            {"price_paise": F("lecture_count") + 1},
            {"title": Lower("title")},
            {"price_paise": Case(When(status="draft", then=Value(0)), default=F("price_paise"))},
        ],
    )
    def test_other_expressions_are_refused_with_advice(self, make_course, values):
        make_course()
        with pytest.raises(NotSupportedError, match="Instead: constants"):
            Course.objects.update(**values)

    def test_delete_cascades(self, make_course):
        course = make_course()
        Saved.objects.create(user=course.instructor, course=course)
        course.delete()
        assert not Section.objects.exists()
        assert not Lecture.objects.exists()
        assert not Saved.objects.exists()

    def test_delete_of_many(self, people):
        assert User.objects.filter(name__in=["Ada", "Ben"]).delete()[0] == 2
        assert names(User.objects.all()) == ["Cleo"]

    def test_update_and_delete_across_relations(self, make_course):
        make_course()
        other = make_course("Other course")
        lectures = Lecture.objects.filter(section__course__slug="other-course", section__position=0)
        assert lectures.update(title="Changed") == 2
        assert set(Lecture.objects.filter(title="Changed").values_list("course_id", flat=True)) == {other.pk}
        assert Progress.objects.filter(lecture__course=other).delete()[0] == 0
        Saved.objects.create(user=other.instructor, course=other)
        assert Saved.objects.filter(course__category__slug="elsewhere").delete()[0] == 0
        assert Saved.objects.filter(course__category__slug="sailing").delete()[0] == 1
        assert SearchToken.objects.filter(course__slug="other-course")._raw_delete("default") > 0
        assert SearchToken.objects.exists()

    def test_many_to_many(self, people):
        group = Group.objects.create(name="Editors")
        permission = Permission.objects.get(codename="manage_any_course")
        group.permissions.add(permission)
        group.permissions.add(permission)
        people[0].groups.add(group)
        assert group.permissions.count() == 1
        assert names(group.user_set.all()) == ["Ada"]
        assert User.objects.get(pk=people[0].pk).has_perm("courses.manage_any_course")
        people[0].groups.clear()
        assert not User.objects.filter(groups=group).exists()


class TestConstraints:
    def test_unique(self):
        user("Ada")
        with pytest.raises(IntegrityError):
            user("Ada")

    def test_unique_with_null(self, people):
        """Any number of NULLs, one of each value."""
        for number in range(2):
            Order.objects.create(user=people[number], product_key="course:1", amount_paise=1)
        orders = list(Order.objects.all())
        Order.objects.filter(pk=orders[0].pk).update(gateway_order_id="order_1")
        with pytest.raises(IntegrityError):
            Order.objects.filter(pk=orders[1].pk).update(gateway_order_id="order_1")
        assert Order.objects.get(gateway_order_id="order_1") == orders[0]

    def test_unique_under_a_condition(self, people):
        first = Order.objects.create(user=people[0], product_key="course:1", amount_paise=1)
        with pytest.raises(IntegrityError):
            Order.objects.create(user=people[0], product_key="course:1", amount_paise=1)
        Order.objects.filter(pk=first.pk).update(status="cancelled")
        Order.objects.create(user=people[0], product_key="course:1", amount_paise=1)

    def test_unique_where_a_foreign_key_is_null(self, people):
        source = {"source_kind": Grant.Source.STAFF, "source_id": people[0].pk}
        Grant.objects.create(user=people[1], course=None, **source)
        Grant.objects.create(user=people[2], course=None, **source)
        with pytest.raises(IntegrityError):
            Grant.objects.create(user=people[1], course=None, **source)

    def test_unique_together_with_a_nullable_column(self, people, course):
        source = {"source_kind": Grant.Source.STAFF, "source_id": people[0].pk}
        Grant.objects.create(user=people[1], course=course, **source)
        with pytest.raises(IntegrityError):
            Grant.objects.create(user=people[1], course=course, **source)


class TestReading:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Q(name="Ada"), ["Ada"]),
            (Q(name="Ada") | Q(name="Ben"), ["Ada", "Ben"]),
            (Q(name__in=["Ada", "Cleo"]), ["Ada", "Cleo"]),
            (Q(name__in=[]), []),
            (~Q(name="Ada"), ["Ben", "Cleo"]),
            (Q(name__startswith="C"), ["Cleo"]),
            (Q(name__istartswith="c"), ["Cleo"]),
            (Q(name__endswith="n"), ["Ben"]),
            (Q(name__contains="e"), ["Ben", "Cleo"]),
            (Q(name__icontains="A"), ["Ada"]),
            (Q(name__iexact="ada"), ["Ada"]),
            (Q(name__regex="^[AB]"), ["Ada", "Ben"]),
            (Q(name__gt="Ada", name__lte="Cleo"), ["Ben", "Cleo"]),
            (Q(name__range=("Ada", "Ben")), ["Ada", "Ben"]),
            (Q(last_login__isnull=True), ["Ada", "Ben", "Cleo"]),
            (Q(last_login__isnull=False), []),
            (Q(is_staff=False), ["Ada", "Ben", "Cleo"]),
            (Q(is_staff=True), []),
            (Q(date_joined__gte=datetime(2026, 2, 1, tzinfo=UTC)), ["Ben", "Cleo"]),
            (Q(date_joined__year=2026, date_joined__month=1), ["Ada"]),
            (Q(date_joined__lt=Now()), ["Ada", "Ben", "Cleo"]),
            (Q(name=F("headline")), []),
            (Q(name="$$NOW") | Q(name="$name"), []),
        ],
    )
    def test_filters(self, people, condition, expected):
        assert names(User.objects.filter(condition).order_by("name")) == expected

    def test_exclude(self, people):
        assert names(User.objects.exclude(name="Ada").exclude(name="Ben")) == ["Cleo"]

    def test_order_and_slices(self, people):
        assert names(User.objects.order_by("-date_joined", "name")[:2]) == ["Ben", "Cleo"]
        assert names(User.objects.order_by("name")[1:]) == ["Ben", "Cleo"]
        assert names(User.objects.order_by(F("last_login").desc(nulls_last=True), "-name")) == ["Cleo", "Ben", "Ada"]
        assert User.objects.order_by("name").first().name == "Ada"
        assert User.objects.order_by("name").last().name == "Cleo"
        assert User.objects.latest("date_joined").name in ("Ben", "Cleo")

    def test_count_and_exists(self, people):
        assert User.objects.count() == 3
        assert User.objects.filter(name="Nobody").count() == 0
        assert User.objects.filter(name="Ada").exists()
        assert not User.objects.filter(name="Nobody").exists()

    def test_values(self, people):
        assert list(User.objects.order_by("name").values_list("name", flat=True)) == ["Ada", "Ben", "Cleo"]
        assert list(User.objects.filter(name="Ada").values("name", "is_staff")) == [{"name": "Ada", "is_staff": False}]
        assert set(User.objects.values_list("date_joined", flat=True).distinct()) == {
            person.date_joined for person in people
        }

    def test_in_bulk_and_iterator(self, people):
        assert set(User.objects.in_bulk([person.pk for person in people[:2]])) == {person.pk for person in people[:2]}
        assert len(list(User.objects.iterator(chunk_size=2))) == 3

    def test_only_and_defer(self, people):
        assert User.objects.only("name").get(name="Ada").email == "ada@example.org"
        assert names(User.objects.defer("bio").order_by("name")) == ["Ada", "Ben", "Cleo"]

    def test_select_related(self, make_course):
        course = make_course()
        found = Course.objects.select_related("category", "instructor").get(pk=course.pk)
        assert (found.category.name, found.instructor.name) == ("Sailing", "Ida")

    def test_select_related_of_nothing(self, people):
        grant = Grant.objects.create(user=people[0], course=None, source_id=people[0].pk)
        assert Grant.objects.select_related("course", "user").get().course is None
        assert Grant.objects.select_related("course__category").get() == grant

    def test_filters_across_relations(self, make_course):
        course = make_course()
        assert Lecture.objects.filter(section__course__category__slug="sailing").count() == 4
        assert Course.objects.filter(lectures__title="Lecture 1.1").get() == course
        assert list(Lecture.objects.in_course_order()[:1]) == [Lecture.objects.get(title="Lecture 1.1")]

    def test_a_page_of_joined_rows_is_sorted(self, make_course):
        for number in range(7):
            make_course(f"Course {number}", sections=0, price_paise=number)
        page = Course.objects.for_cards().order_by("-price_paise")[2:5]
        assert [course.price_paise for course in page] == [4, 3, 2]
        filtered = Course.objects.for_cards().filter(category__slug="sailing").order_by("price_paise")[:2]
        assert [course.price_paise for course in filtered] == [0, 1]
        assert not list(Course.objects.for_cards().filter(category__slug="other").order_by("price_paise")[:2])

    def test_prefetch_related_of_a_reverse_foreign_key(self, make_course):
        make_course()
        (course,) = Course.objects.prefetch_related("sections__lectures")
        assert [len(section.lectures.all()) for section in course.sections.all()] == [2, 2]

    def test_a_queryset_in_a_queryset(self, make_course, people):
        course = make_course()
        make_course("Other course")
        Saved.objects.create(user=people[0], course=course)
        saved = Saved.objects.filter(user=people[0]).values("course_id")
        assert Course.objects.filter(pk__in=saved).get() == course
        assert Course.objects.exclude(pk__in=saved).get().title == "Other course"
        nobody = Saved.objects.filter(user=people[1]).values("course_id")
        assert not Course.objects.filter(pk__in=nobody).exists()
        assert Course.objects.exclude(pk__in=nobody).count() == 2

    @pytest.mark.parametrize(
        "ask",
        [
            lambda: list(Course.objects.filter(Exists(Saved.objects.filter(course=OuterRef("pk"))))),
            lambda: list(
                Course.objects.annotate(last=Subquery(Saved.objects.filter(course=OuterRef("pk")).values("pk")[:1]))
            ),
            lambda: list(Course.objects.exclude(lectures__title="Lecture 9.9")),
        ],
    )
    def test_correlated_subqueries_need_8_0_2(self, make_course, ask):
        course = make_course()
        Saved.objects.create(user=course.instructor, course=course)
        if is_8_0_2:
            assert ask() == [course]
        else:
            with pytest.raises(NotSupportedError, match="two queries"):
                ask()

    def test_union_is_refused(self, people):
        with pytest.raises(NotSupportedError, match=r"\$unionWith"):
            list(User.objects.filter(name="Ada").union(User.objects.filter(name="Ben")))


class TestAggregating:
    def test_totals(self, make_course):
        make_course()
        totals = Lecture.objects.aggregate(
            n=Count("pk"), seconds=Sum("duration_seconds"), last=Max("position"), mean=Avg("position")
        )
        assert totals == {"n": 4, "seconds": 400, "last": 1, "mean": 0.5}

    def test_totals_of_nothing(self):
        totals = Lecture.objects.aggregate(n=Count("pk"), last=Max("position"), seconds=Sum("duration_seconds"))
        assert totals == {"n": 0, "last": None, "seconds": None}
        assert Lecture.objects.aggregate(n=Count("section", distinct=True)) == {"n": 0}

    def test_counting_different_values(self, make_course):
        make_course()
        assert Lecture.objects.aggregate(n=Count("section", distinct=True)) == {"n": 2}
        assert Lecture.objects.values("section").distinct().count() == 2

    def test_counting_under_a_condition(self, make_course):
        make_course()
        assert Lecture.objects.aggregate(n=Count("pk", filter=Q(is_preview=True))) == {"n": 1}

    def test_groups(self, make_course):
        make_course()
        rows = Lecture.objects.order_by("position").values("position").annotate(n=Count("pk"), first=Min("title"))
        assert list(rows) == [
            {"position": 0, "n": 2, "first": "Lecture 1.1"},
            {"position": 1, "n": 2, "first": "Lecture 1.2"},
        ]

    def test_groups_across_relations(self, make_course):
        make_course()
        rows = Course.objects.order_by("category__name").values("category__name", "category__slug")
        assert list(rows.annotate(n=Count("pk"))) == [
            {"category__name": "Sailing", "category__slug": "sailing", "n": 1}
        ]
        assert Category.objects.annotate(n=Count("courses")).get().n == 1

    def test_groups_with_a_condition(self, make_course):
        make_course()
        assert Section.objects.annotate(n=Count("lectures")).filter(n__gt=1).count() == 2

    def test_months(self, people):
        rows = User.objects.annotate(month=TruncMonth("date_joined")).values("month").annotate(n=Count("pk"))
        assert [(row["month"].month, row["n"]) for row in rows.order_by("month")] == [(1, 1), (2, 2)]
        assert User.objects.annotate(day=TruncDay("date_joined")).earliest("day").day == datetime(
            2026, 1, 10, tzinfo=UTC
        )
        assert set(User.objects.annotate(year=ExtractYear("date_joined")).values_list("year", flat=True)) == {2026}

    def test_weeks_need_8_0(self, people):
        weeks = User.objects.annotate(week=TruncWeek("date_joined")).values_list("week", flat=True)
        if connection.level == "5.0":
            with pytest.raises(NotSupportedError, match="TruncMonth"):
                list(weeks)
        else:
            assert len(set(weeks)) == 2

    def test_dates(self, people):
        assert [day.month for day in User.objects.datetimes("date_joined", "month")] == [1, 2]


class TestFields:
    def test_json(self, make_course):
        course = make_course()
        lecture = Lecture.objects.first()
        progress = Progress.objects.create(
            user=course.instructor, lecture=lecture, course=course, watched_ranges=[[0, 10], [20, 30]]
        )
        assert Progress.objects.get().watched_ranges == [[0, 10], [20, 30]]
        Progress.objects.filter(pk=progress.pk, version=0).update(watched_ranges=[[0, 30]], version=1)
        assert Progress.objects.get().watched_ranges == [[0, 30]]

    def test_uuids_are_keys_everywhere(self, make_course):
        course = make_course()
        assert Lecture.objects.filter(course_id=course.pk).count() == 4
        assert Lecture.objects.filter(course_id=str(course.pk)).count() == 4
        assert Group.objects.create(name="x").pk.version == 7

    def test_dates_are_aware_and_to_the_millisecond(self):
        moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
        assert User.objects.get(pk=user("Ada", last_login=moment).pk).last_login == moment

    def test_text_that_looks_like_syntax(self):
        user("Ada", bio="$where", headline="$$NOW")
        person = User.objects.get(bio="$where", headline="$$NOW")
        User.objects.filter(pk=person.pk).update(bio="$name", headline="$$ROOT")
        person.refresh_from_db()
        assert (person.bio, person.headline) == ("$name", "$$ROOT")

    def test_null_in_a_required_column_is_refused(self):
        with pytest.raises(IntegrityError):
            User.objects.create(email="x@example.org", name=None)
