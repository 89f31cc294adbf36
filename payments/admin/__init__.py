"""The admin of orders and money, a module for each topic. Importing a module registers its pages."""

from payments.admin import ledger, orders

__all__ = ["ledger", "orders"]
