"""The plans of the demonstration school, and somebody who has one."""

from datetime import timedelta

from django.utils import timezone

from coursebundler.db import atomic
from courses.models import Grant
from payments.demo.past import store_rows
from payments.models import Order, OrderLine, Payment, Plan, Subscription
from users.models import User

SUBSCRIBER = "ananya.gupta@example.org"
PLANS = (
    ("Everything, month by month", "monthly", Plan.Period.MONTHLY, 79_900),
    ("Everything, for a year", "yearly", Plan.Period.YEARLY, 799_000),
)
DAYS_AGO = 120


def create_plans() -> int:
    """Make the plans and their subscriber unless there are plans, and say how many. Safe to repeat."""
    if Plan.objects.exists():
        return 0
    plans = [Plan(slug=slug, name=name, period=period, price_paise=price) for name, slug, period, price in PLANS]
    with atomic():
        Plan.objects.bulk_create(plans)
        _subscribe(User.objects.get(email=SUBSCRIBER), plans[-1])
    return len(plans)


def _subscribe(user: User, plan: Plan) -> None:
    """By the year, so that nothing is due for months: the sandbox knows nothing of it."""
    at = timezone.now() - timedelta(days=DAYS_AGO)
    ends_at = at + timedelta(days=365)
    subscription = Subscription(
        user=user,
        plan=plan,
        status=Subscription.Status.ACTIVE,
        live_key=str(user.pk),
        price_paise=plan.price_paise,
        period_starts_at=at,
        period_ends_at=ends_at,
        created_at=at,
        asked_at=at,
    )
    subscription.gateway_subscription_id = f"sub_demo{subscription.pk.hex[-14:]}"
    order = Order(
        user=user,
        status=Order.Status.PAID,
        product_key=f"charge:pay_demo{subscription.pk.hex[-14:]}",
        amount_paise=plan.price_paise,
        sum_lines=[{"label": plan.name, "amount_paise": plan.price_paise}],
        subscription=subscription,
        gateway_order_id=f"order_demo{subscription.pk.hex[-14:]}",
        created_at=at,
        paid_at=at,
        receipt_sent_at=at,
        check_at=None,
    )
    line = OrderLine(
        order=order,
        kind=OrderLine.Kind.PLAN,
        title=plan.name,
        amount_paise=plan.price_paise,
        starts_at=at,
        ends_at=ends_at,
    )
    payment = Payment(
        order=order,
        entry=Payment.Entry.CAPTURED,
        gateway_payment_id=f"pay_demo{subscription.pk.hex[-14:]}",
        amount_paise=plan.price_paise,
        currency="INR",
        method="upi",
        created_at=at,
    )
    grant = Grant(
        user=user,
        source_kind=Grant.Source.SUBSCRIPTION,
        source_id=line.pk,
        starts_at=at,
        ends_at=ends_at,
        created_at=at,
    )
    store_rows([subscription], [order], [line], [payment], [grant])
