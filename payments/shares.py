"""Dividing paise so that the parts add up."""

from collections.abc import Sequence


def split_amount(amount_paise: int, weights: Sequence[int]) -> list[int]:
    """The amount in proportion to the weights; the paise that are left go to the largest remainders, the earlier first.

    Nothing for everybody if there is no weight at all.
    """
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [amount_paise * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: -(amount_paise * weights[place] % whole))
    for place in by_remainder[: amount_paise - sum(parts)]:
        parts[place] += 1
    return parts
