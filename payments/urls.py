from django.urls import path

from payments.views import bundles, checkout, orders, returns, webhook

app_name = "payments"
urlpatterns = [
    path("bundles", bundles.bundle_list, name="bundle_list"),
    path("bundles/<slug:slug>", bundles.bundle_detail, name="bundle_detail"),
    path("checkout/courses/<slug:slug>", checkout.checkout, name="checkout"),
    path("checkout/bundles/<slug:slug>", checkout.bundle_checkout, name="bundle_checkout"),
    path("checkout/callback", returns.callback, name="callback"),
    path("paymentsuccess", returns.payment_success, name="payment_success"),
    path("paymentfail", returns.payment_fail, name="payment_fail"),
    path("orders", orders.order_list, name="order_list"),
    path("orders/<uuid:order_id>", orders.order_detail, name="order_detail"),
    path("orders/<uuid:order_id>/status", orders.order_status, name="order_status"),
    path("orders/<uuid:order_id>/check", orders.order_check, name="order_check"),
    path("webhooks/razorpay", webhook.webhook, name="webhook"),
]
