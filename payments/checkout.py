"""From an order of ours to one at the gateway that a browser can pay."""

import logging

from django.core.cache import cache

from payments import razorpay
from payments.confirmation import confirm_order
from payments.models import Order
from payments.razorpay import GatewayUnknownId

logger = logging.getLogger(__name__)


def open_at_gateway(order: Order) -> None:
    """Give the order a gateway order, or keep the one it has. Raises GatewayError; the order then waits for a retry.

    Safe to repeat and to race: the first id that is written stays, and one that lost was never shown to anybody. Asks
    the gateway about an order it has seen before, so `order` may be paid afterwards. An order of nothing becomes paid
    here and needs no gateway.
    """
    if not order.amount_paise:
        confirm_order(order)
        order.refresh_from_db()
        return
    try:
        confirm_order(order)
        is_known = bool(order.gateway_order_id)
    except GatewayUnknownId:
        logger.warning("The gateway has forgotten %s; order %s gets a new one.", order.gateway_order_id, order.pk)
        is_known = False
    if not is_known:
        same_order = Order.objects.unpaid().filter(pk=order.pk, gateway_order_id=order.gateway_order_id)
        same_order.update(gateway_order_id=razorpay.create_order(order))
    order.refresh_from_db()


def confirm_now_and_then(order: Order, *, every_seconds: int) -> bool:
    """`confirm_order`, but not again within some seconds. Says whether it asked; raises GatewayError."""
    if order.is_paid or not cache.add(f"gateway-asked:{order.pk}", 1, every_seconds):
        return False
    confirm_order(order)
    order.refresh_from_db()
    return True
