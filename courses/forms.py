"""Forms in which staff fill a course: the one page /admin/createcourse, the API, and the admin."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, Q

from coursebundler.db import on_commit
from coursebundler.fields import uuid7
from courses import uploads
from courses.models import Category, Course, Lecture
from courses.storage import MediaUnavailable
from courses.upload_fields import UploadField, UploadsForm
from users.models import User

MAX_RUPEES = 1_000_000
MAX_SECTIONS = 20
MAX_LECTURES = 40  # of one section


class LengthField(forms.Field):
    """12:30 or 1:02:30, as seconds."""

    def to_python(self, value: Any) -> int | None:
        text = (value or "").strip()
        if not text:
            return None
        found = re.fullmatch(r"(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)", text)
        if not found:
            raise ValidationError("Please write the length as minutes and seconds, such as 12:30.", "invalid")
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds


class LectureForm(UploadsForm, forms.Form):
    """One video lecture. Left empty altogether it is ignored."""

    title = forms.CharField(max_length=80)
    video = UploadField("video")
    captions = UploadField("captions", required=False)
    length = LengthField(
        required=False,
        help_text="Minutes and seconds, such as 12:30. An MP4 is measured; a WebM needs it.",
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )
    is_preview = forms.BooleanField(label="Free preview", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("video") and "length" not in self.errors:
            cleaned["duration_seconds"] = self._seconds(cleaned["video"], cleaned.get("length"))
        return cleaned

    def _seconds(self, token: str, typed: int | None) -> int | None:
        measured = _measured_seconds(token, self.user)
        if not measured and not typed:
            self.add_error("length", "This video does not say how long it is. Please write it, such as 12:30.")
        return measured or typed


def _measured_seconds(token: str, user: User) -> int | None:
    try:
        return uploads.video_seconds(uploads.opened(token, user, "video"))
    except (MediaUnavailable, FileNotFoundError):
        return None


LectureFormSet = forms.formset_factory(
    LectureForm, extra=5, max_num=MAX_LECTURES, absolute_max=MAX_LECTURES, validate_max=True
)


class SectionForm(forms.Form):
    """A section with its lectures."""

    title = forms.CharField(max_length=80, label="Section title", initial="Lectures")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        data: dict[str, Any] = {"data": self.data, "files": self.files} if self.is_bound else {}
        self.lectures = LectureFormSet(**data, prefix=f"{self.prefix}-lectures", form_kwargs={"user": user})

    def has_changed(self) -> bool:
        return bool(self.filled_lectures()) or super().has_changed()

    @property
    def section_title(self) -> str:
        return self.cleaned_data["title"]

    def filled_lectures(self) -> list[LectureForm]:
        return [form for form in self.lectures.forms if form.has_changed()]

    def clean(self) -> dict[str, Any]:
        if not self.lectures.is_valid() and not any(self.lectures.errors):
            self.add_error(None, self.lectures.non_form_errors())
        return self.cleaned_data

    def is_valid(self) -> bool:
        return super().is_valid() and self.lectures.is_valid()


SectionFormSet = forms.formset_factory(
    SectionForm, extra=1, max_num=MAX_SECTIONS, absolute_max=MAX_SECTIONS, validate_max=True
)


class CourseForm(UploadsForm, forms.ModelForm):
    """A new course. `courses.creation.create_course` saves it; `sections` is the curriculum, if the request has one."""

    # The new row's key, made when the form is shown: sending the form twice cannot make two courses.
    new_id = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)
    price = forms.DecimalField(
        label="Price in rupees", min_value=0, max_value=MAX_RUPEES, decimal_places=2, help_text="0 for a free course."
    )
    poster = UploadField("poster")
    instructor_email = forms.EmailField(
        label="Instructor’s e-mail", required=False, help_text="Whose course this is; yours, unless you change it."
    )

    class Meta:
        model = Course
        fields = ["title", "promise", "description", "category", "level", "status"]
        widgets = {"description": forms.Textarea({"rows": 8})}

    field_order = [
        "title",
        "promise",
        "description",
        "category",
        "level",
        "price",
        "poster",
        "instructor_email",
        "status",
    ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.user.has_perm("courses.manage_any_course"):
            self.fields["instructor_email"].widget = forms.HiddenInput()
        self.fields["instructor_email"].initial = self.user.email
        status: Any = self.fields["status"]
        status.choices = [choice for choice in Course.Status.choices if choice[0] != Course.Status.ARCHIVED]
        has_sections = "sections-TOTAL_FORMS" in self.data
        data: dict[str, Any] = {"data": self.data, "files": self.files} if has_sections else {}
        self.sections = SectionFormSet(**data, prefix="sections", form_kwargs={"user": self.user})

    def is_valid(self) -> bool:
        """Looks at everything, so that all errors show at once."""
        return all([super().is_valid(), not self.sections.is_bound or self.sections.is_valid()])

    def filled_sections(self) -> list[SectionForm]:
        return [section for section in self.sections.forms if section.has_changed()] if self.sections.is_bound else []

    def clean_new_id(self) -> UUID:
        new_id = self.cleaned_data["new_id"] or uuid7()
        if Course.objects.filter(pk=new_id).exists():
            raise ValidationError("This form was sent before. Please open it anew for another course.", "used")
        return new_id

    def clean_price(self) -> int:
        """In paise, exactly: the field has let no more than two decimal places through."""
        paise = int(self.cleaned_data["price"] * 100)
        if 0 < paise < 100:
            raise ValidationError("A price is at least ₹1; 0 makes the course free.", "too_low")
        return paise

    def clean_instructor_email(self) -> User:
        email = self.cleaned_data["instructor_email"].lower()
        if email in ("", self.user.email):
            return self.user
        if not self.user.has_perm("courses.manage_any_course"):
            raise ValidationError("You may create courses of your own only.", "not_yours")
        if instructor := User.objects.filter(email=email, is_active=True).first():
            return instructor
        raise ValidationError("There is no active account with this e-mail address.", "unknown")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("status") == Course.Status.PUBLISHED and not self._has_lectures():
            self.add_error("status", "A published course needs at least one lecture. Save it as a draft first.")
        return cleaned

    def _has_lectures(self) -> bool:
        return any(section.filled_lectures() for section in self.filled_sections())

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # where Django makes the instance; its stubs leave it out
        self.instance.price_paise = self.cleaned_data.get("price", 0)
        self.instance.instructor = self.cleaned_data.get("instructor_email", self.user)
        self.instance.pk = self.cleaned_data.get("new_id", self.instance.pk)


class CourseApiForm(CourseForm):
    """The same for the API: the predecessor sends only title, description, category, createdBy and the poster."""

    category = forms.CharField(max_length=60)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("promise", "level", "price", "status"):
            self.fields[name].required = False

    def clean_category(self) -> Category:
        """By name or slug."""
        text = self.cleaned_data["category"]
        if category := Category.objects.filter(Q(name=text) | Q(slug=text)).first():
            return category
        raise ValidationError("There is no such category.", "unknown")

    def clean_price(self) -> int:
        return super().clean_price() if self.cleaned_data["price"] is not None else 0

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        first_line = cleaned.get("description", "").strip().partition("\n")[0]
        defaults = {"promise": first_line[:160], "level": Course.Level.BEGINNER, "status": Course.Status.DRAFT}
        cleaned.update({name: cleaned.get(name) or value for name, value in defaults.items()})
        return cleaned


class MediaAdminForm(UploadsForm, forms.ModelForm):
    """A model form of the admin with file inputs: `keys` says which field fills which attribute.

    The admin's get_form sets `user` on the class that it makes anew for every request.
    """

    keys: dict[str, str] = {}

    def save(self, commit: bool = True) -> Any:
        for name, attribute in self.keys.items():
            if token := self.cleaned_data.get(name):
                self._replace(self.upload_fields()[name].kind, attribute, token)
        return super().save(commit)

    def _replace(self, kind: str, attribute: str, token: str) -> None:
        old_key = getattr(self.instance, attribute)
        setattr(self.instance, attribute, uploads.claim(token, self.user, kind))
        on_commit(lambda: uploads.release(token, self.user))
        on_commit(lambda: _discard_unused(type(self.instance), attribute, kind, old_key))


def _discard_unused(model: type[Model], attribute: str, kind: str, key: str) -> None:
    """Copied courses may share a file."""
    if key and not model._default_manager.filter(**{attribute: key}).exists():
        uploads.discard(kind, key)


class CourseAdminForm(MediaAdminForm):
    keys = {"poster": "poster_key"}
    poster = UploadField("poster", required=False)

    class Meta:
        model = Course
        fields = [
            "title",
            "slug",
            "promise",
            "description",
            "outcomes",
            "category",
            "instructor",
            "level",
            "price_paise",
            "sale_price_paise",
            "sale_starts_at",
            "sale_ends_at",
            "status",
        ]


class LectureAdminForm(MediaAdminForm):
    keys = {"video": "video_key", "captions": "captions_key", "file": "file_key"}
    video = UploadField("video", required=False)
    captions = UploadField("captions", required=False)
    file = UploadField("file", required=False)

    class Meta:
        model = Lecture
        fields = ["section", "title", "position", "kind", "text", "duration_seconds", "is_preview"]

    def save(self, commit: bool = True) -> Any:
        if (token := self.cleaned_data.get("video")) and (seconds := _measured_seconds(token, self.user)):
            self.instance.duration_seconds = seconds
        return super().save(commit)
