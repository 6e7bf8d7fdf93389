from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from social_core.backends.utils import load_backends
from social_django.models import UserSocialAuth

from accounts.models import Consent, User
from accounts.security import fresh
from accounts.tests.conftest import PASSWORD, link_in, sent_mails
from tests_e2e.emulators.github import GitHubDouble
from tests_e2e.emulators.loopback import LoopbackServer
from tests_e2e.emulators.oidc import CLIENT_ID, CLIENT_SECRET, Bend, HostileProvider, Person, run_friendly_provider

pytestmark = pytest.mark.django_db
CONSENT = {"name": "Ann", "institution": "", "terms": "on", "consent": "on"}


@pytest.fixture
def provider(settings) -> Iterator[HostileProvider]:
    """A provider over real HTTP, honest unless told otherwise."""
    app = HostileProvider()
    with LoopbackServer(app) as server:
        settings.IDENTITY_PROVIDERS = {"oidc": "Institute"}
        settings.AUTHENTICATION_BACKENDS = [
            *settings.AUTHENTICATION_BACKENDS,
            "accounts.identities.backends.OpenIdConnect",
        ]
        settings.SOCIAL_AUTH_OIDC_OIDC_ENDPOINT = server.url
        settings.SOCIAL_AUTH_OIDC_KEY = CLIENT_ID
        settings.SOCIAL_AUTH_OIDC_SECRET = CLIENT_SECRET
        yield app


@pytest.fixture
def github(settings, monkeypatch) -> Iterator[GitHubDouble]:
    from accounts.identities.backends import GitHub

    app = GitHubDouble()
    with LoopbackServer(app) as server:
        settings.IDENTITY_PROVIDERS = {"github": "GitHub"}
        settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "accounts.identities.backends.GitHub"]
        settings.SOCIAL_AUTH_GITHUB_KEY = CLIENT_ID
        settings.SOCIAL_AUTH_GITHUB_SECRET = CLIENT_SECRET
        for name, path in (
            ("AUTHORIZATION_URL", "/login/oauth/authorize"),
            ("ACCESS_TOKEN_URL", "/login/oauth/access_token"),
            ("API_URL", "/"),
        ):
            monkeypatch.setattr(GitHub, name, server.url + path)
        yield app


def way_back(client: Client, backend: str = "oidc", **data: str) -> str:
    """Begin, pass the provider's own page, and give the address it sends the browser back to."""
    begun = client.post(f"/accounts/with/{backend}/", data)
    assert begun.status_code == 302, begun.content
    there = requests.get(begun.headers["Location"], allow_redirects=False, timeout=5)
    assert there.status_code == 302, there.text
    back = urlsplit(there.headers["Location"])
    return f"{back.path}?{back.query}"


def go(client: Client, backend: str = "oidc", **data: str):
    return client.get(way_back(client, backend, **data))


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_new_person_with_a_proved_address_agrees_and_is_in(client: Client, provider: HostileProvider):
    assert go(client).headers["Location"] == "/accounts/with/welcome/"
    page = client.get("/accounts/with/welcome/").content.decode()
    assert "ann@example.org" in page
    assert 'name="email"' not in page
    assert b"Without your agreement" in client.post("/accounts/with/welcome/", CONSENT | {"consent": ""}).content
    assert not User.objects.exists()
    assert client.post("/accounts/with/welcome/", CONSENT).headers["Location"] == "/jobs/new"

    user = User.objects.get()
    assert (user.email, user.has_usable_password(), user.is_staff) == ("ann@example.org", False, False)
    assert is_signed_in(client)
    assert Consent.objects.get().user == user
    kept = UserSocialAuth.objects.get()
    assert (kept.provider, kept.uid, kept.extra_data) == ("oidc", "person-1", {})


def test_a_provider_made_by_others_is_understood(client: Client, settings, provider: HostileProvider):
    with run_friendly_provider(Person(subject="person-2", email="ben@example.org")) as address:
        settings.SOCIAL_AUTH_OIDC_OIDC_ENDPOINT = address
        begun = client.post("/accounts/with/oidc/").headers["Location"]
        assert begun.startswith(address)
        there = requests.post(begun, data={"sub": "person-2"}, allow_redirects=False, timeout=5)
        back = urlsplit(there.headers["Location"])
        assert client.get(f"{back.path}?{back.query}").headers["Location"] == "/accounts/with/welcome/"
    client.post("/accounts/with/welcome/", CONSENT)
    assert User.objects.get().email == "ben@example.org"


def test_the_same_identity_signs_in_again_even_under_another_address(client: Client, provider: HostileProvider):
    go(client)
    client.post("/accounts/with/welcome/", CONSENT)
    provider.person = Person(email="ann.married@example.org")
    other = Client()
    assert go(other, next="/accounts/plan/").headers["Location"] == "/accounts/plan/"
    assert is_signed_in(other)
    assert User.objects.get().email == "ann@example.org"


def test_pkce_state_and_nonce_go_along(client: Client, provider: HostileProvider):
    go(client)
    asked = provider.authorizations[-1]
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert asked["state"]
    assert asked["nonce"]


@pytest.mark.parametrize("bend", [bend for bend in Bend if bend is not Bend.NOTHING], ids=lambda bend: bend.name)
def test_every_bend_is_refused(bend: Bend, client: Client, provider: HostileProvider):
    if bend is Bend.REPLAYED:
        go(Client())
    provider.bend = bend
    response = go(client)
    assert response.headers["Location"] in ("/accounts/sign-in/", "/accounts/security/")
    assert not is_signed_in(client)
    assert "pending_identity" not in client.session
    assert b"Signing in with Institute did not work" in client.get(response.headers["Location"]).content


@pytest.mark.parametrize(("seconds", "target"), [(25, "/accounts/with/welcome/"), (60, "/accounts/sign-in/")])
def test_a_provider_s_clock_may_be_half_a_minute_ahead(
    seconds: int, target: str, client: Client, provider: HostileProvider
):
    provider.clock_ahead_seconds = seconds
    assert go(client).headers["Location"] == target


@pytest.mark.parametrize(
    ("name", "backend", "scope"),
    [
        ("globus", "Globus", "openid profile email"),
        ("orcid", "Orcid", "openid"),
        ("google", "Google", "openid profile email"),
    ],
)
def test_each_provider_is_an_identity_of_its_own_name(
    name: str, backend: str, scope: str, client: Client, provider: HostileProvider, settings
):
    settings.IDENTITY_PROVIDERS = {name: backend}
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        f"accounts.identities.backends.{backend}",
    ]
    for ending in ("OIDC_ENDPOINT", "KEY", "SECRET"):
        setattr(settings, f"SOCIAL_AUTH_{name.upper()}_{ending}", getattr(settings, f"SOCIAL_AUTH_OIDC_{ending}"))
    if name == "orcid":  # it gives no address
        provider.person = Person(email="", email_verified=False)
    assert go(client, name).headers["Location"] == "/accounts/with/welcome/"
    assert provider.authorizations[-1]["scope"] == scope
    asks = b'name="email"' in client.get("/accounts/with/welcome/").content
    assert asks == (name == "orcid")
    client.post("/accounts/with/welcome/", CONSENT | {"email": "ann@example.org"})
    if name == "orcid":
        client.post(link_in(sent_mails()[0]))
    kept = UserSocialAuth.objects.get()
    assert (kept.provider, kept.uid, kept.user.email) == (name, "person-1", "ann@example.org")


def test_a_code_works_once(client: Client, provider: HostileProvider):
    back = way_back(client)
    client.get(back)
    other = Client()
    assert other.get(back).headers["Location"] == "/accounts/sign-in/"
    assert "pending_identity" not in other.session


def test_a_sign_in_that_somebody_else_began_is_refused(client: Client, provider: HostileProvider):
    victim = Client()
    assert victim.get(way_back(client)).headers["Location"] == "/accounts/sign-in/"
    assert not is_signed_in(victim)
    assert "pending_identity" not in victim.session


def test_the_way_back_stays_on_this_service(client: Client, provider: HostileProvider):
    go(client)
    client.post("/accounts/with/welcome/", CONSENT)
    assert go(Client(), next="https://evil.example/").headers["Location"] == "/jobs/"


def test_beginning_takes_a_post_with_a_token(provider: HostileProvider):
    strict = Client(enforce_csrf_checks=True)
    assert strict.get("/accounts/with/oidc/").status_code == 405
    assert strict.post("/accounts/with/oidc/").status_code == 403


def test_a_provider_that_is_not_configured_is_not_there(client: Client, settings):
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "accounts.identities.backends.Globus"]
    load_backends(settings.AUTHENTICATION_BACKENDS, force_load=True)  # as a test before this one may have done
    assert client.post("/accounts/with/globus/").status_code == 404
    assert client.get("/accounts/with/globus/done/").status_code == 404
    assert b"Go on with" not in client.get("/accounts/sign-in/").content


def test_a_claimed_superusers_address_gives_nothing(client: Client, provider: HostileProvider, admin: User):
    provider.person = Person(subject="evil", email=admin.email.upper())
    go(client)
    response = client.post("/accounts/with/welcome/", CONSENT)
    assert b"account with this address already" in response.content
    assert not is_signed_in(client)
    assert not UserSocialAuth.objects.exists()


def test_an_address_that_is_not_vouched_for_is_confirmed_by_mail_in_the_same_browser(
    client: Client, provider: HostileProvider
):
    provider.person = Person(email_verified=False)
    go(client)
    form = CONSENT | {"email": "ann@institute.example"}
    assert client.post("/accounts/with/welcome/", form).headers["Location"] == "/accounts/sign-up/done/"
    assert not User.objects.exists()
    link = link_in(sent_mails()[0])

    stranger = Client()
    assert b"open this link again" in stranger.get(link).content
    stranger.post(link)
    assert not User.objects.exists()
    provider.person = Person(subject="somebody else", email_verified=False)
    go(stranger)
    stranger.post(link)
    assert not User.objects.exists()

    assert client.post(link).headers["Location"] == "/jobs/new"
    user = User.objects.get()
    assert user.email == "ann@institute.example"
    assert UserSocialAuth.objects.get().uid == "person-1"


def test_by_invitation_a_vouched_address_still_needs_one(client: Client, provider: HostileProvider, settings):
    settings.SIGNUP = "invite"
    go(client)
    assert b"by invitation" in client.post("/accounts/with/welcome/", CONSENT).content
    settings.SIGNUP = "closed"
    assert client.post("/accounts/with/welcome/", CONSENT).status_code == 403
    assert not User.objects.exists()


def test_github_counts_only_a_primary_and_verified_address(client: Client, github: GitHubDouble):
    github.public_email = "boss@example.org"
    github.emails = [
        {"email": "boss@example.org", "primary": True, "verified": False, "visibility": "public"},
        {"email": "ann@example.org", "primary": False, "verified": True, "visibility": None},
    ]
    assert go(client, "github").headers["Location"] == "/accounts/with/welcome/"
    pending = client.session["pending_identity"]
    assert (pending["email"], pending["email_verified"], pending["uid"]) == ("", False, "4711")


def test_github_signs_in_with_a_verified_one(client: Client, github: GitHubDouble):
    go(client, "github")
    assert client.post("/accounts/with/welcome/", CONSENT).headers["Location"] == "/jobs/new"
    assert User.objects.get().email == "ann@example.org"


# --- Linking -------------------------------------------------------------------------------------
@pytest.fixture
def browser(user: User) -> Client:
    client = Client()
    client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    client.get("/jobs/")
    return client


def test_a_second_way_in_is_linked_signed_in_and_proved_and_the_owner_gets_a_mail(
    browser: Client, user: User, provider: HostileProvider
):
    assert go(browser).headers["Location"] == "/accounts/security/"
    assert UserSocialAuth.objects.get().user == user
    assert [message.subject for message in sent_mails()] == ["A way to sign in was added to your GAS account"]
    other = Client()
    go(other)
    assert other.session["_auth_user_id"] == str(user.pk)


def test_linking_needs_a_proof_from_just_now(browser: Client, provider: HostileProvider):
    session = browser.session
    session[fresh.PROVED] -= fresh.FRESH_SECONDS
    session.save()
    assert browser.post("/accounts/with/oidc/").headers["Location"].startswith("/accounts/security/prove/")
    assert not UserSocialAuth.objects.exists()


def test_a_way_back_that_was_begun_before_signing_in_links_nothing(user: User, provider: HostileProvider):
    client = Client()
    back = way_back(client)
    client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    client.get(back)
    assert not UserSocialAuth.objects.exists()


def test_an_identity_of_another_account_is_not_taken_over(
    browser: Client, user: User, make_user, provider: HostileProvider
):
    other = make_user()
    UserSocialAuth.objects.create(user=other, provider="oidc", uid="person-1", extra_data={})
    go(browser)
    assert UserSocialAuth.objects.get().user == other
    assert browser.session["_auth_user_id"] == str(user.pk)


def test_the_last_way_in_cannot_be_removed(client: Client, provider: HostileProvider):
    go(client)
    client.post("/accounts/with/welcome/", CONSENT)
    client.get("/jobs/")
    unlink = f"/accounts/with/unlink/{UserSocialAuth.objects.get().pk}/"
    client.post(unlink)
    assert UserSocialAuth.objects.count() == 1
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    again = Client()
    again.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    again.get("/jobs/")
    again.post(unlink)
    assert not UserSocialAuth.objects.exists()


def test_nobody_unlinks_somebody_elses_identity(browser: Client, make_user):
    row = UserSocialAuth.objects.create(user=make_user(), provider="oidc", uid="x", extra_data={})
    assert browser.post(f"/accounts/with/unlink/{row.pk}/").status_code == 404
    assert UserSocialAuth.objects.exists()


def test_a_provider_does_not_get_past_the_second_factor(client: Client, make_user, provider: HostileProvider):
    staff = make_user(is_staff=True, is_superuser=True)
    UserSocialAuth.objects.create(user=staff, provider="oidc", uid="person-1", extra_data={})
    go(client)
    assert is_signed_in(client)
    assert client.get("/admin/").headers["Location"].startswith("/accounts/security/second-factor/set-up/")


def test_the_admin_links_no_identities_and_shows_no_keys(client: Client, admin: User):
    from accounts.tests.people import sign_in_staff

    sign_in_staff(client, admin)
    for page in ("social_django/usersocialauth", "otp_totp/totpdevice"):
        assert client.get(f"/admin/{page}/").status_code == 404


def test_a_failed_sign_in_writes_nothing_personal_into_the_log(provider: HostileProvider, client: Client, caplog):
    provider.bend = Bend.AUDIENCE
    go(client)
    assert "person-1" not in caplog.text
    assert "ann@example.org" not in caplog.text
