"""The admin of orders and money, a module for each topic. Importing a module registers its pages."""

from payments.admin import books, invoices, ledger, orders, refunds, subscriptions

__all__ = ["books", "invoices", "ledger", "orders", "refunds", "subscriptions"]
