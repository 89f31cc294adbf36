from django.urls import path

from payments.views import access, bundles, checkout, earnings, invoices, orders, returns, subscriptions, webhook

app_name = "payments"
urlpatterns = [
    path("bundles", bundles.bundle_list, name="bundle_list"),
    path("bundles/<slug:slug>", bundles.bundle_detail, name="bundle_detail"),
    path("checkout/courses/<slug:slug>", checkout.checkout, name="checkout"),
    path("checkout/bundles/<slug:slug>", checkout.bundle_checkout, name="bundle_checkout"),
    path("checkout/callback", returns.callback, name="callback"),
    path("checkout/callback/subscription", subscriptions.subscription_callback, name="subscription_callback"),
    path("subscribe", subscriptions.subscribe, name="subscribe"),
    path("subscribe/<slug:slug>", subscriptions.subscribe_to, name="subscribe_to"),
    path("my/subscription", subscriptions.subscription_detail, name="subscription_detail"),
    path("my/subscription/status", subscriptions.subscription_status, name="subscription_status"),
    path("my/subscription/check", subscriptions.subscription_check, name="subscription_check"),
    path("my/subscription/pay", subscriptions.subscription_pay, name="subscription_pay"),
    path("my/subscription/cancel", subscriptions.subscription_cancel, name="subscription_cancel"),
    path("my/subscription/pause", subscriptions.subscription_pause, name="subscription_pause"),
    path("my/subscription/resume", subscriptions.subscription_resume, name="subscription_resume"),
    path("my/access", access.my_access, name="my_access"),
    path("paymentsuccess", returns.payment_success, name="payment_success"),
    path("paymentfail", returns.payment_fail, name="payment_fail"),
    path("orders", orders.order_list, name="order_list"),
    path("orders/<uuid:order_id>", orders.order_detail, name="order_detail"),
    path("orders/<uuid:order_id>/status", orders.order_status, name="order_status"),
    path("orders/<uuid:order_id>/check", orders.order_check, name="order_check"),
    path("orders/<uuid:order_id>/invoices", invoices.invoice_list, name="invoice_list"),
    path("orders/<uuid:order_id>/invoices/<slug:number>", invoices.invoice_detail, name="invoice_detail"),
    path("orders/<uuid:order_id>/invoices/<slug:number>/pdf", invoices.invoice_pdf, name="invoice_pdf"),
    path("my/earnings", earnings.earnings, name="earnings"),
    path("my/earnings/<slug:month>", earnings.earning_month, name="earning_month"),
    path("my/earnings/<slug:month>/csv", earnings.earning_month_csv, name="earning_month_csv"),
    path("webhooks/razorpay", webhook.webhook, name="webhook"),
]
