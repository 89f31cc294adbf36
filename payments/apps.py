from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        """Stop the start if invoices could not be right; the message names the variable."""
        if problem := seller_problem():
            raise ImproperlyConfigured(f"{problem} (.env.example, docs/books.md)")


def seller_problem() -> str:
    """What is wrong with the settings about the seller; an empty text if nothing is."""
    from payments.tax import STATES, gstin_problem

    gstin = settings.SELLER_GSTIN
    if gstin and gstin_problem(gstin):
        return f"SELLER_GSTIN: {gstin_problem(gstin)}"
    if settings.SELLER_STATE and settings.SELLER_STATE not in STATES:
        return "SELLER_STATE must be the two digits of a state, as GSTINs begin with."
    if gstin and gstin[:2] != settings.SELLER_STATE:
        return "SELLER_STATE is not the state that SELLER_GSTIN begins with."
    if gstin and not (settings.SELLER_NAME and settings.SELLER_ADDRESS):
        return "Set SELLER_NAME and SELLER_ADDRESS: with a SELLER_GSTIN they must stand on every invoice."
    return "" if 0 <= settings.GST_RATE_BP <= 10_000 else "GST_RATE_BP is in basis points: 1800 is 18 %."
