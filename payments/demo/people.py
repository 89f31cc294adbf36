"""The people of the demonstration school."""

from dataclasses import dataclass
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils import timezone

from coursebundler.db import atomic
from payments.demo.assets import store_portrait
from users.models import User
from users.roles import create_roles

# Everybody knows it, which is why seed_demo refuses to run in production.
PASSWORD = "learn-by-doing"  # noqa: S105

STUDENT, INSTRUCTOR, STAFF = "student@example.org", "instructor@example.org", "staff@example.org"


@dataclass(frozen=True)
class Person:
    """`portrait` names an asset; `joined_days_ago` is counted from the first run."""

    email: str
    name: str
    joined_days_ago: int
    headline: str = ""
    bio: str = ""
    portrait: str = ""
    is_staff: bool = False
    is_superuser: bool = False


def _teacher(email: str, name: str, headline: str, bio: str, portrait: str) -> Person:
    return Person(email, name, 600, headline, " ".join(bio.split()), portrait, is_staff=email == INSTRUCTOR)


TEACHERS = (
    _teacher(
        INSTRUCTOR,
        "Meera Nair",
        "Builds and looks after web sites, twelve years of them",
        """Meera has kept web sites running for a ferry company, a newspaper and two hospitals. She teaches what she
        wished somebody had told her before the first night shift: small steps, plain tools, and a way back.""",
        "meera",
    ),
    _teacher(
        "arjun.menon@example.org",
        "Arjun Menon",
        "Machine-learning engineer who draws everything first",
        """Arjun works on models that read meters in bad light. He fills a notebook with pictures before he writes a
        line of code, and asks the same of his students.""",
        "arjun",
    ),
    _teacher(
        "lakshmi.iyer@example.org",
        "Lakshmi Iyer",
        "Language engineer, former translator",
        """Lakshmi translated court papers between three languages before she began to build software for it. She
        trusts measurements more than demonstrations.""",
        "lakshmi",
    ),
    _teacher(
        "daniel.okafor@example.org",
        "Daniel Okafor",
        "Teaches algorithms with paper, string and patience",
        """Daniel trained a school team for programming contests and noticed that the best of them drew first. His
        courses begin at the kitchen table and end in running code.""",
        "daniel",
    ),
    _teacher(
        "farah.qureshi@example.org",
        "Farah Qureshi",
        "Writes apps for places where the network is a rumour",
        """Farah builds apps for nurses and delivery riders. She tests them in lifts, in cellars, and on the slowest
        train she can find.""",
        "farah",
    ),
    _teacher(
        "kavya.reddy@example.org",
        "Kavya Reddy",
        "Statistician with a red pencil",
        """Kavya has spent ten years making the numbers of others readable. She once stopped a factory with a bar chart,
        and was right.""",
        "kavya",
    ),
    _teacher(
        "tomas.rivera@example.org",
        "Tomás Rivera",
        "Makes small games, and the feel of large ones",
        """Tomás has worked on nine games that you have not heard of and on the jump of one that you have. He believes
        that everybody should finish a game once, however small.""",
        "tomas",
    ),
)

INSTRUCTORS = "Instructors"  # the group, as users/roles.py calls it

_STUDENT_NAMES = (
    "Aarav Sharma, Ananya Gupta, Bhavna Patel, Chen Wei, Deepak Joshi, Divya Krishnan, Elena Petrova, Farhan Ali, "
    "Gauri Deshmukh, Harish Babu, Isha Malhotra, Jonas Weber, Karthik Subramanian, Leela Thomas, Manish Tiwari, "
    "Nadia Hassan, Omkar Kulkarni, Pooja Bhatt, Rahul Sinha, Ritu Agarwal, Sanjay Pillai, Sneha Chatterjee, "
    "Usha Ramesh, Vikram Singh, Zoya Khan"
)

STUDENTS = (
    Person(STUDENT, "Asha Verma", 200, portrait="asha"),
    *(
        Person(f"{name.lower().replace(' ', '.')}@example.org", name, 120 + 13 * number)
        for number, name in enumerate(_STUDENT_NAMES.split(", "))
    ),
)

PEOPLE = (*TEACHERS, *STUDENTS, Person(STAFF, "Nikhil Rao", 620, is_staff=True, is_superuser=True))


def create_people() -> int:
    """Make the people who are not there yet, and say how many. Safe to repeat; nobody is changed."""
    held = set(User.objects.filter(email__in=[person.email for person in PEOPLE]).values_list("email", flat=True))
    missing = [person for person in PEOPLE if person.email not in held]
    if missing:
        if not Group.objects.filter(name=INSTRUCTORS).exists():
            create_roles()
        password = make_password(PASSWORD)  # slow by design, so once for all
        photo_keys = {person.email: store_portrait(person.portrait) for person in missing if person.portrait}
        with atomic():
            for person in missing:
                _create(person, password, photo_keys.get(person.email, ""))
    return len(missing)


def _create(person: Person, password: str, photo_key: str) -> None:
    user = User.objects.create(
        email=person.email,
        name=person.name,
        password=password,
        headline=person.headline,
        bio=person.bio,
        photo_key=photo_key,
        is_staff=person.is_staff,
        is_superuser=person.is_superuser,
        date_joined=timezone.now() - timedelta(days=person.joined_days_ago),
    )
    EmailAddress.objects.get_or_create(email=user.email, defaults={"user": user, "verified": True, "primary": True})
    if person in TEACHERS:
        user.groups.add(Group.objects.get(name=INSTRUCTORS))
