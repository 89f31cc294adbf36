from payments.models.bundles import Bundle, BundleEdition, EditionConflict, EditionCourse
from payments.models.coupons import Coupon, CouponError, CouponProduct, CouponUse
from payments.models.earnings import Earning
from payments.models.invoices import TaxDocument
from payments.models.ledger import OrderEvent, Payment, WebhookEvent
from payments.models.orders import Order, OrderLine
from payments.models.reconciliation import BooksDifference, BooksReport
from payments.models.refunds import Dispute, Refund, RefundLine, RefundPolicy
from payments.models.seats import Seat
from payments.models.subscriptions import Plan, Subscription

__all__ = [
    "BooksDifference",
    "BooksReport",
    "Bundle",
    "BundleEdition",
    "Coupon",
    "CouponError",
    "CouponProduct",
    "CouponUse",
    "Dispute",
    "Earning",
    "EditionConflict",
    "EditionCourse",
    "Order",
    "OrderEvent",
    "OrderLine",
    "Payment",
    "Plan",
    "Refund",
    "RefundLine",
    "RefundPolicy",
    "Seat",
    "Subscription",
    "TaxDocument",
    "WebhookEvent",
]
