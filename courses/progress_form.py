"""What a player may report."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from courses.progress import MAX_RANGES, Ranges

A_DAY = 24 * 3600


class ProgressForm(forms.Form):
    """`position_seconds`: where the player is. `ranges`: [[from, to], …], what it played since the last report."""

    position_seconds = forms.IntegerField(min_value=0, max_value=A_DAY)
    ranges = forms.JSONField(required=False)

    def clean_ranges(self) -> Ranges:
        ranges = self.cleaned_data["ranges"] or []
        if not isinstance(ranges, list) or len(ranges) > MAX_RANGES:
            raise ValidationError(f"Send a list of at most {MAX_RANGES} ranges.")
        if not all(_is_range(pair) for pair in ranges):
            raise ValidationError("A range is two whole numbers of seconds, the smaller first.")
        return ranges


def _is_range(pair: Any) -> bool:
    is_pair_of_ints = isinstance(pair, list) and len(pair) == 2 and all(type(second) is int for second in pair)
    return is_pair_of_ints and 0 <= pair[0] <= pair[1] <= A_DAY
