"""The providers, each with PKCE, a tolerant clock, and no token kept.

`email_verified` in the details says whether the provider vouches for the address; without it the
address is only a suggestion.
"""

from __future__ import annotations

from typing import Any

from social_core.backends.github import GithubOAuth2
from social_core.backends.oauth import BaseOAuth2PKCE
from social_core.backends.open_id_connect import OpenIdConnectAuth

CLOCK_LEEWAY_SECONDS = 30.0


class OpenIdConnect(OpenIdConnectAuth[Any]):
    """Any OpenID Connect provider; its name, endpoint and credentials are settings."""

    name = "oidc"
    EXTRA_DATA: list[Any] = []  # as the library declares it: nothing is kept
    DEFAULT_USE_PKCE = True
    JWT_LEEWAY = CLOCK_LEEWAY_SECONDS

    def get_user_details(self, response: dict[str, Any]) -> dict[str, Any]:
        """Name and address, and whether the provider vouches for the address."""
        details: dict[str, Any] = super().get_user_details(response)  # type: ignore[no-untyped-call]
        # Only the one who named the address can vouch for it.
        claims = response if "email" in response else self.id_token or {}
        return {**details, "email_verified": bool(details.get("email")) and claims.get("email_verified") is True}


class Globus(OpenIdConnect):
    """Globus Auth."""

    name = "globus"
    OIDC_ENDPOINT = "https://auth.globus.org"
    JWT_ALGORITHMS = ["RS256", "RS512"]  # as the library declares it


class Orcid(OpenIdConnect):
    """ORCID; it gives no address, so one is asked for and confirmed."""

    name = "orcid"
    OIDC_ENDPOINT = "https://orcid.org"
    DEFAULT_SCOPE = ["openid"]  # as the library declares it


class Google(OpenIdConnect):
    """Google."""

    name = "google"
    OIDC_ENDPOINT = "https://accounts.google.com"


class GitHub(GithubOAuth2[Any], BaseOAuth2PKCE[Any]):
    """GitHub: only the primary address counts, and only if GitHub has verified it."""

    name = "github"
    EXTRA_DATA: list[Any] = []  # as the library declares it: nothing is kept
    DEFAULT_SCOPE = ["user:email"]  # as the library declares it
    DEFAULT_USE_PKCE = True
    PKCE_DEFAULT_CODE_CHALLENGE_METHOD = "S256"

    def get_user_details(self, response: dict[str, Any]) -> dict[str, Any]:
        """Name and the verified primary address; the public one of the profile may be anybody's."""
        emails = [entry for entry in response.get("emails") or [] if isinstance(entry, dict)]
        proved = [entry["email"] for entry in emails if entry.get("primary") is True and entry.get("verified") is True]
        details: dict[str, Any] = super().get_user_details(response)  # type: ignore[no-untyped-call]
        return {**details, "email": proved[0] if proved else "", "email_verified": bool(proved)}
