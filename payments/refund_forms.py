"""What people choose and say when money is to go back; for the student's page and for the admin."""

from typing import Any

from django import forms

from payments.refund_rules import Share


class RefundForm(forms.Form):
    """Lines of one order, why, and the sum that the page showed, so that nobody agrees to one that they did not see."""

    line = forms.MultipleChoiceField(error_messages={"required": "Choose what is to go back."})
    reason = forms.CharField(max_length=200, required=False, label="Why? (optional)")
    amount_paise = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, shares: list[Share], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shares = {str(share.line.pk): share for share in shares}
        self.fields["line"].choices = [(key, share.line.title) for key, share in self.shares.items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("line") and "amount_paise" in cleaned and cleaned["amount_paise"] != self.sum_paise:
            self.add_error(None, "The sum is not the one you saw before. Please look again; nothing has been done yet.")
        return cleaned

    @property
    def chosen(self) -> list[Share]:
        return [self.shares[key] for key in self.shares if key in self.cleaned_data.get("line", [])]

    @property
    def sum_paise(self) -> int:
        return sum(share.amount_paise for share in self.chosen)


class StaffRefundForm(RefundForm):
    """Staff say why: they may go beyond the policy."""

    reason = forms.CharField(max_length=200, label="Why")


class ReasonForm(forms.Form):
    """A confirmation with its reason."""

    reason = forms.CharField(max_length=150, label="Why", widget=forms.TextInput({"size": 80}))


def selected(shares: list[Share], query: Any, *, is_staff: bool = False) -> list[Share]:
    """What the page shows as chosen: what its address says, or everything that can go back."""
    possible = [share for share in shares if not (share.blocked if is_staff else share.reason)]
    if "choose" not in query:
        return possible
    wanted = set(query.getlist("line"))
    return [share for share in possible if str(share.line.pk) in wanted]
