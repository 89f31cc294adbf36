"""Refunds and disputes: the rules, the API and what happens to a refund by itself.

Shapes follow “Refunds API”, “Refunds Webhook Events”, “Disputes API” and “Disputes Webhook Events”; the words of a
refusal are Razorpay's where its pages give them.
"""

import math
import re
import time
from typing import Any

from payments.sandbox.gateway import Gateway, Refused, new_id
from payments.sandbox.store import Entity

SPEEDS = {"normal", "optimum"}
REFUND_FIELDS = {"amount", "speed", "notes", "receipt"}
DISPUTE_ENDS = {"under_review", "action_required", "won", "lost", "closed"}
EVIDENCE = (
    "summary",
    "shipping_proof",
    "billing_proof",
    "cancellation_proof",
    "customer_communication",
    "proof_of_service",
    "explanation_letter",
    "refund_confirmation",
    "access_activity_log",
    "refund_cancellation_policy",
    "term_and_conditions",
    "others",
    "submitted_at",
)
KEY = re.compile(r"[A-Za-z0-9_-]{10,}")


# --- Refunds ---
def create(gateway: Gateway, payment_id: str, fields: dict[str, Any], idempotency_key: str = "") -> Entity:
    """“Create a Normal Refund”, “Create an Instant Refund”; with a key, the same request gets the same refund."""
    with gateway.store.changing():
        if idempotency_key and (known := _seen_before(gateway, payment_id, fields, idempotency_key)):
            return known
        refund = _create(gateway, gateway.payment(payment_id), fields)
        if idempotency_key:
            asked = {"payment_id": payment_id, "fields": fields, "refund_id": refund["id"]}
            gateway.store.save({"id": idempotency_key, "entity": "idempotency"} | asked)
        return refund


def _seen_before(gateway: Gateway, payment_id: str, fields: dict[str, Any], key: str) -> Entity | None:
    """“Create a Normal Refund (Idempotent Request)”."""
    if not KEY.fullmatch(key):
        raise Refused("The idempotency key must have at least 10 letters, numbers, hyphens or underscores.")
    seen = gateway.store.find("idempotency", key)
    if seen is None:
        return None
    if (seen["payment_id"], seen["fields"]) != (payment_id, fields):
        raise Refused("A different request was made with the same idempotency key.")
    return gateway.found("refund", seen["refund_id"])


def _create(gateway: Gateway, payment: Entity, fields: dict[str, Any]) -> Entity:
    amount, left = fields.get("amount"), payment["amount"] - payment["amount_refunded"]
    amount = left if amount is None else amount
    _check(gateway, payment, fields, amount, left)
    speed = fields.get("speed", "normal")
    refund = {
        "id": new_id("rfnd"),
        "entity": "refund",
        "amount": amount,
        "currency": payment["currency"],
        "payment_id": payment["id"],
        "notes": fields.get("notes") or [],
        "receipt": fields.get("receipt"),
        "acquirer_data": {"arn": None},
        "created_at": int(time.time()),
        "batch_id": None,
        "status": "pending",
        "speed_processed": "instant" if speed == "optimum" else "normal",
        "speed_requested": speed,
    }
    _set_refunded(gateway, payment, payment["amount_refunded"] + amount)
    gateway.store.save(refund, capture_at=time.time() + gateway.switch("refund_seconds"))
    gateway.announce("refund.created", {"refund": refund, "payment": payment})
    if not gateway.switch("refund_seconds"):
        settle(gateway)
    return gateway.found("refund", refund["id"])


def _check(gateway: Gateway, payment: Entity, fields: dict[str, Any], amount: Any, left: int) -> None:
    if unknown := sorted(set(fields) - REFUND_FIELDS):
        raise Refused(f"{', '.join(unknown)} is/are not required and should not be sent")
    if not payment["captured"]:
        raise Refused("The payment status should be captured for action to be taken")
    if type(amount) is not int:
        raise Refused("The amount must be an integer.", field="amount")
    if not left:
        raise Refused("The payment has been fully refunded already")
    if amount < 100:
        raise Refused("The amount must be at least INR 1.00", field="amount")
    if amount > left:
        raise Refused("The total refund amount is greater than the refund payment amount")
    if fields.get("speed", "normal") not in SPEEDS:
        raise Refused("The selected speed is invalid.", field="speed")
    if len(fields.get("receipt") or "") > 40:
        raise Refused("The receipt may not be greater than 40 characters.", field="receipt")
    if gateway.switch("refund_ends") == "refused":
        raise Refused("Your account does not have enough balance to carry out the refund operation.")


def _set_refunded(gateway: Gateway, payment: Entity, amount: int) -> None:
    is_full = amount == payment["amount"]
    payment |= {"amount_refunded": amount, "status": "refunded" if is_full else "captured"}
    payment |= {"refund_status": ("full" if is_full else "partial") if amount else None}
    gateway.store.save(payment)


def settle(gateway: Gateway) -> None:
    """Let the pending refunds come to their end whose time has come; without a delay, all of them."""
    until = time.time() if gateway.switch("refund_seconds") else math.inf
    with gateway.store.changing():
        for refund in gateway.store.refunds_to_settle(until):
            payment = gateway.payment(refund["payment_id"])
            refund["status"] = "failed" if gateway.switch("refund_ends") == "failed" else "processed"
            if refund["status"] == "failed":
                _set_refunded(gateway, payment, payment["amount_refunded"] - refund["amount"])
            else:
                refund["acquirer_data"] = {"arn": "10000000000000"}
            gateway.store.save(refund)
            gateway.announce(f"refund.{refund['status']}", {"refund": refund, "payment": payment})


def fetch(gateway: Gateway, refund_id: str) -> Entity:
    settle(gateway)
    return gateway.found("refund", refund_id)


def refunds_of(gateway: Gateway, payment_id: str) -> list[Entity]:
    """“Fetch Multiple Refunds for a Payment”: newest first."""
    settle(gateway)
    return gateway.store.having("refund", "payment_id", gateway.payment(payment_id)["id"])


# --- Disputes ---
def dispute(gateway: Gateway, payment_id: str, amount: int | None = None) -> Entity:
    """What a buyer's bank does: raise a dispute about a payment, about all of it unless said."""
    with gateway.store.changing():
        payment = gateway.payment(payment_id)
        made = {
            "id": new_id("disp"),
            "entity": "dispute",
            "payment_id": payment["id"],
            "amount": amount or payment["amount"],
            "currency": payment["currency"],
            "amount_deducted": 0,
            "reason_code": "chargeback",
            "reason_description": "The cardholder does not recognise the payment",
            "respond_by": int(time.time()) + 7 * 24 * 3600,
            "status": "open",
            "phase": "chargeback",
            "created_at": int(time.time()),
            "evidence": {"amount": amount or payment["amount"], **dict.fromkeys(EVIDENCE)},
        }
        gateway.store.save(made)
        gateway.announce("payment.dispute.created", {"payment": payment, "dispute": made})
        return made


def end_dispute(gateway: Gateway, dispute_id: str, how: str) -> Entity:
    """…and how it goes on: under_review, action_required, won, lost or closed."""
    if how not in DISPUTE_ENDS:
        raise Refused(f"A dispute is one of {', '.join(sorted(DISPUTE_ENDS))}.")
    with gateway.store.changing():
        found = gateway.found("dispute", dispute_id)
        found["status"] = "open" if how == "action_required" else how
        found["amount_deducted"] = found["amount"] if how == "lost" else 0
        gateway.store.save(found)
        payment = gateway.payment(found["payment_id"])
        gateway.announce(f"payment.dispute.{how}", {"payment": payment, "dispute": found})
        return found
