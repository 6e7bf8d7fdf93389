"""Addresses of the account pages."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import TemplateView

from accounts import views

app_name = "accounts"


urlpatterns = [
    path("sign-up/", views.sign_up, name="sign_up"),
    path("sign-up/done/", views.sign_up_done, name="sign_up_done"),
    path("confirm/<str:token>/", views.confirm, name="confirm"),
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("password/reset/", views.PasswordReset.as_view(), name="password_reset"),
    path(
        "password/reset/done/",
        TemplateView.as_view(template_name="accounts/password_reset_done.html"),
        name="password_reset_done",
    ),
    path("password/reset/<uidb64>/<token>/", views.PasswordResetConfirm.as_view(), name="password_reset_confirm"),
    path(
        "password/reset/complete/",
        TemplateView.as_view(template_name="accounts/password_reset_complete.html"),
        name="password_reset_complete",
    ),
    path("password/change/", views.PasswordChange.as_view(), name="password_change"),
    path("password/change/done/", views.password_change_done, name="password_change_done"),
    path("profile/", views.profile, name="profile"),
    path("notifications/", views.notifications, name="notifications"),
    path("email/", include("accounts.addresses.urls")),
    path("plan/", views.plan, name="plan"),
    path("with/", include("accounts.identities.urls")),
    path("security/", include("accounts.security.urls")),
    path("billing/", include("accounts.billing.urls")),
    path("delete/", include("accounts.erasure.urls")),
    path("data/", include("accounts.takeout.urls")),
    path("terms/", TemplateView.as_view(template_name="accounts/terms.html"), name="terms"),
    path("terms/agree/", views.agree, name="agree"),
    path("privacy/", TemplateView.as_view(template_name="accounts/privacy.html"), name="privacy"),
]
