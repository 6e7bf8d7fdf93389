"""A strict OpenID Connect provider made by others: django-oauth-toolkit with PKCE required, in a process of its own.

It has a real sign-in page, knows one client and one person, and sends nobody to an address that was not registered by
a POST to /control/redirect. Run: `python -m tests_e2e.emulators.strict_oidc --port 0 --ready-fd N`.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests_e2e.emulators.loopback import WsgiApp, serve_process

CLIENT_ID, CLIENT_SECRET = "gas-client", "gas-client-secret"
NAME, PASSWORD = "ann", "the provider's own secret"
EMAIL = "ann@institute.example"
SIGN_IN_PAGE = '<form method="post">{% csrf_token %}{{ form }}<button>Sign in</button></form>'


def register_redirect(provider: str, address: str) -> None:
    """Tell the provider where its client may be sent back to."""
    requests.post(f"{provider}/control/redirect", data={"redirect_uri": address}, timeout=10).raise_for_status()


def _settings(folder: Path) -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "SECRET_KEY": secrets.token_hex(),
        "ALLOWED_HOSTS": ["127.0.0.1"],
        "ROOT_URLCONF": __name__,
        "USE_TZ": True,
        "LOGIN_URL": "/sign-in",
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "provider.sqlite3"}},
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {"sign_in.html": SIGN_IN_PAGE})]},
            }
        ],
        "OAUTH2_PROVIDER": {
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": pem,
            "PKCE_REQUIRED": True,
            "ALLOWED_REDIRECT_URI_SCHEMES": ["http"],
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
            "SCOPES": {"openid": "", "email": "", "profile": ""},
        },
    }


def make_app() -> WsgiApp:
    """The provider with its client and its person; nothing of it outlives the process."""
    folder = tempfile.TemporaryDirectory(prefix="strict-oidc-")
    from django.conf import settings

    settings.configure(**_settings(Path(folder.name)))
    import django
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    django.setup()
    call_command("migrate", verbosity=0)
    _fill()
    app: WsgiApp = get_wsgi_application()
    app.folder = folder  # type: ignore[attr-defined]  # lives as long as the application
    return app


def _fill() -> None:
    from django.contrib.auth.models import User
    from oauth2_provider.models import Application

    User.objects.create_user(NAME, EMAIL, PASSWORD, first_name="Ann", last_name="Example")
    Application.objects.create(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        algorithm=Application.RS256_ALGORITHM,
        skip_authorization=True,
    )


def __getattr__(name: str) -> Any:
    """What Django looks up here by name once it is set up: the addresses, and the toolkit's validator."""
    if name == "urlpatterns":
        return _urlpatterns()
    if name == "Validator":
        return _validator()
    raise AttributeError(name)


def _urlpatterns() -> list[Any]:
    from django.contrib.auth.views import LoginView
    from django.http import HttpRequest, HttpResponse
    from django.urls import include, path
    from django.views.decorators.csrf import csrf_exempt
    from oauth2_provider.models import Application

    @csrf_exempt
    def redirect(request: HttpRequest) -> HttpResponse:
        Application.objects.update(redirect_uris=request.POST["redirect_uri"])
        return HttpResponse(status=204)

    return [
        path("control/redirect", redirect),
        path("sign-in", LoginView.as_view(template_name="sign_in.html")),
        path("", include("oauth2_provider.urls", namespace="oauth2_provider")),
    ]


def _validator() -> type:
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Validator(OAuth2Validator):  # type: ignore[misc]
        """Says who the person is, and that the address was proved."""

        oidc_claim_scope = None

        def get_additional_claims(self, request: Any) -> dict[str, Any]:
            user = request.user
            return {"email": user.email, "email_verified": True, "name": user.get_full_name()}

    return Validator


if __name__ == "__main__":
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    from tests_e2e.emulators import strict_oidc  # noqa: PLW0406  # under its own name, by which Django finds it

    serve_process(__doc__ or "", strict_oidc.make_app)
