"""The admin of orders and money, a module for each topic. Importing a module registers its pages."""

from payments.admin import (
    books,
    bundles,
    coupons,
    disputes,
    invoices,
    ledger,
    orders,
    refund_policies,
    refunds,
    seats,
    subscriptions,
)

__all__ = [
    "books",
    "bundles",
    "coupons",
    "disputes",
    "invoices",
    "ledger",
    "orders",
    "refund_policies",
    "refunds",
    "seats",
    "subscriptions",
]
