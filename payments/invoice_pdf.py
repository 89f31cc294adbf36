"""A tax document as a PDF. The same document gives the same bytes, whenever it is asked for."""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from fontTools.ttLib import TTFont
from fpdf import FPDF, FontFace

from coursebundler.formatting import exact_rupees
from payments.models import TaxDocument
from payments.tax import STATES

FONTS = Path(__file__).parent / "fonts"
GREY = (90, 100, 105)
REPLACED = "Letters that this file cannot show stand as “?”; the page of this document on our site shows them."


def as_pdf(document: TaxDocument) -> bytes:
    """A4, as many pages as the lines take. Never fails by a name's script: letters without a shape become “?”."""
    pdf = Paper(document)
    pdf.add_page()
    _head(pdf, document)
    _parties(pdf, document)
    _lines(pdf, document)
    _foot(pdf, document)
    return bytes(pdf.output())


class Paper(FPDF):
    def __init__(self, document: TaxDocument) -> None:
        super().__init__(format="A4")
        self.add_font("Noto", "", FONTS / "NotoSans-Regular.ttf")
        self.add_font("Noto", "B", FONTS / "NotoSans-Bold.ttf")
        self.set_margin(18)
        self.set_auto_page_break(True, 22)
        self.set_title(f"{document.title} {document.number}")
        self.set_lang("en-IN")
        self.set_creation_date(document.issued_at)
        self.document_number = document.number
        self.has_replaced = False

    def footer(self) -> None:
        self.set_y(-14)
        self.write_line(f"{self.document_number} · page {self.page_no()}", size=8, grey=True)

    def write_line(self, text: str, *, size: float = 10, bold: bool = False, grey: bool = False, **more: Any) -> None:
        self.set_font("Noto", "B" if bold else "", size)
        self.set_text_color(*(GREY if grey else (0, 0, 0)))
        width = more.pop("w", 0)
        self.multi_cell(width, size / 2, self.shown(text), **{"new_x": "LMARGIN", "new_y": "NEXT", "align": "L"} | more)

    def shown(self, text: str) -> str:
        """The text in letters that the font has: without an accent if need be, else as a question mark."""
        shown = "".join(map(_letter, unicodedata.normalize("NFC", text)))
        self.has_replaced = self.has_replaced or shown.count("?") > text.count("?")
        return shown


@cache
def _known() -> frozenset[int]:
    with TTFont(FONTS / "NotoSans-Regular.ttf") as font:
        return frozenset(font.getBestCmap())


def _letter(letter: str) -> str:
    if ord(letter) in _known() or letter == "\n":
        return letter
    bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if ord(part) in _known())
    return bare or ("" if unicodedata.category(letter) in ("Mn", "Cf", "Cc") else "?")


def _head(pdf: Paper, document: TaxDocument) -> None:
    pdf.write_line(document.title, size=20, bold=True)
    pdf.ln(2)
    facts = [f"Number {document.number}", f"Date {document.issued_on:%d.%m.%Y}", f"Order {document.order.number}"]
    pdf.write_line(" · ".join(facts), grey=True)
    if document.corrects:
        corrected = document.corrects
        pdf.write_line(f"Corrects invoice {corrected.number} of {corrected.issued_on:%d.%m.%Y}", grey=True)
    pdf.ln(6)


def _parties(pdf: Paper, document: TaxDocument) -> None:
    top, half = pdf.get_y(), pdf.epw / 2
    _party(pdf, "Seller", document.seller, pdf.l_margin, half - 4)
    bottom = pdf.get_y()
    pdf.set_y(top)
    _party(pdf, "Buyer", document.buyer, pdf.l_margin + half, half)
    pdf.set_y(max(bottom, pdf.get_y()) + 4)
    if document.taxes:
        pdf.write_line(f"Place of supply: {document.place_of_supply} {document.place_name}. Reverse charge: no.")
    pdf.ln(4)


def _party(pdf: Paper, role: str, party: dict[str, str], left: float, width: float) -> None:
    state = party.get("state", "")
    gstin = f"GSTIN {party['gstin']}" if party.get("gstin") else ""
    texts = [party.get("address", ""), f"{STATES[state]} ({state})" if state in STATES else "", gstin]
    pdf.set_x(left)
    pdf.write_line(role, size=8, grey=True, w=width, new_x="LEFT")
    pdf.write_line(party.get("name") or "Not named", bold=True, w=width, new_x="LEFT")
    for text in filter(None, texts):
        pdf.write_line(text, w=width, new_x="LEFT")


def _lines(pdf: Paper, document: TaxDocument) -> None:
    labels = [label for label, _, _ in document.taxes]
    headings = ["Description", "SAC", *(["Taxable", "Rate", *labels] if labels else []), "Total"]
    pdf.set_font("Noto", "", 9)
    pdf.set_text_color(0, 0, 0)
    with pdf.table(
        col_widths=(60, 17, 26, 14, *(22 for _ in labels), 26) if labels else (110, 20, 30),
        text_align=("LEFT", "LEFT", *["RIGHT"] * (len(headings) - 2)),
        borders_layout="HORIZONTAL_LINES",
        headings_style=FontFace(emphasis="BOLD"),
        line_height=5,
        padding=1,
    ) as table:
        table.row(headings)
        for line in document.shown_lines:
            table.row(_cells(pdf.shown(line["title"]), line["sac"], line, line["taxes"], f"{line['rate']} %"))
        sums = {name: getattr(document, name) for name in ("taxable_paise", "total_paise")}
        taxes = [paise for _, _, paise in document.taxes]
        table.row(_cells("Total", "", sums, taxes, ""), style=FontFace(emphasis="BOLD"))
    pdf.ln(6)


def _cells(title: str, sac: str, sums: dict[str, Any], taxes: list[int], rate: str) -> list[str]:
    taxed = [exact_rupees(sums["taxable_paise"]), rate, *map(exact_rupees, taxes)] if taxes else []
    return [title, sac, *taxed, exact_rupees(sums["total_paise"])]


def _foot(pdf: Paper, document: TaxDocument) -> None:
    notes = [document.note, REPLACED if pdf.has_replaced else ""]
    for note in filter(None, notes):
        pdf.write_line(note, size=8.5, grey=True)
