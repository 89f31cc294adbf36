"""What people type about themselves and to us. allauth's own forms are adapted in account_forms.py."""

from typing import Any

from django import forms
from django.http import HttpRequest

from users.models import User


class OneLineField(forms.CharField):
    """Text without line breaks and repeated blanks, so that it may stand in the header of a mail."""

    def to_python(self, value: Any) -> str:
        return " ".join((super().to_python(value) or "").split())


def name_field(**kwargs: Any) -> OneLineField:
    widget = forms.TextInput(attrs={"autocomplete": "name"})
    return OneLineField(max_length=80, label="Your name", widget=widget, **kwargs)


class SignupNameForm(forms.Form):
    """What we ask at registration besides e-mail and password; AccountAdapter.save_user stores it."""

    name = name_field()

    def signup(self, request: HttpRequest, user: User) -> None:
        """allauth asks for this method; there is nothing left to do."""


class ProfileForm(forms.ModelForm):
    """Name for everyone; headline and bio for those who stand beside a course."""

    name = name_field()
    headline = OneLineField(
        max_length=120, required=False, help_text="A few words under your name: “Sailing instructor for 20 years”."
    )
    bio = forms.CharField(
        max_length=5000,
        required=False,
        label="About you",
        help_text="Shown on your courses. You can use Markdown for links, lists and emphasis.",
        widget=forms.Textarea(attrs={"rows": 8}),
    )

    class Meta:
        model = User
        fields = ["name", "headline", "bio"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.presents_themselves:
            del self.fields["headline"], self.fields["bio"]


class PhotoForm(forms.Form):
    photo = forms.FileField(
        label="New photo",
        help_text="JPEG, PNG or WebP. We cut a square from its middle and remove everything else the file tells.",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )


class MailForm(forms.Form):
    """What both forms have: who writes. The template adds a field, hidden from people, that only robots fill in."""

    name = name_field()
    email = forms.EmailField(
        max_length=254,
        label="Your e-mail address",
        help_text="We answer to this address and use it for nothing else.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    @property
    def is_from_robot(self) -> bool:
        return bool(self.data.get("website"))


class ContactForm(MailForm):
    message = forms.CharField(max_length=5000, label="Your message", widget=forms.Textarea(attrs={"rows": 8}))


class CourseRequestForm(MailForm):
    course = forms.CharField(
        max_length=2000,
        label="The course that you are looking for",
        help_text="What should it teach, for whom, and what should you be able to do afterwards?",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
