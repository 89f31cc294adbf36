"""A form field for a file that belongs to a course.

A file arrives in one of two ways: straight from the browser to the store (static/js/upload.js; the form gets a token),
or within the form, without JavaScript. Either way the field's value is a token, which is kept when the form is shown
again with errors, so that nothing has to be uploaded twice.
"""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat

from courses import uploads
from courses.storage import MediaUnavailable
from users.models import User


class UploadInput(forms.FileInput):
    """A file input, and beside it a hidden one with the token of what has been uploaded."""

    template_name = "courses/_upload_input.html"

    class Media:
        js = [forms.widgets.Script("js/upload.js", type="module")]

    def __init__(self, kind: str) -> None:
        super().__init__({"accept": uploads.KINDS[kind].accept})
        self.kind = kind

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.get(name) or data.get(f"{name}-token")

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in files and f"{name}-token" not in data

    def use_required_attribute(self, initial: Any) -> bool:
        return False  # the file input is empty when there is a token

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        token = value if isinstance(value, str) else ""
        upload = uploads.described(token)
        context["widget"] |= {"token": token if upload else "", "kind": self.kind, "upload": upload}
        return context


class UploadField(forms.Field):
    """Its value is a token of courses.uploads, or "". The form gives it the user."""

    user: User

    def __init__(self, kind: str, **kwargs: Any) -> None:
        rules = uploads.KINDS[kind]
        kwargs.setdefault("help_text", f"{rules.wanted[:1].upper()}{rules.wanted[1:]}, up to {_size(rules.max_bytes)}.")
        super().__init__(widget=UploadInput(kind), **kwargs)
        self.kind = kind

    def to_python(self, value: Any) -> str:
        try:
            if isinstance(value, UploadedFile):
                return uploads.receive(self.user, self.kind, value).token
            if value:
                uploads.arrived(value, self.user, self.kind)
            return value or ""
        except MediaUnavailable as error:
            raise ValidationError(
                "The file store does not answer. Please try again in a moment.", "unavailable"
            ) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


def _size(size: int) -> str:
    return filesizeformat(size).replace(".0", "")


class UploadsForm(forms.BaseForm):
    """A form with UploadFields. `user` is given to the constructor or, for the admin's classes, set on the class."""

    user: User
    data: Any  # a QueryDict, or the dict that the API makes
    files: Any

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user or self.user
        for field in self.upload_fields().values():
            field.user = self.user

    def upload_fields(self) -> dict[str, UploadField]:
        return {name: field for name, field in self.fields.items() if isinstance(field, UploadField)}

    def clean(self) -> Any:
        cleaned = super().clean()
        for name in self.upload_fields():
            if self.cleaned_data.get(name):
                self._keep(name, self.cleaned_data[name])
            elif not self.has_error(name, "unavailable"):
                self.forget(name)
        return cleaned

    def forget(self, name: str) -> None:
        """Do not offer a file again that is not there or not right."""
        self._keep(name, "")

    def _keep(self, name: str, token: str) -> None:
        """Put the token in the place of a file, so that it is still there if another field is wrong."""
        self.data, self.files = self.data.copy(), self.files.copy()
        self.files.pop(self.add_prefix(name), None)
        self.data[f"{self.add_prefix(name)}-token"] = token
