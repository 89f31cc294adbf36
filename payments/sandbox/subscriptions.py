"""Plans, customers and subscriptions: the rules, the API and the page on which somebody agrees to be charged.

Shapes follow “Subscriptions API”, “Customers API”, “Subscriptions: States”, “Subscriptions: Payment Retries” and
“Subscriptions Webhook Events”. What only the sandbox knows about an entity stands under a name with an underscore.
"""

import calendar
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

from payments.sandbox.gateway import Gateway, Refused, new_id, public
from payments.sandbox.store import Entity

DAY = 24 * 3600
ENDED = ("cancelled", "completed", "expired")
TRIES = 4  # the charge itself and one on each of three days after it
PERIODS = {"daily": 0, "weekly": 0, "monthly": 1, "yearly": 12}
NO_TAX = {"tax_inclusive": False, "hsn_code": None, "sac_code": None, "tax_rate": None}
SUBSCRIPTION_FIELDS = {"plan_id", "total_count", "quantity", "customer_notify", "notes", "start_at", "expire_by"}


# --- The clock, which can be put forward so that a renewal need not be waited for ---
def now(gateway: Gateway) -> int:
    clock = gateway.store.find("clock", "clock")
    return int(time.time()) + (clock["ahead_seconds"] if clock else 0)


def put_forward(gateway: Gateway, days: int) -> Entity:
    """Let that many days pass at once; 0 goes back to the real time. All that was due meanwhile happens."""
    with gateway.store.changing():
        ahead = now(gateway) - int(time.time()) + days * DAY if days else 0
        gateway.store.save({"id": "clock", "entity": "clock", "ahead_seconds": ahead})
        charge_due(gateway)
    return {"now": now(gateway)}


# --- Plans and customers ---
def create_plan(gateway: Gateway, fields: dict[str, Any]) -> Entity:
    """“Subscriptions API: Create a Plan”."""
    if fields.get("period") not in PERIODS:
        raise Refused("The selected period is invalid.", field="period")
    if type(fields.get("interval")) is not int or fields["interval"] < 1:
        raise Refused("The interval must be at least 1.", field="interval")
    item = fields.get("item")
    if not isinstance(item, dict) or not item.get("name"):
        raise Refused("The item.name field is required.", field="item.name")
    if type(item.get("amount")) is not int or item["amount"] < 100:
        raise Refused("The item.amount must be at least 100.", field="item.amount")
    if item.get("currency") != "INR":
        raise Refused("Currency is not supported", field="item.currency")
    at = int(time.time())
    kept = {"id": new_id("item"), "active": True, "name": item["name"], "description": item.get("description")}
    money = {"amount": item["amount"], "unit_amount": item["amount"], "currency": "INR", "type": "plan"}
    plan = {
        "id": new_id("plan"),
        "entity": "plan",
        "interval": fields["interval"],
        "period": fields["period"],
        "item": kept | money | NO_TAX | {"unit": None, "tax_id": None, "tax_group_id": None, **_twice(at)},
        "notes": fields.get("notes") or [],
        "created_at": at,
    }
    gateway.store.save(plan)
    return plan


def _twice(at: int) -> dict[str, int]:
    return {"created_at": at, "updated_at": at}


def create_customer(gateway: Gateway, fields: dict[str, Any]) -> Entity:
    """“Customers API: Create a Customer”; who exists already is given back, as with fail_existing=0."""
    if same := gateway.store.having("customer", "email", fields.get("email")):
        return same[0]
    customer = {
        "id": new_id("cust"),
        "entity": "customer",
        "name": fields.get("name"),
        "email": fields.get("email"),
        "contact": fields.get("contact"),
        "gstin": None,
        "notes": fields.get("notes") or [],
        "created_at": int(time.time()),
    }
    gateway.store.save(customer)
    return customer


# --- Subscriptions ---
def create(gateway: Gateway, fields: dict[str, Any]) -> Entity:
    """“Subscriptions API: Create a Subscription”, of the kind that begins with the first payment."""
    if unknown := sorted(set(fields) - SUBSCRIPTION_FIELDS):
        raise Refused(f"{', '.join(unknown)} is/are not required and should not be sent")
    plan = gateway.found("plan", str(fields.get("plan_id")))
    total = fields.get("total_count")
    if type(total) is not int or total < 1:
        raise Refused("The total count must be at least 1.", field="total_count")
    subscription_id = new_id("sub")
    subscription = {
        "id": subscription_id,
        "entity": "subscription",
        "plan_id": plan["id"],
        "customer_id": None,
        "status": "created",
        "current_start": None,
        "current_end": None,
        "ended_at": None,
        "quantity": fields.get("quantity", 1),
        "notes": fields.get("notes") or [],
        "charge_at": None,
        "start_at": None,
        "end_at": None,
        "auth_attempts": 0,
        "total_count": total,
        "paid_count": 0,
        "customer_notify": bool(fields.get("customer_notify", True)),
        "created_at": int(time.time()),
        "expire_by": fields.get("expire_by"),
        "short_url": f"https://rzp.io/i/{subscription_id[-7:]}",
        "has_scheduled_changes": False,
        "change_scheduled_at": None,
        "source": "api",
        "offer_id": None,
        "remaining_count": total,
        "_renewals": "pay",
        "_is_cancellable": True,
        "_ends_with_cycle": False,
    }
    gateway.store.save(subscription)
    return public(subscription)


def fetch(gateway: Gateway, subscription_id: str) -> Entity:
    return public(gateway.found("subscription", subscription_id))


def invoices_of(gateway: Gateway, subscription_id: str) -> list[Entity]:
    """Newest first (“Subscriptions API: Fetch All Invoices of a Subscription”)."""
    return [public(invoice) for invoice in gateway.store.having("invoice", "subscription_id", subscription_id)]


def fetch_invoice(gateway: Gateway, invoice_id: str) -> Entity:
    return public(gateway.found("invoice", invoice_id))


def cancel(gateway: Gateway, subscription_id: str, fields: dict[str, Any]) -> Entity:
    with gateway.store.changing():
        subscription = gateway.found("subscription", subscription_id)
        status = subscription["status"]
        if status in ENDED or not subscription["_is_cancellable"]:
            raise Refused(f"Subscription is not cancellable in {status} status.", field="status")
        if fields.get("cancel_at_cycle_end") in (1, True, "1"):
            if status != "active":
                raise Refused("Subscription cannot be cancelled at cycle end: no billing cycle is going on.")
            subscription["_ends_with_cycle"] = True
            gateway.store.save(subscription)
        else:
            _end(gateway, subscription, "cancelled", now(gateway))
        return public(subscription)


def pause(gateway: Gateway, subscription_id: str) -> Entity:
    """Only from active; an authenticated one is cancelled by it, as Razorpay warns."""
    with gateway.store.changing():
        subscription = gateway.found("subscription", subscription_id)
        if subscription["status"] != "active":
            raise Refused(f"Subscription cannot be paused in {subscription['status']} status.", field="status")
        subscription |= {"status": "paused", "charge_at": None, "paused_at": now(gateway)}
        return _announced(gateway, subscription | {"pause_initiated_by": "self"}, "subscription.paused")


def resume(gateway: Gateway, subscription_id: str) -> Entity:
    """What became due during the pause is charged at once."""
    with gateway.store.changing():
        subscription = gateway.found("subscription", subscription_id)
        if subscription["status"] != "paused":
            raise Refused(f"Subscription cannot be resumed in {subscription['status']} status.", field="status")
        at = max(subscription["current_end"], now(gateway))
        subscription |= {"status": "active", "charge_at": at, "pause_initiated_by": None}
        _announced(gateway, subscription, "subscription.resumed")
        charge_due(gateway)
        return fetch(gateway, subscription_id)


def set_renewals(gateway: Gateway, subscription_id: str, how: str, *, is_cancellable: bool = True) -> Entity:
    """Whether the next charges go through: pay or fail; and whether the API lets it be cancelled."""
    if how not in ("pay", "fail"):
        raise Refused("Renewals either pay or fail.", field="renewals")
    subscription = gateway.found("subscription", subscription_id)
    subscription |= {"_renewals": how, "_is_cancellable": is_cancellable}
    gateway.store.save(subscription)
    return public(subscription)


# --- Charges ---
def agree(gateway: Gateway, subscription_id: str, how: str, person: dict[str, str]) -> Entity:
    """The payment with which somebody agrees to be charged, or pays what is pending from another card.

    `how` is upi, card, once (a card that fails at every renewal), later, or fail.
    """
    with gateway.store.changing():
        subscription = gateway.found("subscription", subscription_id)
        if subscription["status"] not in ("created", "pending"):
            raise Refused(f"Subscription cannot be authenticated in {subscription['status']} status.")
        invoice = _unpaid_invoice(gateway, subscription) or _issue(gateway, subscription, now(gateway))
        subscription |= {"auth_attempts": subscription["auth_attempts"] + 1}
        gateway.store.save(subscription | {"_renewals": "fail" if how == "once" else "pay"})
        if how == "later":
            return gateway.pay_later(invoice["order_id"], person=person)
        if how == "fail":
            return gateway.fail(invoice["order_id"], person=person)
        if how not in ("upi", "card", "once"):
            raise Refused("There is no such way to pay.", field="how")
        return gateway.pay(invoice["order_id"], "upi" if how == "upi" else "card", person=person)


def captured(gateway: Gateway, payment: Entity) -> None:
    """What a captured payment of an invoice means for its subscription. The gateway calls it in its transaction."""
    invoice = gateway.found("invoice", payment["invoice_id"])
    if invoice["status"] == "paid":
        return
    paid = {"status": "paid", "payment_id": payment["id"], "paid_at": now(gateway)}
    invoice |= paid | {"amount_paid": invoice["amount"], "amount_due": 0}
    gateway.store.save(invoice)
    subscription = gateway.found("subscription", invoice["subscription_id"])
    if subscription["status"] in ENDED:
        return
    was = subscription["status"]
    subscription |= {
        "status": "active",
        "customer_id": invoice["customer_id"],
        "start_at": subscription["start_at"] or invoice["billing_start"],
        "current_start": invoice["billing_start"],
        "current_end": invoice["billing_end"],
        "charge_at": invoice["billing_end"],
        "paid_count": subscription["paid_count"] + 1,
        "remaining_count": subscription["remaining_count"] - 1,
        "_tries": 0,
    }
    events = ["subscription.authenticated"] * (was == "created") + ["subscription.activated"] * (was != "active")
    for name in [*events, "subscription.charged"]:
        _announced(gateway, subscription, name, payment)
    if not subscription["remaining_count"]:
        _end(gateway, subscription, "completed", now(gateway))


def charge_due(gateway: Gateway) -> None:
    """Renew, try again, halt or end whatever is due; several periods, one after the other, if the clock was moved."""
    with gateway.store.changing():
        while due := gateway.store.subscriptions_to_charge(now(gateway)):
            for subscription in due:
                _charge(gateway, subscription)


def _charge(gateway: Gateway, subscription: Entity) -> None:
    at, status = subscription["charge_at"], subscription["status"]
    if subscription["_ends_with_cycle"] and status == "active":
        _end(gateway, subscription, "cancelled", at)
        return
    invoice = _unpaid_invoice(gateway, subscription) if status == "pending" else None
    if invoice is None:
        invoice = _issue(gateway, subscription, at)
        cycle = {"current_start": at, "current_end": invoice["billing_end"]}
        gateway.store.save(subscription | cycle | {"charge_at": invoice["billing_end"]})
    if status == "halted":
        return  # invoices go on, charges do not
    if subscription["_renewals"] == "pay":
        gateway.pay(invoice["order_id"], "card")
    else:
        _failed(gateway, gateway.found("subscription", subscription["id"]), invoice, at)


def _failed(gateway: Gateway, subscription: Entity, invoice: Entity, at: int) -> None:
    """“Payment Retries”: pending, tried again on the following days, then halted."""
    payment = gateway.fail(invoice["order_id"])
    tries = subscription.get("_tries", 0) + 1
    if tries < TRIES:
        subscription |= {"status": "pending", "_tries": tries, "charge_at": at + DAY}
        _announced(gateway, subscription, "subscription.pending", payment)
    else:
        subscription |= {"status": "halted", "_tries": 0, "charge_at": invoice["billing_end"]}
        _announced(gateway, subscription, "subscription.halted", payment)


def _issue(gateway: Gateway, subscription: Entity, starts_at: int) -> Entity:
    """An invoice for the period that begins then, with an order that can be paid."""
    plan = gateway.found("plan", subscription["plan_id"])
    amount = plan["item"]["amount"] * subscription["quantity"]
    order = gateway.create_order({"amount": amount, "currency": "INR", "notes": {}})
    customer = subscription["customer_id"] or new_id("cust")
    invoice_id = new_id("inv")
    gateway.store.save(order | {"_invoice_id": invoice_id})
    invoice = {
        "id": invoice_id,
        "entity": "invoice",
        "receipt": None,
        "invoice_number": None,
        "customer_id": customer,
        "customer_details": _customer_details(customer),
        "order_id": order["id"],
        "subscription_id": subscription["id"],
        "line_items": [_line_item(plan["item"], subscription["quantity"])],
        "payment_id": None,
        "status": "issued",
        "expire_by": None,
        "issued_at": starts_at,
        "paid_at": None,
        "cancelled_at": None,
        "expired_at": None,
        "sms_status": None,
        "email_status": None,
        "date": starts_at,
        "terms": None,
        "partial_payment": False,
        "gross_amount": amount,
        "tax_amount": 0,
        "taxable_amount": amount,
        "amount": amount,
        "amount_paid": 0,
        "amount_due": amount,
        "currency": "INR",
        "currency_symbol": "₹",
        "description": None,
        "notes": [],
        "comment": None,
        "short_url": f"https://rzp.io/i/{invoice_id[-7:]}",
        "view_less": True,
        "billing_start": starts_at,
        "billing_end": end_of_period(plan, starts_at),
        "type": "invoice",
        "created_at": int(time.time()),
    }
    gateway.store.save(invoice)
    return invoice


def _customer_details(customer_id: str) -> Entity:
    """The payment page asks for nothing but an address, so nothing but the id is known."""
    names = ("name", "email", "contact", "gstin", "billing_address", "shipping_address")
    again = ("customer_name", "customer_email", "customer_contact")
    return {"id": customer_id, **dict.fromkeys((*names, *again))}


def _line_item(item: Entity, quantity: int) -> Entity:
    amount = item["amount"] * quantity
    sums = {"gross_amount": amount, "tax_amount": 0, "taxable_amount": amount, "net_amount": amount}
    unknown = dict.fromkeys(("item_id", "ref_id", "ref_type", "description", "unit"))
    kept = {"name": item["name"], "amount": amount, "unit_amount": item["amount"], "currency": "INR", "type": "plan"}
    return {"id": new_id("li"), **kept, **sums, **unknown, **NO_TAX, "quantity": quantity, "taxes": []}


def end_of_period(plan: Entity, starts_at: int) -> int:
    """The same moment of the day, one period on; the last of the month where there is no such day."""
    months = PERIODS[plan["period"]] * plan["interval"]
    if not months:
        return starts_at + (7 if plan["period"] == "weekly" else 1) * plan["interval"] * DAY
    begins = datetime.fromtimestamp(starts_at, UTC)
    year, month = divmod(begins.year * 12 + begins.month - 1 + months, 12)
    day = min(begins.day, calendar.monthrange(year, month + 1)[1])
    return int(begins.replace(year=year, month=month + 1, day=day).timestamp())


def _unpaid_invoice(gateway: Gateway, subscription: Entity) -> Entity | None:
    unpaid = (i for i in gateway.store.having("invoice", "subscription_id", subscription["id"]) if not i["payment_id"])
    return next(unpaid, None)


def _end(gateway: Gateway, subscription: Entity, status: str, at: int) -> None:
    subscription |= {"status": status, "ended_at": at, "charge_at": None}
    _announced(gateway, subscription, f"subscription.{status}")


def _announced(gateway: Gateway, subscription: Entity, event: str, payment: Entity | None = None) -> Entity:
    """Store it and send the event."""
    gateway.store.save(subscription)
    shown = public(subscription)
    gateway.announce(event, {"subscription": shown} | ({"payment": payment} if payment else {}))
    return shown


def return_fields(gateway: Gateway, subscription_id: str, payment: Entity) -> dict[str, str]:
    """What the browser brings back: as for an order, but the other way round in the signature."""
    if payment["status"] == "failed":
        return gateway.return_fields(payment) | {"error[metadata]": json.dumps({"payment_id": payment["id"]})}
    message = f"{payment['id']}|{subscription_id}".encode()
    return {
        "razorpay_payment_id": payment["id"],
        "razorpay_subscription_id": subscription_id,
        "razorpay_signature": hmac.new(gateway.config.key_secret.encode(), message, hashlib.sha256).hexdigest(),
    }
