"""Addresses of the security page; part of the names of `accounts`."""

from __future__ import annotations

from django.urls import path

from accounts.security import views

urlpatterns = [
    path("", views.security, name="security"),
    path("prove/", views.prove, name="prove"),
    path("second-factor/", views.ask, name="second_factor"),
    path("second-factor/set-up/", views.set_up, name="second_factor_set_up"),
    path("second-factor/picture.svg", views.picture, name="second_factor_picture"),
    path("second-factor/codes/", views.fresh_codes, name="second_factor_codes"),
    path("second-factor/app/remove/", views.remove_app, name="second_factor_remove_app"),
    path("second-factor/off/", views.turn_off, name="second_factor_off"),
    path("second-factor/passkey/", views.ask_passkey, name="passkey_ask"),
    path("passkeys/begin/", views.begin_passkey, name="passkey_begin"),
    path("passkeys/", views.add_passkey, name="passkey_add"),
    path("passkeys/<int:passkey_id>/remove/", views.remove_passkey, name="passkey_remove"),
    path("sessions/others/end/", views.end_other_sessions, name="sessions_end_others"),
    path("sessions/<uuid:sign_in_id>/end/", views.end_session, name="session_end"),
    path("tokens/", views.make_token, name="token_make"),
    path("tokens/<uuid:token_id>/revoke/", views.revoke_token, name="token_revoke"),
]
