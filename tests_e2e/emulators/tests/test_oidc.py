"""The hostile provider is right but for the bend, and the bend is what it says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests

from tests_e2e.emulators.github import GitHubDouble
from tests_e2e.emulators.loopback import LoopbackServer
from tests_e2e.emulators.oidc import CLIENT_ID, CLIENT_SECRET, Bend, HostileProvider, Person, run_friendly_provider

REDIRECT = "http://localhost:8000/complete/"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def provider() -> HostileProvider:
    return HostileProvider()


@pytest.fixture
def issuer(provider: HostileProvider) -> Iterator[str]:
    with LoopbackServer(provider) as server:
        yield server.url


def sign_in(issuer: str, nonce: str = "n1", verifier: str = VERIFIER, secret: str = CLIENT_SECRET) -> dict[str, Any]:
    asked = {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "state": "s1",
        "nonce": nonce,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    back = requests.get(f"{issuer}/authorize", params=asked, allow_redirects=False, timeout=5)
    returned = {name: values[0] for name, values in parse_qs(urlsplit(back.headers["Location"]).query).items()}
    form = {
        "grant_type": "authorization_code",
        "code": returned["code"],
        "redirect_uri": REDIRECT,
        "code_verifier": verifier,
    }
    answer = requests.post(f"{issuer}/token", data=form, auth=(CLIENT_ID, secret), timeout=5)
    return {**returned, "status": answer.status_code, **answer.json()}


def check_token(issuer: str, signed_in: dict[str, Any], nonce: str = "n1") -> dict[str, Any]:
    """What a careful relying party does. Raises jwt.PyJWTError or AssertionError."""
    keys = jwt.PyJWKClient(f"{issuer}/jwks")
    token = signed_in["id_token"]
    claims: dict[str, Any] = jwt.decode(
        token, keys.get_signing_key_from_jwt(token).key, algorithms=["RS256"], audience=CLIENT_ID, issuer=issuer
    )
    assert claims["nonce"] == nonce
    digest = hashlib.sha256(signed_in["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
    assert requests.get(f"{issuer}/userinfo", headers=bearer, timeout=5).json()["sub"] == claims["sub"]
    assert signed_in["state"] == "s1"
    return claims


def test_unbent_it_is_a_provider_like_any_other(issuer: str, provider: HostileProvider) -> None:
    provider.person = Person("subject-7", "eve@example.org")
    claims = check_token(issuer, sign_in(issuer))
    assert (claims["sub"], claims["email"]) == ("subject-7", "eve@example.org")


@pytest.mark.parametrize("bend", [bend for bend in Bend if bend is not Bend.NOTHING])
def test_a_careful_client_notices_each_bend(issuer: str, provider: HostileProvider, bend: Bend) -> None:
    if bend is Bend.REPLAYED:
        check_token(issuer, sign_in(issuer, nonce="n0"), nonce="n0")
    provider.bend = bend
    with pytest.raises((jwt.PyJWTError, AssertionError, KeyError)):
        check_token(issuer, sign_in(issuer))
    provider.bend = Bend.NOTHING
    check_token(issuer, sign_in(issuer))


def test_the_key_confusion_would_work_on_a_careless_client(issuer: str, provider: HostileProvider) -> None:
    provider.bend = Bend.SHARED_SECRET
    header = jwt.get_unverified_header(sign_in(issuer)["id_token"])
    assert header["alg"] == "HS256"


def test_a_wrong_verifier_or_secret_gets_no_token(issuer: str) -> None:
    assert sign_in(issuer, verifier="w" * 50)["status"] == 400
    assert sign_in(issuer, secret="wrong")["status"] == 401


def test_a_code_is_good_once(issuer: str) -> None:
    code = sign_in(issuer)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    assert requests.post(f"{issuer}/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET), timeout=5).status_code == 400


def test_an_unknown_route_is_loud(issuer: str) -> None:
    assert requests.get(f"{issuer}/unknown", timeout=5).status_code == 404


def test_the_friendly_provider_describes_itself() -> None:
    with run_friendly_provider(Person()) as url:
        described = requests.get(f"{url}/.well-known/openid-configuration", timeout=5).json()
        assert described["issuer"].rstrip("/") == url


def test_github_tells_addresses_only_to_a_token() -> None:
    double = GitHubDouble(emails=[{"email": "eve@example.org", "primary": True, "verified": False}])
    with LoopbackServer(double) as server:
        back = requests.get(
            f"{server.url}/login/oauth/authorize",
            params={"redirect_uri": REDIRECT, "state": "s1"},
            allow_redirects=False,
            timeout=5,
        )
        code = parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code": code}
        token = requests.post(f"{server.url}/login/oauth/access_token", data=form, timeout=5).json()["access_token"]
        assert requests.get(f"{server.url}/user/emails", timeout=5).status_code == 401
        bearer = {"Authorization": f"token {token}"}
        emails = requests.get(f"{server.url}/user/emails", headers=bearer, timeout=5).json()
        assert emails == [{"email": "eve@example.org", "primary": True, "verified": False}]
        again = requests.post(f"{server.url}/login/oauth/access_token", data=form, timeout=5).json()
        assert again == {"error": "bad_verification_code"}
