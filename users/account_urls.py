"""allauth's pages under our own addresses. The names are allauth's, which it reverses itself."""

from allauth.account import views
from django.urls import path, re_path

from users.views.verification import verify

urlpatterns = [
    path("login", views.login, name="account_login"),
    path("logout", views.logout, name="account_logout"),
    path("register", views.signup, name="account_signup"),
    path("verify", verify, name="account_email_verification_sent"),
    path("inactive", views.account_inactive, name="account_inactive"),
    path("forgetpassword", views.password_reset, name="account_reset_password"),
    path("forgetpassword/sent", views.password_reset_done, name="account_reset_password_done"),
    path("resetpassword/done", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^resetpassword/(?P<uidb36>[0-9A-Za-z]{1,64})-(?P<key>[-0-9A-Za-z]{1,200})$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("changepassword", views.password_change, name="account_change_password"),
    path("setpassword", views.password_set, name="account_set_password"),
    path("confirmpassword", views.reauthenticate, name="account_reauthenticate"),
    path("email", views.email, name="account_email"),
]
