"""The admin of orders and money, a module for each topic. Importing a module registers its pages."""

from payments.admin import books, ledger, orders

__all__ = ["books", "ledger", "orders"]
