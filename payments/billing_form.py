"""What the invoice says about the buyer, asked at the checkout. All of it may be left empty."""

from typing import Any

from django import forms

from payments.models import Order
from payments.tax import STATES, gstin_problem
from users.forms import OneLineField
from users.models import User

NO_STATE = ("", "Not said")


class BillingForm(forms.Form):
    """Beside other forms of a page: its fields are called `billing-…`. `billing` is what an order keeps."""

    prefix = "billing"
    name = OneLineField(
        max_length=100,
        required=False,
        label="Name on the invoice",
        help_text="Yours unless you say otherwise.",
        widget=forms.TextInput(attrs={"autocomplete": "billing name"}),
    )
    address = forms.CharField(
        max_length=300,
        required=False,
        label="Address",
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "billing street-address"}),
    )
    state = forms.ChoiceField(
        choices=[NO_STATE, *sorted(STATES.items(), key=lambda item: item[1])],
        required=False,
        label="State",
        help_text="It decides which tax is in the price; the price stays the same.",
    )
    gstin = OneLineField(
        max_length=20,
        required=False,
        label="GSTIN",
        help_text="If a registered business buys; then name and address must be its own.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data, initial=last_billing(user))

    def clean_gstin(self) -> str:
        gstin = "".join(self.cleaned_data["gstin"].split()).upper()
        if gstin and (problem := gstin_problem(gstin)):
            raise forms.ValidationError(problem)
        return gstin

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if gstin := cleaned.get("gstin"):
            if cleaned.get("state") == "":
                cleaned["state"] = gstin[:2]
            elif cleaned.get("state", gstin[:2]) != gstin[:2]:
                self.add_error("state", f"The GSTIN belongs to {STATES[gstin[:2]]}. Correct it or the state.")
            for name in ("name", "address"):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, "An invoice with a GSTIN needs it.")
        return cleaned

    @property
    def billing(self) -> dict[str, str]:
        """What was filled in, for `Order.billing`; of a valid form."""
        return {name: value for name, value in self.cleaned_data.items() if value}


def last_billing(user: User) -> dict[str, str]:
    """What they filled in for the newest of their last ten orders that has anything."""
    newest = Order.objects.filter(user=user).values_list("billing", flat=True)[:10]
    return next((billing for billing in newest if billing), {})
