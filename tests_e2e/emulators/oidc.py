"""OpenID Connect providers on loopback: a hostile one of our own, and a friendly one.

The hostile provider signs everybody in without a question and bends one thing
at a time; a relying party must refuse every bend. With ``Bend.NOTHING`` it
follows OpenID Connect Core 1.0 (authorization code flow) with PKCE (RFC 7636),
so that a refusal is known to be due to the bend and to nothing else.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from oidc_provider_mock import User, run_server_in_thread
from werkzeug.wrappers import Request, Response

from tests_e2e.emulators.loopback import Environ, StartResponse

CLIENT_ID = "gas-client"
CLIENT_SECRET = "gas-client-secret"
TOKEN_SECONDS = 600


class Bend(enum.Enum):
    """The one thing that is wrong with a sign-in."""

    NOTHING = "nothing"
    AUDIENCE = "the token is for another client"
    ISSUER = "the token is from another issuer"
    NONCE = "the nonce is another one"
    NO_NONCE = "there is no nonce"
    EXPIRED = "the token has expired"
    FROM_THE_FUTURE = "the token was issued in an hour's time"
    ACCESS_TOKEN_HASH = "at_hash belongs to another access token"
    FOREIGN_KEY = "signed by a key that is not in the key set"
    ALGORITHM_NONE = "not signed"
    SHARED_SECRET = "signed by HMAC with the public key as the secret"
    OTHER_USERINFO = "userinfo speaks of somebody else"
    REPLAYED = "the token of an earlier sign-in"
    STATE = "comes back with another state"
    NO_TOKEN = "there is no ID token"


@dataclass(frozen=True)
class Person:
    """Who signs in; ``email_verified`` as the provider claims it."""

    subject: str = "person-1"
    email: str = "ann@example.org"
    name: str = "Ann Example"
    email_verified: bool = True

    def claims(self) -> dict[str, Any]:
        """The claims of userinfo and of the ID token."""
        return {
            "sub": self.subject,
            "email": self.email,
            "email_verified": self.email_verified,
            "name": self.name,
            "preferred_username": self.email,
        }


@dataclass(frozen=True)
class Grant:
    """What a code stands for until it is exchanged."""

    person: Person
    redirect_uri: str
    nonce: str | None
    challenge: str | None


@dataclass
class HostileProvider:
    """The provider as a WSGI application; serve it with LoopbackServer.

    ``person`` signs in next, with ``bend``, by a clock that may go wrong. ``requests`` are the methods and
    paths asked for, ``authorizations`` the parameters of each sign-in begun.
    """

    person: Person = field(default_factory=Person)
    bend: Bend = Bend.NOTHING
    clock_ahead_seconds: int = 0
    requests: list[str] = field(default_factory=list)
    authorizations: list[dict[str, str]] = field(default_factory=list)
    _grants: dict[str, Grant] = field(default_factory=dict)
    _access: dict[str, Person] = field(default_factory=dict)
    _earlier_token: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; an unknown route is a loud 404."""
        request = Request(environ)
        self.requests.append(f"{request.method} {request.path}")
        routes = {
            ("GET", "/.well-known/openid-configuration"): self._describe,
            ("GET", "/jwks"): self._list_keys,
            ("GET", "/authorize"): self._authorize,
            ("POST", "/token"): self._exchange,
            ("GET", "/userinfo"): self._tell,
        }
        handler = routes.get((request.method, request.path))
        with self._lock:
            response = handler(request) if handler else Response(f"no route {request.path}", 404)
        return response(environ, start_response)

    def _describe(self, request: Request) -> Response:
        issuer = request.host_url.rstrip("/")
        return _json(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "userinfo_endpoint": f"{issuer}/userinfo",
                "jwks_uri": f"{issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            }
        )

    def _list_keys(self, request: Request) -> Response:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(_private_key("own").public_key()))
        return _json({"keys": [{**key, "kid": "one", "alg": "RS256", "use": "sig"}]})

    def _authorize(self, request: Request) -> Response:
        asked = request.args.to_dict()
        self.authorizations.append(asked)
        if asked.get("client_id") != CLIENT_ID or asked.get("response_type") != "code":
            return _json({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(16)
        self._grants[code] = Grant(self.person, asked["redirect_uri"], asked.get("nonce"), asked.get("code_challenge"))
        state = secrets.token_urlsafe(16) if self.bend is Bend.STATE else asked.get("state", "")
        joint = "&" if "?" in asked["redirect_uri"] else "?"
        target = asked["redirect_uri"] + joint + urlencode({"code": code, "state": state})
        return Response(status=302, headers={"Location": target})

    def _exchange(self, request: Request) -> Response:
        if not _knows_secret(request):
            return _json({"error": "invalid_client"}, 401)
        grant = self._grants.pop(request.form.get("code", ""), None)
        if grant is None or request.form.get("redirect_uri") != grant.redirect_uri:
            return _json({"error": "invalid_grant"}, 400)
        if grant.challenge and _challenge(request.form.get("code_verifier", "")) != grant.challenge:
            return _json({"error": "invalid_grant", "error_description": "PKCE"}, 400)
        access_token = secrets.token_urlsafe(24)
        self._access[access_token] = grant.person
        token = self._id_token(request.host_url.rstrip("/"), grant, access_token)
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        return _json(answer if self.bend is Bend.NO_TOKEN else {**answer, "id_token": token})

    def _tell(self, request: Request) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        person = self._access.get(token)
        if person is None:
            return _json({"error": "invalid_token"}, 401)
        claims = person.claims()
        if self.bend is Bend.OTHER_USERINFO:
            claims["sub"] = "somebody-else"
        return _json(claims)

    def _id_token(self, issuer: str, grant: Grant, access_token: str) -> str:
        now = int(time.time()) + self.clock_ahead_seconds
        claims = {
            **grant.person.claims(),
            "iss": issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "at_hash": _half_hash(access_token),
        }
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        self._bend_claims(claims, now)
        token = self._sign(claims)
        if self.bend is Bend.REPLAYED and self._earlier_token:
            return self._earlier_token
        self._earlier_token = token
        return token

    def _bend_claims(self, claims: dict[str, Any], now: int) -> None:
        if self.bend is Bend.NO_NONCE:
            claims.pop("nonce", None)
            return
        bent: dict[Bend, dict[str, Any]] = {
            Bend.AUDIENCE: {"aud": "another-client"},
            Bend.ISSUER: {"iss": "http://127.0.0.1:1"},
            Bend.NONCE: {"nonce": "another-nonce"},
            Bend.EXPIRED: {"iat": now - 7200, "exp": now - 3600},
            Bend.FROM_THE_FUTURE: {"iat": now + 3600, "nbf": now + 3600, "exp": now + 7200},
            Bend.ACCESS_TOKEN_HASH: {"at_hash": _half_hash("another token")},
        }
        claims.update(bent.get(self.bend, {}))

    def _sign(self, claims: dict[str, Any]) -> str:
        if self.bend is Bend.ALGORITHM_NONE:
            return jwt.encode(claims, None, algorithm="none")  # type: ignore[arg-type]
        if self.bend is Bend.SHARED_SECRET:
            public = _private_key("own").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            return _sign_by_hmac(claims, public)
        key = _private_key("foreign" if self.bend is Bend.FOREIGN_KEY else "own")
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})


@contextmanager
def run_friendly_provider(*people: Person) -> Iterator[str]:
    """oidc-provider-mock, a provider made by others, with its own sign-in page; yields its address."""
    users = [User(sub=person.subject, claims=person.claims()) for person in people]
    with run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


@cache
def _private_key(name: str) -> rsa.RSAPrivateKey:
    """A key of that name; made once, because making one takes a third of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(content), status, content_type="application/json")


def _knows_secret(request: Request) -> bool:
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return (basic.username, basic.password) == (CLIENT_ID, CLIENT_SECRET)
    return (request.form.get("client_id"), request.form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _challenge(verifier: str) -> str:
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def _half_hash(access_token: str) -> str:
    # OpenID Connect Core 3.1.3.6: the left half of the hash, for RS256 that of SHA-256.
    return _base64url(hashlib.sha256(access_token.encode()).digest()[:16])


def _sign_by_hmac(claims: dict[str, Any], secret: bytes) -> str:
    # By hand: PyJWT refuses to sign with a public key as the secret, an attacker does not.
    header = {"alg": "HS256", "typ": "JWT", "kid": "one"}
    parts = [_base64url(json.dumps(part).encode()) for part in (header, claims)]
    signature = hmac.new(secret, ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _base64url(signature)])
