"""The payment page that people see; its forms are those of “Hosted Checkout: Integration Steps”."""

import html
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from payments.sandbox import subscriptions
from payments.sandbox.gateway import Gateway, Refused
from payments.sandbox.store import Entity

PAGES = Path(__file__).parent / "pages"
CLOSE = "close"  # pays, and the browser never comes back


def front_page() -> str:
    return _page("front.html")


def answer(gateway: Gateway, method: str, path: str, form: dict[str, str]) -> tuple[str, list[str]]:
    """(page, origins that its forms may go to)."""
    if (method, path) == ("POST", "/v1/checkout/embedded"):
        return _agreement(gateway, form) if form.get("subscription_id") else _checkout(gateway, form)
    if (method, path) == ("POST", "/pay/subscription"):
        return _agreed(gateway, form)
    if (method, path) == ("POST", "/pay"):
        return _paid(gateway, form)
    raise Refused("The requested URL was not found on the server.", status=404)


def _checkout(gateway: Gateway, form: dict[str, str]) -> tuple[str, list[str]]:
    """The page with the buttons. Refused for a wrong key, an unknown or paid order, or an address that is none."""
    if form.get("key_id") != gateway.config.key_id:
        raise Refused("The api key provided is invalid", status=401)
    order = gateway.order(form.get("order_id", ""))
    callback_url, cancel_url = _address(form, "callback_url"), _address(form, "cancel_url")
    if payment := gateway.captured_payment_of(order["id"]):
        return _return(gateway, payment, callback_url)
    kept = {"order_id": order["id"], "callback_url": callback_url, "email": form.get("prefill[email]", "")}
    page = _page(
        "checkout.html",
        shop=form.get("name", "Shop"),
        description=form.get("description", ""),
        rupees=f"₹{order['amount'] / 100:,.2f}",
        buyer=form.get("prefill[email]", ""),
        cancel_url=cancel_url,
        pending_seconds=str(gateway.switch("pending_seconds")),
        fields=_Raw(_hidden(kept)),
    )
    return page, []


def _paid(gateway: Gateway, form: dict[str, str]) -> tuple[str, list[str]]:
    """After a button. A second click comes back with the payment of the first."""
    order_id, person, how = form.get("order_id", ""), {"email": form.get("email", "")}, form.get("how", "")
    callback_url = _address(form, "callback_url")
    if payment := gateway.captured_payment_of(order_id):
        return _return(gateway, payment, callback_url)
    if how == CLOSE:
        gateway.pay(order_id, "upi", person=person)
        return _page("closed.html"), []
    if how in ("upi", "card"):
        return _return(gateway, gateway.pay(order_id, how, person=person), callback_url)
    if how == "later":
        return _return(gateway, gateway.pay_later(order_id, person=person), callback_url)
    if how == "fail":
        return _return(gateway, gateway.fail(order_id, person=person), callback_url)
    raise Refused("There is no such way to pay.", field="how")


def _agreement(gateway: Gateway, form: dict[str, str]) -> tuple[str, list[str]]:
    """The same for a subscription: whoever pays agrees to be charged for each period."""
    if form.get("key_id") != gateway.config.key_id:
        raise Refused("The api key provided is invalid", status=401)
    subscription = gateway.found("subscription", form["subscription_id"])
    item = gateway.found("plan", subscription["plan_id"])["item"]
    kept = {name: form.get(name, "") for name in ("subscription_id", "callback_url", "prefill[email]")}
    _address(form, "callback_url")
    page = _page(
        "agreement.html",
        shop=form.get("name", "Shop"),
        description=form.get("description", ""),
        rupees=f"₹{item['amount'] / 100:,.2f}",
        status=subscription["status"],
        buyer=form.get("prefill[email]", ""),
        cancel_url=_address(form, "cancel_url"),
        pending_seconds=str(gateway.switch("pending_seconds")),
        fields=_Raw(_hidden(kept)),
    )
    return page, []


def _agreed(gateway: Gateway, form: dict[str, str]) -> tuple[str, list[str]]:
    """After a button; a second click comes back with the payment of the first."""
    subscription_id, callback_url = form.get("subscription_id", ""), _address(form, "callback_url")
    invoices = subscriptions.invoices_of(gateway, subscription_id)
    how = form.get("how", "")
    if invoices and invoices[0]["payment_id"]:
        payment = gateway.payment(invoices[0]["payment_id"])
    else:
        person = {"email": form.get("prefill[email]", "")}
        payment = subscriptions.agree(gateway, subscription_id, "upi" if how == CLOSE else how, person)
    if how == CLOSE:
        return _page("closed.html"), []
    fields = subscriptions.return_fields(gateway, subscription_id, payment)
    return _return(gateway, payment, callback_url, fields)


def _return(
    gateway: Gateway, payment: Entity, callback_url: str, returned: dict[str, str] | None = None
) -> tuple[str, list[str]]:
    """The page that takes the answer back, by itself or by its button."""
    title = {"captured": "Paid", "failed": "Declined"}.get(payment["status"], "Your bank is still working on it")
    fields = _Raw(_hidden(returned or gateway.return_fields(payment)))
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(callback_url))
    return _page("return.html", title=title, callback_url=callback_url, fields=fields), [origin]


class _Raw(str):
    """HTML that we made ourselves."""


def _page(name: str, **values: Any) -> str:
    safe = {key: value if isinstance(value, _Raw) else html.escape(str(value)) for key, value in values.items()}
    return Template((PAGES / name).read_text()).substitute(safe)


def _hidden(fields: dict[str, str]) -> str:
    return "\n".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )


def _address(form: dict[str, str], name: str) -> str:
    """A web address, and nothing that could run in the browser or split a header."""
    value = form.get(name, "")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or any(c in value for c in " ;,\r\n\t\"'<>"):
        raise Refused(f"The {name} is invalid.", field=name)
    return value
