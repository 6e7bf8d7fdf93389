"""Addresses of the interface for programs."""

from __future__ import annotations

from annotations.api.entrance import api
from annotations.api.routes import router

api.add_router("", router)
app_name = api.urls_namespace
urlpatterns = api.urls[0]
