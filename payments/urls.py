from django.urls import path

from payments.views import checkout, orders, returns, webhook

app_name = "payments"
urlpatterns = [
    path("checkout/courses/<slug:slug>", checkout.checkout, name="checkout"),
    path("checkout/callback", returns.callback, name="callback"),
    path("paymentsuccess", returns.payment_success, name="payment_success"),
    path("paymentfail", returns.payment_fail, name="payment_fail"),
    path("orders", orders.order_list, name="order_list"),
    path("orders/<uuid:order_id>", orders.order_detail, name="order_detail"),
    path("orders/<uuid:order_id>/status", orders.order_status, name="order_status"),
    path("orders/<uuid:order_id>/check", orders.order_check, name="order_check"),
    path("webhooks/razorpay", webhook.webhook, name="webhook"),
]
