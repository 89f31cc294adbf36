from payments.models.bundles import Bundle, BundleEdition, EditionCourse
from payments.models.coupons import Coupon, CouponProduct, CouponUse
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
    "CouponProduct",
    "CouponUse",
    "Dispute",
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
