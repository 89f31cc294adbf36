"""What staff may decide about a refund: the buttons of its page in the admin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from payments import refund_settling, refunds
from payments.admin.refund_parts import MAY_DECIDE, MAY_SEE_TO
from payments.models import Refund


@dataclass(frozen=True)
class Decision:
    """A button of a refund: what it says it does, who may press it, when, and what it calls."""

    label: str
    explanation: str
    permission: str
    statuses: tuple[str, ...]
    act: Callable[[Refund, Any, str], None]
    has_reason: bool = False


def _approve(refund: Refund, staff: Any, reason: str) -> None:
    refunds.approve(refund, staff)
    refunds.send(refund)


DECISIONS = {
    "approve": Decision(
        "Approve and send",
        "The money goes back through Razorpay. When Razorpay says that it has, these lines close for the student.",
        MAY_DECIDE,
        (Refund.Status.WAITING,),
        _approve,
    ),
    "decline": Decision(
        "Decline",
        "Nothing goes back, the lines can be asked for again, and the student gets a mail with your reason.",
        MAY_DECIDE,
        (Refund.Status.WAITING,),
        refunds.decline,
        has_reason=True,
    ),
    "send": Decision(
        "Send now",
        "Razorpay is asked again to pay it back. It is looked for there first, so it cannot go out twice.",
        MAY_SEE_TO,
        (Refund.Status.APPROVED,),
        lambda refund, staff, reason: refunds.send(refund),
    ),
    "give-up": Decision(
        "Call off",
        "It is not sent any more, and the lines can be asked for again. Not possible once Razorpay has it.",
        MAY_SEE_TO,
        (Refund.Status.APPROVED,),
        refunds.give_up,
        has_reason=True,
    ),
    "check": Decision(
        "Check with Razorpay",
        "Razorpay is asked how its refunds of this order stand, and what it says is applied.",
        MAY_SEE_TO,
        tuple(Refund.Status.values),
        lambda refund, staff, reason: _check(refund),
    ),
    "seen": Decision(
        "Seen to",
        "Takes the flag away, without doing anything else. Say what you found.",
        MAY_SEE_TO,
        tuple(Refund.Status.values),
        refund_settling.take_flag_down,
        has_reason=True,
    ),
}


def _check(refund: Refund) -> None:
    refund_settling.confirm_refunds(refund.order)
    refund.refresh_from_db()
