"""GST as the tax documents need it: states, numbers, financial years and the split of an amount that has tax in it.

Sources, and the choices that they leave open, are in docs/books.md. Knows nothing of orders or rows.
"""

import re
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

INDIA = ZoneInfo("Asia/Kolkata")
WHOLE_BP = 10_000

# The codes that GSTINs begin with. 25 was merged into 26 in 2020, 28 is Andhra Pradesh before 2014.
STATES = {
    "01": "Jammu and Kashmir",
    "02": "Himachal Pradesh",
    "03": "Punjab",
    "04": "Chandigarh",
    "05": "Uttarakhand",
    "06": "Haryana",
    "07": "Delhi",
    "08": "Rajasthan",
    "09": "Uttar Pradesh",
    "10": "Bihar",
    "11": "Sikkim",
    "12": "Arunachal Pradesh",
    "13": "Nagaland",
    "14": "Manipur",
    "15": "Mizoram",
    "16": "Tripura",
    "17": "Meghalaya",
    "18": "Assam",
    "19": "West Bengal",
    "20": "Jharkhand",
    "21": "Odisha",
    "22": "Chhattisgarh",
    "23": "Madhya Pradesh",
    "24": "Gujarat",
    "26": "Dadra and Nagar Haveli and Daman and Diu",
    "27": "Maharashtra",
    "29": "Karnataka",
    "30": "Goa",
    "31": "Lakshadweep",
    "32": "Kerala",
    "33": "Tamil Nadu",
    "34": "Puducherry",
    "35": "Andaman and Nicobar Islands",
    "36": "Telangana",
    "37": "Andhra Pradesh",
    "38": "Ladakh",
    "97": "Other Territory",
}


# Those without a legislature (section 2(8) of the UTGST Act).
UNION_TERRITORIES = {"04", "26", "31", "35", "38", "97"}


def gst_rate_bp() -> int:
    """What a sale of today has in it, in basis points; nothing while the school has no GSTIN."""
    return settings.GST_RATE_BP if settings.SELLER_GSTIN else 0


GSTIN_SHAPE = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z][A-Z][0-9A-Z]", re.ASCII)
GSTIN_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def gstin_problem(gstin: str) -> str:
    """What is wrong with it, in words for whoever typed it; an empty text if nothing is. Asks no register."""
    if not GSTIN_SHAPE.fullmatch(gstin):
        return "A GSTIN has 15 characters: two digits for the state, ten for the PAN, then three more."
    if gstin[:2] not in STATES:
        return f"A GSTIN begins with the code of a state; there is none with {gstin[:2]}."
    if gstin[14] != gstin_check_digit(gstin):
        return "This GSTIN has a typing mistake: its last character does not fit the others."
    return ""


def gstin_check_digit(gstin: str) -> str:
    """The last character for the first fourteen: weights 1 and 2 by turns, digit sums to the base of 36."""
    total = 0
    for place, character in enumerate(gstin[:14]):
        product = GSTIN_DIGITS.index(character) * (1 + place % 2)
        total += product // 36 + product % 36
    return GSTIN_DIGITS[-total % 36]


def financial_year(moment: datetime) -> str:
    """April to March by the date in India: "2026-27"."""
    day = moment.astimezone(INDIA)
    begins = day.year if day.month >= 4 else day.year - 1
    return f"{begins}-{(begins + 1) % 100:02}"


class TaxSplit(NamedTuple):
    """Parts of an amount, in paise; their sum is the amount, always."""

    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int


def split_tax(amount_paise: int, rate_bp: int, *, is_within_state: bool) -> TaxSplit:
    """The tax that is in the amount: two equal halves within a state, IGST between two.

    Each tax is rounded to the nearest paisa, a half upwards; the taxable value is what is left.
    """
    if amount_paise < 0 or rate_bp < 0:
        raise ValueError("Neither an amount nor a rate is negative.")
    if is_within_state:
        half = _rounded(amount_paise * rate_bp, 2 * (WHOLE_BP + rate_bp))
        return TaxSplit(amount_paise - 2 * half, half, half, 0)
    tax = _rounded(amount_paise * rate_bp, WHOLE_BP + rate_bp)
    return TaxSplit(amount_paise - tax, 0, 0, tax)


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def in_rupees(paise: int) -> str:
    """123456 → 1234.56, for spreadsheets; also basis points as per cent: 1800 → 18.00."""
    sign = "-" if paise < 0 else ""
    return f"{sign}{abs(paise) // 100}.{abs(paise) % 100:02}"


def percent(bp: int) -> str:
    """1800 → 18, 1250 → 12.5"""
    return f"{bp // 100}.{bp % 100:02}".rstrip("0").rstrip(".")
