"""GitHub's sign-in on loopback: OAuth 2 without OpenID Connect, addresses by a second call.

``/user`` may name a public address that nobody has verified; ``/user/emails``
says which address is primary and which are verified.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from tests_e2e.emulators.loopback import Environ, StartResponse
from tests_e2e.emulators.oidc import CLIENT_ID, CLIENT_SECRET


@dataclass
class GitHubDouble:
    """The double as a WSGI application; serve it with LoopbackServer.

    ``emails`` is what /user/emails answers. The API's paths are also answered
    under /api/v3, where GitHub Enterprise has them.
    """

    user_id: int = 4711
    login: str = "ann"
    public_email: str | None = None
    emails: list[dict[str, Any]] = field(
        default_factory=lambda: [{"email": "ann@example.org", "primary": True, "verified": True, "visibility": None}]
    )
    _codes: dict[str, str] = field(default_factory=dict)
    _tokens: set[str] = field(default_factory=set)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; an unknown route is a loud 404."""
        request = Request(environ)
        path = request.path.removeprefix("/api/v3")
        if path == "/login/oauth/authorize":
            response = self._authorize(request)
        elif path == "/login/oauth/access_token":
            response = self._exchange(request)
        elif path in {"/user", "/user/emails"}:
            response = self._tell(request, path)
        else:
            response = Response(f"no route {path}", 404)
        return response(environ, start_response)

    def _authorize(self, request: Request) -> Response:
        code = secrets.token_hex(10)
        self._codes[code] = request.args["redirect_uri"]
        answer = urlencode({"code": code, "state": request.args.get("state", "")})
        joint = "&" if "?" in request.args["redirect_uri"] else "?"
        return Response(status=302, headers={"Location": request.args["redirect_uri"] + joint + answer})

    def _exchange(self, request: Request) -> Response:
        known = (request.values.get("client_id"), request.values.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not known or self._codes.pop(request.values.get("code", ""), None) is None:
            # GitHub answers 200 here, with the error in the body.
            return _json({"error": "bad_verification_code"})
        token = f"gho_{secrets.token_hex(18)}"
        self._tokens.add(token)
        return _json({"access_token": token, "token_type": "bearer", "scope": "user:email"})

    def _tell(self, request: Request, path: str) -> Response:
        token = request.headers.get("Authorization", "").partition(" ")[2]
        if token not in self._tokens:
            return _json({"message": "Bad credentials"}, 401)
        if path == "/user/emails":
            return _json(self.emails)
        return _json({"id": self.user_id, "login": self.login, "name": "Ann Example", "email": self.public_email})


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, content_type="application/json")
