"""How a program shows who it acts for: a token in the Authorization header. A browser's session opens nothing here."""

from __future__ import annotations

from math import ceil

from django.conf import settings
from django.http import HttpRequest
from ninja.errors import AuthorizationError, Throttled
from ninja.security import HttpBearer

from accounts.models import User
from accounts.security import tokens
from accounts.security.models import ApiToken


class Bearer(HttpBearer):
    """Lets in a token with the scope, of a user whose address is proved."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """The token, which becomes `request.auth`.

        Raises Throttled where it has called too often, AuthorizationError where it may not do this.
        """
        found = tokens.find(token)
        if found is None:
            return None
        if not tokens.count_call(found, settings.API_CALLS_PER_MINUTE):
            raise Throttled(wait=ceil(tokens.seconds_until_next_minute(found)))
        if self.scope not in found.scopes:
            raise AuthorizationError(
                message=f"This token lacks the scope {self.scope}. Make one that has it, under Profile, Security."
            )
        if found.user.email_confirmed_at is None:
            raise AuthorizationError(message="Confirm your e-mail address first, under Profile.")
        return found


def user_of(request: HttpRequest) -> User:
    """The user whom the program acts for."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]  # ninja puts it there
    return token.user
