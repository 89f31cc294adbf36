from payments.models.ledger import Payment, WebhookEvent
from payments.models.orders import Order, OrderLine

__all__ = ["Order", "OrderLine", "Payment", "WebhookEvent"]
