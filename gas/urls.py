"""The addresses of the service."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gas import health, manual, metrics

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("help/", manual.contents, name="manual"),
    path("help/<slug:name>.md", manual.page, name="manual_page"),
    # One way to change a password: it tells the owner by mail and ends the other sessions.
    path(
        "admin/password_change/", RedirectView.as_view(pattern_name="accounts:password_change"), name="admin_password"
    ),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("api/v1/", include("annotations.api.urls")),
    path("", include("archival.urls")),
    path("", include("annotations.urls")),
]

handler400 = "gas.errors.bad_request"
handler403 = "gas.errors.permission_denied"
handler404 = "gas.errors.not_found"
handler500 = "gas.errors.server_error"
