import io

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from users.models import User


@pytest.fixture(autouse=True)
def _media_of_its_own(settings, tmp_path):
    settings.STORAGES = settings.STORAGES | {
        "public": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path, "base_url": "/media/public/"},
        }
    }


def photo(colour="teal", name="me.png") -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (400, 300), colour).save(file, "PNG")
    return SimpleUploadedFile(name, file.getvalue(), "image/png")


def stored(key: str) -> list[bool]:
    return [storages["public"].exists(f"{key}-{width}.webp") for width in (96, 256)]


def test_it_works(client_of, alice):
    page = client_of(alice).get("/profile").content.decode()
    for text in ("Alice", "alice@example.org", "/my/courses", "/my/saved", "/orders", "/changepassword", "/email"):
        assert text in page


def test_it_costs_two_queries(client_of, alice, django_assert_num_queries):
    client = client_of(alice)
    with django_assert_num_queries(2):  # The session and the user.
        client.get("/profile")


@pytest.mark.parametrize("path", ["/profile", "/updateprofile", "/updateprofilepicture"])
def test_it_requires_login(client, db, path):
    assert client.get(path)["Location"] == f"/login?next={path}"
    assert client.post(path)["Location"] == f"/login?next={path}"


def test_a_student_changes_the_name_and_nothing_else(client_of, alice):
    client = client_of(alice)
    assert list(client.get("/updateprofile").context["form"].fields) == ["name"]
    data = {"name": " Alice   B. ", "headline": "x", "bio": "x", "email": "x@y.org", "is_staff": "on"}
    assert client.post("/updateprofile", data)["Location"] == "/profile"
    alice.refresh_from_db()
    assert (alice.name, alice.headline, alice.bio) == ("Alice B.", "", "")
    assert (alice.email, alice.is_staff) == ("alice@example.org", False)


def test_an_instructor_changes_headline_and_bio(client_of, ida):
    client = client_of(ida)
    client.post("/updateprofile", {"name": "Ida", "headline": "Ties knots", "bio": "**Sailor** <script>x</script>"})
    ida.refresh_from_db()
    assert (ida.headline, ida.bio) == ("Ties knots", "**Sailor** <script>x</script>")
    page = client.get("/profile").content.decode()
    assert "<strong>Sailor</strong>" in page
    assert "<script>x" not in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "n" * 81),
        ("name", "a\x00b"),
        ("headline", "h" * 121),
        ("bio", "b" * 5001),
        ("bio", "\x00"),
    ],
)
def test_it_refuses_bad_input_at_the_field(client_of, ida, field, value):
    response = client_of(ida).post("/updateprofile", {"name": "Xenia", "headline": "h", "bio": "b"} | {field: value})
    assert response.status_code == 400
    assert response.context["form"].errors[field]
    ida.refresh_from_db()
    assert (ida.name, ida.bio) == ("Ida", "")
    assert ">X<" not in response.content.decode()  # The initial in the header is of the name that is stored.


def test_a_change_writes_only_what_was_asked(client_of, alice, monkeypatch):
    """Another change that happens meanwhile is not undone."""
    from users.forms import ProfileForm

    original = ProfileForm.is_valid

    def slow(form):
        User.objects.filter(pk=alice.pk).update(photo_key="public/photos/new")
        return original(form)

    monkeypatch.setattr(ProfileForm, "is_valid", slow)
    client_of(alice).post("/updateprofile", {"name": "Alicia"})
    alice.refresh_from_db()
    assert (alice.name, alice.photo_key) == ("Alicia", "public/photos/new")


def test_a_photo_is_stored_and_replaces_the_old_one(client_of, alice):
    client = client_of(alice)
    assert client.get("/updateprofilepicture").status_code == 200
    assert client.post("/updateprofilepicture", {"photo": photo()})["Location"] == "/profile"
    first = User.objects.get(pk=alice.pk).photo_key
    assert first.startswith("public/photos/")
    assert all(stored(first))
    assert first in client.get("/profile").content.decode()

    client.post("/updateprofilepicture", {"photo": photo("red")})
    second = User.objects.get(pk=alice.pk).photo_key
    assert all(stored(second))
    assert not any(stored(first))


def test_a_photo_can_be_removed(client_of, alice):
    client = client_of(alice)
    client.post("/updateprofilepicture", {"photo": photo()})
    key = User.objects.get(pk=alice.pk).photo_key
    client.post("/updateprofilepicture", {"remove": "1"})
    assert User.objects.get(pk=alice.pk).photo_key == ""
    assert not any(stored(key))
    client.post("/updateprofilepicture", {"remove": "1"})


def test_the_photo_that_loses_a_race_is_removed(client_of, alice, monkeypatch, tmp_path):
    import users.views.profile as views

    original = views.save_image

    def overtaken(*args):
        key = original(*args)
        User.objects.filter(pk=alice.pk).update(photo_key="public/photos/faster")
        return key

    monkeypatch.setattr(views, "save_image", overtaken)
    client_of(alice).post("/updateprofilepicture", {"photo": photo()})
    assert User.objects.get(pk=alice.pk).photo_key == "public/photos/faster"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"photo": SimpleUploadedFile("me.png", b"no picture")},
        {"photo": SimpleUploadedFile("me.png", b"")},
        {"photo": "text"},
    ],
)
def test_it_refuses_what_is_no_picture(client_of, alice, files):
    response = client_of(alice).post("/updateprofilepicture", files)
    assert response.status_code == 400
    assert response.context["form"].errors["photo"]
    assert User.objects.get(pk=alice.pk).photo_key == ""
