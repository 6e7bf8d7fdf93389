"""Each page of the administration that staff read is in the audit log: it may show what is a user's."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch

from gas import audit
from gas.middleware import View

ACTION = "staff read"
# Show nothing of any user but ids.
_EMPTY = {"index", "app_list", "login", "logout", "jsi18n", "password_change", "password_change_done"}


def recorded(get_response: View) -> View:
    """A page that cannot be recorded is not shown."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        match = request.resolver_match
        if response.status_code == 200 and match and match.app_name == "admin" and match.url_name not in _EMPTY:
            actor = request.user if request.user.is_authenticated else None
            audit.record(ACTION, actor, _target(match), page=match.url_name)
        return response

    return middleware


def _target(match: ResolverMatch) -> str:
    """As other entries name it, "job:<id>" and "user:<id>"; "" for lists, whose filters may hold an address."""
    if object_id := match.kwargs.get("object_id"):
        *_, model, _ = str(match.url_name).split("_")
        return f"{model}:{object_id}"
    return ""
