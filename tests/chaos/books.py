"""Whether the books balance: `python -m tests.chaos.books` prints JSON {"figures", "problems", "strays"}.

It reads every row, and asks the gateway for everything that it has. Nothing here uses what the site itself compares
with, so that both would have to be wrong in the same way.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import django
import requests

from tests.chaos.world import KEYS

LINE_SOURCES = ("order_line", "subscription", "gift", "seat")


class Books:
    def __init__(self) -> None:
        from courses.models import Grant
        from payments import models
        from payments.models import Payment

        self.problems: list[str] = []
        self.orders = {order.pk: order for order in models.Order.objects.all()}
        self.lines = list(models.OrderLine.objects.all())
        self.lines_of: dict[Any, list[Any]] = defaultdict(list)
        for line in self.lines:
            self.lines_of[line.order_id].append(line)
        self.grants = list(Grant.objects.all())
        self.seats = {(seat.order_id, seat.number): seat for seat in models.Seat.objects.all()}
        self.ledger: dict[str, list[Any]] = defaultdict(list)
        for row in Payment.objects.order_by("created_at", "pk"):
            self.ledger[row.entry].append(row)
        self.refunds = list(models.Refund.objects.all())
        self.refund_lines = list(models.RefundLine.objects.all())
        self.disputes = list(models.Dispute.objects.all())
        self.documents = list(models.TaxDocument.objects.all())
        self.earnings = list(models.Earning.objects.all())
        self.coupons = list(models.Coupon.objects.all())
        self.coupon_uses = list(models.CouponUse.objects.all())
        self.subscriptions = list(models.Subscription.objects.all())

    def require(self, is_so: object, problem: str) -> None:
        if not is_so:
            self.problems.append(problem)

    def check(self) -> None:
        self.check_payments()
        self.check_orders()
        self.check_grants()
        self.check_refunds()
        self.check_disputes()
        self.check_numbers()
        self.check_documents()
        self.check_earnings()
        self.check_coupons()
        self.check_subscriptions()

    # --- Money in ---
    def check_payments(self) -> None:
        """Every captured rupee has one ledger entry, for the order that it was meant for."""
        taken = {p["id"]: p for p in listed("payments") if p["status"] in ("captured", "refunded")}
        booked = self.ledger["captured"] + self.ledger["mismatch"]
        by_gateway_order = {order.gateway_order_id: order for order in self.orders.values() if order.gateway_order_id}
        self.require_same("payments in the ledger", Counter(r.gateway_payment_id for r in booked), Counter(list(taken)))
        for row in booked:
            there = taken.get(row.gateway_payment_id)
            if there is None:
                continue
            self.require(
                row.amount_paise == there["amount"], f"{row}: {row.amount_paise} here, {there['amount']} there"
            )
            order = by_gateway_order.get(there["order_id"])
            self.require(order and order.pk == row.order_id, f"{row} is booked for another order")
        self.require(not self.ledger["mismatch"], f"{len(self.ledger['mismatch'])} payments are no order's")

    def main_payment(self, order: Any) -> Any:
        return next((row for row in self.ledger["captured"] if row.order_id == order.pk), None)

    def strays(self) -> list[Any]:
        first = {}
        for row in self.ledger["captured"]:
            first.setdefault(row.order_id, row)
        return [row for row in self.ledger["captured"] if first[row.order_id] != row]

    def check_orders(self) -> None:
        """Paid is what was paid for; its lines add up to it."""
        paying = {row.order_id: row for row in reversed(self.ledger["captured"])}
        for order in self.orders.values():
            lines = self.lines_of[order.pk]
            self.require(
                sum(line.amount_paise for line in lines) == order.amount_paise, f"{order}: its lines add up wrongly"
            )
            is_paid = order.status == "paid"
            self.require(lines, f"{order} has no lines")
            self.require(
                not order.sum_lines or sum(line["amount_paise"] for line in order.sum_lines) == order.amount_paise,
                f"{order}: its sum is wrong",
            )
            if order.amount_paise:
                self.require(
                    is_paid == (order.pk in paying), f"{order} is {order.status}; payment: {paying.get(order.pk)}"
                )
            if order.pk in paying:
                self.require(paying[order.pk].amount_paise == order.amount_paise, f"{order} was paid with another sum")
            self.require(not is_paid or order.receipt_sent_at, f"{order} has no receipt")
            if is_paid and order.seat_count:
                numbers = sorted(number for order_id, number in self.seats if order_id == order.pk)
                self.require(numbers == list(range(1, order.seat_count + 1)), f"{order} has the seats {numbers}")
        unpaid = Counter((o.user_id, o.product_key) for o in self.orders.values() if o.status == "created")
        self.require(all(count == 1 for count in unpaid.values()), "somebody has two unpaid orders for one thing")

    # --- Access ---
    def back(self) -> set[Any]:
        """The lines whose money went back."""
        done = {refund.pk for refund in self.refunds if refund.status == "processed"}
        lost = {dispute.pk for dispute in self.disputes if dispute.status == "lost"}
        return {
            row.line_id
            for row in self.refund_lines
            if row.line_id and (row.refund_id in done or row.dispute_id in lost)
        }

    def check_grants(self) -> None:
        """Each line of a paid order has one grant, revoked if and only if its money went back; no other has any."""
        given = Counter((grant.source_kind, grant.source_id) for grant in self.grants)
        by_line = {grant.source_id: grant for grant in self.grants if grant.source_kind in LINE_SOURCES}
        lines = {line.pk: line for line in self.lines}
        back = self.back()
        self.require(all(count == 1 for (kind, _), count in given.items() if kind in LINE_SOURCES), "a line gave twice")
        for line in self.lines:
            order, grant = self.orders[line.order_id], by_line.get(line.pk)
            holder = self.holder(order, line)
            what = f"line {line} ({line.pk}) of {order}"
            if holder is None:
                self.require(grant is None, f"{what} gave something to nobody")
                continue
            if grant is None:
                self.problems.append(f"{what} gave nothing")
                continue
            self.require((grant.user_id, grant.course_id) == (holder, line.course_id), f"{what} gave something else")
            if line.pk in back:
                self.require(grant.revoked_at, f"{what} was paid back and is still open")
            elif grant.revoked_at:
                self.require(
                    grant.source_kind == "subscription" and "You ended" in grant.note,
                    f"{what} was revoked: {grant.note}",
                )
        for grant in self.grants:
            if grant.source_kind in LINE_SOURCES:
                self.require(grant.source_id in lines, f"grant {grant.pk} comes from a line that is not there")
            elif grant.source_kind == "bundle_edition":
                order = self.orders.get(grant.source_id)
                self.require(order and order.status == "paid", f"grant {grant.pk} comes from no paid bundle")
            else:
                self.problems.append(f"grant {grant.pk} comes from {grant.source_kind}")

    def holder(self, order: Any, line: Any) -> Any:
        """Who must have a grant of this line; None: nobody."""
        if order.status != "paid":
            return None
        if not line.seat_number:
            return order.user_id
        seat = self.seats.get((order.pk, line.seat_number))
        return seat.claimed_by_id if seat else None

    # --- Money out ---
    def check_refunds(self) -> None:
        """Each refund at the gateway is in the ledger once, is one of ours, and has its credit note."""
        there = {refund["id"]: refund for refund in listed("refunds") if refund["status"] == "processed"}
        booked = self.ledger["refunded"]
        self.require_same(
            "refunds in the ledger", Counter(row.gateway_reference for row in booked), Counter(list(there))
        )
        ours = {refund.gateway_refund_id: refund for refund in self.refunds if refund.status == "processed"}
        self.require_same("processed refunds", Counter(list(ours)), Counter(list(there)))
        notes = {document.refund_id: document for document in self.documents if document.refund_id}
        for row in booked:
            told, refund = there.get(row.gateway_reference), ours.get(row.gateway_reference)
            if told is None or refund is None:
                continue
            self.require(row.amount_paise == told["amount"] == refund.amount_paise, f"{refund}: another sum")
            rows = [line for line in self.refund_lines if line.refund_id == refund.pk]
            is_whole = bool(refund.whole_payment_key)
            note = notes.get(refund.pk)
            if is_whole:
                self.require(note is None and not rows, f"{refund} of a second payment is no sale's")
                continue
            self.require(
                sum(line.amount_paise for line in rows) == refund.amount_paise, f"{refund}: its lines add up wrongly"
            )
            self.require(
                note and note.total_paise == refund.amount_paise, f"{refund} has no credit note, or a wrong one"
            )
        unsettled = Counter(r.status for r in self.refunds if r.status in ("approved", "sent"))
        self.require(not unsettled, f"refunds that have not come to an end: {dict(unsettled)}")
        taken = Counter(row.line_id for row in self.refund_lines if row.line_id)
        self.require(all(count == 1 for count in taken.values()), "a line went back twice")
        for payment_id, amounts in self.money_out().items():
            taken_in = next(row for row in self.ledger["captured"] if row.gateway_payment_id == payment_id)
            self.require(sum(amounts) <= taken_in.amount_paise, f"more went back of {payment_id} than came in")

    def money_out(self) -> dict[str, list[int]]:
        out: dict[str, list[int]] = defaultdict(list)
        for row in self.ledger["refunded"] + self.ledger["charged_back"]:
            out[row.gateway_payment_id].append(row.amount_paise)
        return out

    def check_disputes(self) -> None:
        there = {dispute["id"]: dispute for dispute in listed("disputes")}
        ours = {dispute.gateway_dispute_id: dispute.status for dispute in self.disputes}
        self.require_same("disputes", ours, {pk: dispute["status"] for pk, dispute in there.items()})
        lost = Counter(pk for pk, dispute in there.items() if dispute["status"] == "lost")
        rows = Counter(row.gateway_reference for row in self.ledger["charged_back"])
        self.require_same("chargebacks in the ledger", rows, lost)
        notes = {document.dispute_id for document in self.documents if document.dispute_id}
        with_lines = {row.dispute_id for row in self.refund_lines if row.dispute_id}
        for dispute in self.disputes:
            if dispute.status == "lost" and dispute.pk in with_lines:
                self.require(dispute.pk in notes, f"{dispute} has no credit note")

    # --- Papers ---
    def check_numbers(self) -> None:
        """1, 2, 3 … in each series, and no number twice."""
        series: dict[tuple[str, str], list[int]] = defaultdict(list)
        for document in self.documents:
            series[document.kind, document.financial_year].append(document.sequence)
        for name, numbers in series.items():
            self.require(sorted(numbers) == list(range(1, len(numbers) + 1)), f"{name}: the numbers have gaps")
        self.require(len({d.number for d in self.documents}) == len(self.documents), "a number was given twice")

    def check_documents(self) -> None:
        invoices = Counter(document.order_id for document in self.documents if document.kind == "invoice")
        for order in self.orders.values():
            expected = int(order.status == "paid" and order.amount_paise > 0)
            self.require(invoices[order.pk] == expected, f"{order} ({order.status}) has {invoices[order.pk]} invoices")
        credited: Counter[Any] = Counter()
        for document in self.documents:
            total = sum(line["total_paise"] for line in document.lines)
            parts = document.taxable_paise + document.cgst_paise + document.sgst_paise + document.igst_paise
            self.require(total == document.total_paise == parts, f"{document}: it does not add up")
            if document.kind == "invoice":
                order = self.orders[document.order_id]
                self.require(document.total_paise == order.amount_paise, f"{document} is not what {order} costs")
            else:
                credited[document.order_id] += document.total_paise
        for order_id, paise in credited.items():
            self.require(
                paise <= self.orders[order_id].amount_paise, f"{self.orders[order_id]}: credited more than paid"
            )

    def check_earnings(self) -> None:
        """What instructors earn follows from the documents alone."""
        lines = {str(line.pk): line for line in self.lines}
        expected: Counter[Any] = Counter()
        for document in self.documents:
            sign = 1 if document.kind == "invoice" else -1
            for entry in document.lines:
                line = lines[entry["line"]]
                if line.instructor_id and line.instructor_share_bp and entry["taxable_paise"]:
                    share = entry["taxable_paise"] * line.instructor_share_bp // 10_000
                    expected[document.pk, line.pk, line.instructor_id, sign * share] += 1
        rows = Counter((e.document_id, e.line_id, e.instructor_id, e.amount_paise) for e in self.earnings)
        self.require_same("earnings", rows, expected)

    # --- Terms ---
    def check_coupons(self) -> None:
        limits = {coupon.pk: coupon for coupon in self.coupons}
        held = Counter(use.order_id for use in self.coupon_uses)
        for order in self.orders.values():
            expected = int(bool(order.coupon_id) and order.status != "cancelled")
            self.require(
                held[order.pk] == expected, f"{order} ({order.status}) has {held[order.pk]} places of its coupon"
            )
        in_total = [use for use in self.coupon_uses if use.nth_in_total <= (limits[use.coupon_id].uses_in_total or 0)]
        within = Counter(use.coupon_id for use in in_total)
        for pk, count in within.items():
            self.require(count <= limits[pk].uses_in_total, f"coupon {limits[pk]} was overrun: {count}")
        of_users = [use for use in self.coupon_uses if use.nth_of_user <= limits[use.coupon_id].uses_per_user]
        for (pk, user), count in Counter((use.coupon_id, use.user_id) for use in of_users).items():
            self.require(count <= limits[pk].uses_per_user, f"coupon {limits[pk]} was overrun by {user}")

    def check_subscriptions(self) -> None:
        """Each stands as at the gateway, and nobody has two."""
        there = {one["id"]: one["status"] for one in listed("subscriptions")}
        for subscription in self.subscriptions:
            if key := subscription.gateway_subscription_id:
                told = there.get(key)
                self.require(
                    subscription.status == told or told == "created",
                    f"{subscription} ({key}): {subscription.status} here, {told} there",
                )
        live = Counter(s.user_id for s in self.subscriptions if s.status not in ("cancelled", "completed", "expired"))
        self.require(all(count == 1 for count in live.values()), "somebody has two subscriptions")

    def require_same(self, what: str, here: Any, there: Any) -> None:
        if here != there:
            keys = [key for key in {**here, **there} if here.get(key) != there.get(key)]
            shown = [f"{key}: {here.get(key)!s:.60} here, {there.get(key)!s:.60} there" for key in keys[:5]]
            self.problems.append(f"{what}: {len(keys)} differences: {'; '.join(shown)}")

    def figures(self) -> dict[str, int]:
        return {
            "orders": len(self.orders),
            "paid orders": sum(order.status == "paid" for order in self.orders.values()),
            "rupees taken": sum(row.amount_paise for row in self.ledger["captured"]) // 100,
            "failed payments": len(self.ledger["failed"]),
            "refunds paid": len(self.ledger["refunded"]),
            "refunds failed": sum(refund.status == "failed" for refund in self.refunds),
            "chargebacks": len(self.ledger["charged_back"]),
            "grants": len(self.grants),
            "seats taken": sum(bool(seat.claimed_by_id) for seat in self.seats.values()),
            "charges of subscriptions": sum(
                bool(o.subscription_id) for o in self.orders.values() if o.status == "paid"
            ),
            "invoices": sum(document.kind == "invoice" for document in self.documents),
            "credit notes": sum(document.kind == "credit_note" for document in self.documents),
            "places of coupons": len(self.coupon_uses),
        }


def listed(kind: str) -> Iterator[dict[str, Any]]:
    from django.conf import settings

    skip = 0
    with requests.Session() as session:
        session.trust_env = False
        while True:
            page = {"count": 100, "skip": skip}
            answer = session.get(f"{settings.RAZORPAY_BASE_URL}/v1/{kind}", params=page, auth=KEYS, timeout=60)
            items = answer.json()["items"]
            yield from items
            skip += 100
            if len(items) < 100:
                return


def main() -> None:
    django.setup()
    books = Books()
    books.check()
    strays = sorted({str(row.order_id) for row in books.strays()})
    sys.stdout.write(json.dumps({"figures": books.figures(), "problems": books.problems, "strays": strays}))


if __name__ == "__main__":
    main()
