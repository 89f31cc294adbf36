"""The admin of orders and money, a module for each topic. Importing a module registers its pages."""

from payments.admin import books, bundles, coupons, invoices, ledger, orders, refunds, seats, subscriptions

__all__ = ["books", "bundles", "coupons", "invoices", "ledger", "orders", "refunds", "seats", "subscriptions"]
