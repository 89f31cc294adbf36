"""allauth's forms with our labels, one password field instead of two, and no race in registration.

Not in forms.py, because allauth's forms import that file.
"""

from typing import Any

from allauth.account import forms as allauth
from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from coursebundler.db import run_in_transaction
from users.models import User

ADVICE = "At least 8 characters. A few unrelated words are easy to remember and hard to guess."


def relabel(form: forms.Form, labels: dict[str, str]) -> None:
    """Our labels on these fields, and no placeholders: they repeat the label and vanish when one types."""
    for name, label in labels.items():
        form.fields[name].label = label
        form.fields[name].widget.attrs.pop("placeholder", None)


def ask_password_once(form: forms.Form, label: str) -> None:
    del form.fields["password2"]
    relabel(form, {"password1": label})
    form.fields["password1"].help_text = ADVICE


class LoginForm(allauth.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relabel(self, {"login": "E-mail", "password": "Password"})


class SignupForm(allauth.SignupForm):
    field_order = ["name", "email", "password1"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relabel(self, {"email": "E-mail", "password1": "Password"})
        self.fields["email"].help_text = "We send you a code to make sure that it is yours."
        self.fields["password1"].help_text = ADVICE

    def clean(self) -> dict[str, Any]:
        """allauth compares the password with the address; compare it with the name as well."""
        data = super().clean()
        if "password1" in data and "name" in data:
            try:
                validate_password(data["password1"], User(name=data["name"]))
            except ValidationError as error:
                self.add_error("password1", error)
        return data

    account_already_exists: bool  # set by allauth

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Store the account, or answer in the same way if the address is taken, also if it was taken just now."""
        # Slow on purpose: so before the transaction, and for a taken address as well, or one could measure which are.
        self.password_hash = make_password(self.cleaned_data["password1"])
        if self.account_already_exists:
            return super().try_save(request)
        try_save = super().try_save
        try:
            return run_in_transaction(lambda: try_save(request))
        except IntegrityError:
            self.account_already_exists = True
            return super().try_save(request)


class AddEmailForm(allauth.AddEmailForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relabel(self, {"email": "New e-mail address"})


class ChangePasswordForm(allauth.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ask_password_once(self, "New password")
        relabel(self, {"oldpassword": "Current password"})


class SetPasswordForm(allauth.SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ask_password_once(self, "Password")


class ResetPasswordForm(allauth.ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relabel(self, {"email": "E-mail"})


class ResetPasswordKeyForm(allauth.ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ask_password_once(self, "New password")


class ReauthenticateForm(allauth.ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relabel(self, {"password": "Password"})


class DeleteAccountForm(ReauthenticateForm):
    """The password, and the address typed out, so that nobody deletes by mistake."""

    address = forms.CharField(
        max_length=254,
        label="Your e-mail address",
        help_text="Type it to say that you mean it.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.user_email = user.email

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].strip()
        if address.lower() != self.user_email:
            raise ValidationError("This is not the address of your account.")
        return address


class ConfirmEmailVerificationCodeForm(allauth.ConfirmEmailVerificationCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relabel(self, {"code": "Code"})
        self.fields["code"].widget.attrs |= {"autocapitalize": "characters", "spellcheck": "false"}
