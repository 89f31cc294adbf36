"""The rules of the sandbox: what may happen to an order and to a payment, and which events that makes.

Shapes follow Razorpay's documentation: “Orders API”, “Payments API”, “About Errors”, “Payments Webhook Events” and
“Orders Webhook Events”. Amounts are integer paise, times are Unix seconds.
"""

import hashlib
import hmac
import json
import random
import secrets
import string
import time
from dataclasses import dataclass
from typing import Any

from payments.sandbox.store import Entity, Store

LETTERS = string.ascii_letters + string.digits
DEFAULT_SWITCHES: dict[str, Any] = {
    "api_delay_seconds": 0,  # before every answer of the API
    "api_failure": "",  # html502 or json500, and nothing is done; time_out: all is done, and told too late; any of them
    "api_failure_percent": 100,  # of the requests
    "time_out_seconds": 10,
    "webhook_delay_seconds": 0,
    "webhook_spread_seconds": 0,  # each copy waits up to so much longer, so that they come in any order
    "webhook_copies": 1,  # 0 loses every event, 2 sends each of them twice
    "webhook_lost_percent": 0,  # of the copies
    "pending_seconds": 8,  # until a pending UPI payment succeeds
    "refund_seconds": 0,  # until a refund is processed
    "refund_ends": "processed",  # or failed, or refused: the account's balance is too low
}


@dataclass(frozen=True)
class Config:
    key_id: str
    key_secret: str
    webhook_secret: str
    webhook_url: str  # empty: no webhooks
    webhook_senders: int = 1  # more than one, and the order is nobody's business
    seed: int | None = None  # of all that is left to chance


class Refused(Exception):
    """A request that Razorpay would answer with an error body."""

    def __init__(self, description: str, *, status: int = 400, field: str | None = None) -> None:
        super().__init__(description)
        self.status, self.field = status, field


class Gateway:
    def __init__(self, store: Store, config: Config) -> None:
        self.store, self.config = store, config
        self.chance = random.Random(config.seed)  # noqa: S311  nothing secret
        self.failures = 0  # of the API, on purpose

    def switch(self, name: str) -> Any:
        return (DEFAULT_SWITCHES | self.store.switches())[name]

    # --- Orders ---
    def create_order(self, fields: dict[str, Any]) -> Entity:
        """“Orders API: Create an Order”."""
        _check_order_fields(fields)
        order = {
            "id": new_id("order"),
            "entity": "order",
            "amount": fields["amount"],
            "amount_paid": 0,
            "amount_due": fields["amount"],
            "currency": fields["currency"],
            "receipt": fields.get("receipt"),
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": fields.get("notes") or [],
            "created_at": int(time.time()),
        }
        with self.store.changing():
            self.store.save(order)
        return order

    def order(self, order_id: str) -> Entity:
        return self.found("order", order_id)

    def payment(self, payment_id: str) -> Entity:
        return self.found("payment", payment_id)

    def captured_payment_of(self, order_id: str) -> Entity | None:
        captured = (payment for payment in self.store.payments_of(order_id) if payment["captured"])
        return next(captured, None)

    def found(self, kind: str, entity_id: str) -> Entity:
        entity = self.store.find(kind, entity_id)
        if entity is None:
            raise Refused("The id provided does not exist")
        return entity

    # --- Payments ---
    def pay(
        self,
        order_id: str,
        method: str,
        *,
        person: dict[str, str] | None = None,
        captured: bool = True,
        again: bool = False,
        **changes: Any,
    ) -> Entity:
        """An attempt that the customer's bank has agreed to: authorized, captured, order paid.

        For tests: leave it authorized, pay a paid order `again`, or change the amount or the currency.
        """
        with self.store.changing():
            payment = self._attempt(order_id, method, person or {}, again=again) | changes
            return self._authorized(payment, captured=captured)

    def pay_later(self, order_id: str, *, person: dict[str, str] | None = None) -> Entity:
        """A UPI payment that the bank is slow to confirm: `created` now, captured by itself after some seconds."""
        with self.store.changing():
            payment = self._attempt(order_id, "upi", person or {})
            self.store.save(payment, capture_at=time.time() + self.switch("pending_seconds"))
            return payment

    def fail(self, order_id: str, *, person: dict[str, str] | None = None) -> Entity:
        """An attempt that the bank declines (“About Errors”: description, source, step and reason)."""
        with self.store.changing():
            payment = self._attempt(order_id, "card", person or {}) | {
                "status": "failed",
                "error_code": "BAD_REQUEST_ERROR",
                "error_description": "Your payment was declined by the bank. Try another way to pay.",
                "error_source": "issuer_bank",
                "error_step": "payment_authorization",
                "error_reason": "payment_failed",
            }
            self.store.save(payment)
            self._emit("payment.failed", payment)
            return payment

    def capture(self, payment_id: str, amount: Any, currency: Any) -> Entity:
        """“Payments API: Capture a Payment”."""
        with self.store.changing():
            payment = self.payment(payment_id)
            if payment["status"] == "captured":
                raise Refused("This payment has already been captured")
            if payment["status"] != "authorized":
                raise Refused("Only payments which have been authorized and not yet captured can be captured")
            if (amount, currency) != (payment["amount"], payment["currency"]):
                raise Refused("Capture amount must be equal to the amount authorized", field="amount")
            return self._captured(payment)

    def capture_pending(self) -> int:
        """Let the pending payments succeed whose time has come; how many there were."""
        with self.store.changing():
            pending = self.store.payments_to_capture(time.time())
            for payment in pending:
                self._authorized(payment)
        return len(pending)

    def _attempt(self, order_id: str, method: str, person: dict[str, str], *, again: bool = False) -> Entity:
        order = self.order(order_id)
        if order["status"] == "paid" and not again:
            raise Refused("Payment already done for this order.")
        status = "paid" if order["status"] == "paid" else "attempted"
        self.store.save(order | {"attempts": order["attempts"] + 1, "status": status})
        return new_payment(order, method, person)

    def _authorized(self, payment: Entity, *, captured: bool = True) -> Entity:
        payment |= {"status": "authorized"}
        self.store.save(payment)
        self._emit("payment.authorized", payment)
        return self._captured(payment) if captured else payment

    def _captured(self, payment: Entity) -> Entity:
        fee = payment["amount"] * 2 // 100
        payment |= {"status": "captured", "captured": True, "fee": fee, "tax": fee * 18 // 100}
        self.store.save(payment)
        order = self.order(payment["order_id"])
        order |= {"status": "paid", "amount_paid": order["amount"], "amount_due": 0}
        self.store.save(order)
        self._emit("payment.captured", payment)
        self._emit("order.paid", payment, order)
        if payment["invoice_id"]:
            from payments.sandbox import subscriptions

            subscriptions.captured(self, payment)
        return payment

    # --- What goes out ---
    def return_fields(self, payment: Entity) -> dict[str, str]:
        """“Hosted Checkout: Integration Steps”: what the browser posts to the callback URL, or `error[…]`."""
        if payment["status"] == "failed":
            metadata = {"payment_id": payment["id"], "order_id": payment["order_id"]}
            names = ("code", "description", "source", "step", "reason")
            return {f"error[{name}]": payment[f"error_{name}"] for name in names} | {
                "error[metadata]": json.dumps(metadata)
            }
        message = f"{payment['order_id']}|{payment['id']}".encode()
        return {
            "razorpay_payment_id": payment["id"],
            "razorpay_order_id": payment["order_id"],
            "razorpay_signature": hmac.new(self.config.key_secret.encode(), message, hashlib.sha256).hexdigest(),
        }

    def _emit(self, name: str, payment: Entity, order: Entity | None = None) -> None:
        """“Payments Webhook Events”, “Orders Webhook Events”."""
        self.announce(name, {"payment": payment} | ({"order": order} if order else {}))

    def announce(self, name: str, entities: dict[str, Entity]) -> None:
        """An event with a snapshot of the moment, sent later by webhooks.py."""
        if not self.config.webhook_url:
            return
        event = {
            "entity": "event",
            "account_id": "acc_Sandbox0000000",
            "event": name,
            "contains": list(entities),
            "payload": {kind: {"entity": public(entity)} for kind, entity in entities.items()},
            "created_at": int(time.time()),
        }
        event_id, copies = new_id("evt"), self.switch("webhook_copies")
        for _ in range(copies or 1):
            self.store.queue(event_id, json.dumps(event), self._due_at() if copies else None)

    def _due_at(self) -> float | None:
        """When a copy of an event is sent, or None if it gets lost."""
        if self.happens("webhook_lost_percent"):
            return None
        longer = self.chance.uniform(0, self.switch("webhook_spread_seconds"))
        return time.time() + float(self.switch("webhook_delay_seconds")) + longer

    def happens(self, percent_switch: str) -> bool:
        return self.chance.random() * 100 < self.switch(percent_switch)


def public(entity: Entity) -> Entity:
    """Without what only the sandbox knows: names with an underscore."""
    return {name: value for name, value in entity.items() if not name.startswith("_")}


def new_id(kind: str) -> str:
    return f"{kind}_{''.join(secrets.choice(LETTERS) for _ in range(14))}".replace("payment_", "pay_")


def new_payment(order: Entity, method: str, person: dict[str, str]) -> Entity:
    """“Payments API: the Payment entity”, before the bank has said anything."""
    return {
        "id": new_id("payment"),
        "entity": "payment",
        "amount": order["amount"],
        "currency": order["currency"],
        "status": "created",
        "order_id": order["id"],
        "invoice_id": order.get("_invoice_id"),
        "international": False,
        "method": method,
        "amount_refunded": 0,
        "refund_status": None,
        "captured": False,
        "description": person.get("description") or None,
        "card_id": new_id("card") if method == "card" else None,
        "bank": None,
        "wallet": None,
        "vpa": "student@okbank" if method == "upi" else None,
        "email": person.get("email", "void@razorpay.com"),
        "contact": "+919999999999",
        "notes": order["notes"],
        "fee": None,
        "tax": None,
        "error_code": None,
        "error_description": None,
        "error_source": None,
        "error_step": None,
        "error_reason": None,
        "acquirer_data": {},
        "created_at": int(time.time()),
    }


def _check_order_fields(fields: dict[str, Any]) -> None:
    """The refusals of “Orders API: Create an Order”, in its words as far as they are documented."""
    known = {"amount", "currency", "receipt", "notes", "payment_capture", "partial_payment"}
    if unknown := sorted(set(fields) - known):
        raise Refused(f"{', '.join(unknown)} is/are not required and should not be sent")
    if "amount" not in fields:
        raise Refused("The amount field is required.", field="amount")
    if type(fields["amount"]) is not int:
        raise Refused("The amount must be an integer.", field="amount")
    if fields["amount"] < 100:
        raise Refused("Order amount less than minimum amount allowed", field="amount")
    if "currency" not in fields:
        raise Refused("The currency field is required.", field="currency")
    if fields["currency"] != "INR":
        raise Refused("Currency is not supported", field="currency")
    if len(fields.get("receipt") or "") > 40:
        raise Refused("The receipt may not be greater than 40 characters.", field="receipt")
    notes = fields.get("notes") or {}
    if not isinstance(notes, dict) or len(notes) > 15:
        raise Refused("notes must be an object with at most 15 keys.", field="notes")
