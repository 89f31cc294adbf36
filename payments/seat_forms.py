"""What a buyer types about gifts and seats."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from payments.models import Order, Seat
from users.models import User

MOST_LETTERS = 254  # of an address, as in the table
FEWEST_SEATS, MOST_SEATS, USUAL_SEATS = 2, 100, 5


class LowerCaseEmailField(forms.EmailField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MOST_LETTERS, **kwargs)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").lower()


class GiftForm(forms.Form):
    """Goes into the checkout; `terms` are columns of the order."""

    recipient_email = LowerCaseEmailField(
        label="Whom is it for?",
        help_text="Their e-mail address. They get a link as soon as you have paid.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    gift_message = forms.CharField(
        max_length=300,
        required=False,
        label="A few words for them",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Any = None, *, giver: User, unpaid: Order | None = None) -> None:
        """`unpaid` is an order for the same that waits for its payment: its words are there again."""
        shown = {"recipient_email": unpaid.recipient_email, "gift_message": unpaid.gift_message} if unpaid else None
        super().__init__(data, initial=shown)
        self.giver = giver

    def clean_recipient_email(self) -> str:
        email: str = self.cleaned_data["recipient_email"]
        if email == self.giver.email:
            raise ValidationError("This is your own address. To have it yourself, buy it without giving it away.")
        return email

    @property
    def terms(self) -> dict[str, Any]:
        return {
            "recipient_email": self.cleaned_data["recipient_email"],
            "gift_message": self.cleaned_data["gift_message"],
        }


class SeatCountForm(forms.Form):
    """Goes into the checkout of a team."""

    seat_count = forms.IntegerField(
        min_value=FEWEST_SEATS,
        max_value=MOST_SEATS,
        initial=USUAL_SEATS,
        label="How many people?",
        help_text=f"From {FEWEST_SEATS} to {MOST_SEATS}. Each gets a link; what nobody has taken can be given back.",
    )
    terms: dict[str, Any] = {}

    @property
    def count(self) -> int:
        """As typed, if it can be used."""
        return self.cleaned_data["seat_count"] if self.is_valid() else USUAL_SEATS


class SeatEmailForm(forms.Form):
    """One seat's address."""

    email = LowerCaseEmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "off"}))


class InvitationsForm(forms.Form):
    """Many addresses at once. `pairs` says which free seat each of them gets."""

    emails = forms.CharField(
        max_length=10_000,
        label="E-mail addresses",
        help_text="One on each line. Each gets the link of a seat that has no address yet.",
        widget=forms.Textarea(attrs={"rows": 5, "autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, seats: list[Seat]) -> None:
        super().__init__(data)
        self.seats = seats
        self.pairs: list[tuple[Seat, str]] = []

    def clean_emails(self) -> str:
        text: str = self.cleaned_data["emails"]
        lines = [(n, line.strip(" \t,;").lower()) for n, line in enumerate(text.splitlines(), start=1)]
        emails = [(n, email) for n, email in lines if email]
        free = [seat for seat in self.seats if seat.is_open and not seat.email]
        if errors := self._problems(emails):
            raise ValidationError(errors)
        if len(emails) > len(free):
            raise ValidationError(
                f"These are {len(emails)} addresses, and {len(free)} seats are free. Nothing was sent."
            )
        self.pairs = [(seat, email) for seat, (_, email) in zip(free, emails, strict=False)]
        return text

    def _problems(self, emails: list[tuple[int, str]]) -> list[str]:
        """What is wrong, line by line."""
        errors, seen = [], {seat.email for seat in self.seats if seat.is_open and seat.email}
        for number, email in emails[: MOST_SEATS + 1]:
            if not _is_email(email):
                errors.append(f"Line {number}: “{email[:80]}” is not an e-mail address.")
            elif email in seen:
                errors.append(f"Line {number}: {email} has a seat already.")
            seen.add(email)
        return errors


def _is_email(text: str) -> bool:
    try:
        EmailValidator()(text)
    except ValidationError:
        return False
    return len(text) <= MOST_LETTERS
