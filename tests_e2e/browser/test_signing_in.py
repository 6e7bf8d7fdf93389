"""The ways in, by hand in a real browser: another's provider, a code from an app, a passkey."""

from __future__ import annotations

import re
import time
from base64 import b32decode
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests_e2e import deployments
from tests_e2e.deployments import Templates
from tests_e2e.emulators import strict_oidc
from tests_e2e.emulators.loopback import run_module
from tests_e2e.service import Deployment
from tests_e2e.visitor import PASSWORD, make_users

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.xdist_group("signing_in_browser")]


@dataclass
class Window:
    """A browser's window on the service, and what its pages complained of."""

    page: Page
    site: Deployment
    complaints: list[str]

    def sign_in(self, email: str) -> None:
        """By address and password."""
        self.page.goto("/accounts/sign-in/")
        self.page.fill("[name=username]", email)
        self.page.fill("[name=password]", PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def sign_out(self) -> None:
        """By the account menu."""
        self.page.locator("details.menu > summary").click()
        self.page.get_by_role("button", name="Sign out").click()
        expect(self.page.get_by_role("link", name="Sign in").first).to_be_visible()


@pytest.fixture(scope="module")
def site(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A service whose Globus is on loopback: a strict provider, with PKCE."""
    with run_module("tests_e2e.emulators.strict_oidc") as provider:
        settings = {
            "GAS_GLOBUS_ENDPOINT": provider,
            "GAS_GLOBUS_KEY": strict_oidc.CLIENT_ID,
            "GAS_GLOBUS_SECRET": strict_oidc.CLIENT_SECRET,
        }
        with deployments.local(templates, tmp_path_factory.mktemp("ways-in") / "var", **settings) as service:
            strict_oidc.register_redirect(provider, f"{service.url}/accounts/with/globus/done/")
            service.start("web")
            yield service


@pytest.fixture
def window(chromium: Browser, site: Deployment) -> Iterator[Window]:
    page = chromium.new_context(base_url=site.url).new_page()
    complaints: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error" and said.location["url"].startswith(site.url):  # the provider's pages are its own
            complaints.append(said.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield Window(page, site, complaints)
    page.context.close()
    assert complaints == []


def test_somebody_signs_up_by_globus_and_comes_back_by_it(window: Window) -> None:
    page = window.page
    page.goto("/accounts/sign-in/")
    page.get_by_role("button", name="Globus").click()
    page.fill("[name=username]", strict_oidc.NAME)
    page.fill("[name=password]", strict_oidc.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{window.site.url}/accounts/with/welcome/")
    expect(page.get_by_text(strict_oidc.EMAIL)).to_be_visible()
    expect(page.locator("[name=name]")).to_have_value("Ann Example")
    for words in ("I agree", "I consent"):
        page.get_by_label(words).check()
    page.locator("main form button").click()
    expect(page).to_have_url(f"{window.site.url}/jobs/new")
    window.sign_out()
    page.goto("/accounts/sign-in/")
    page.get_by_role("button", name="Globus").click()
    expect(page).to_have_url(f"{window.site.url}/jobs/")
    identity = "SELECT provider, email FROM social_auth_usersocialauth i JOIN accounts_user u ON u.id = i.user_id"
    assert window.site.rows(identity) == [("globus", strict_oidc.EMAIL)]


def test_a_code_from_an_app_and_then_a_passkey_are_asked_for_after_the_password(window: Window) -> None:
    page, email = window.page, make_users(window.site)[0]
    window.sign_in(email)
    page.goto("/accounts/security/")
    page.get_by_role("link", name="Set up").click()
    expect(page.get_by_alt_text("Picture for the authenticator app")).to_have_js_property("complete", True)
    secret = page.locator("code").first.inner_text()
    page.fill("[name=code]", _code(secret, time.time() - 30))  # that of now stays for signing in
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator(".codes li")).to_have_count(10)

    window.sign_out()
    window.sign_in(email)
    page.fill("[name=code]", _code(secret, time.time()))
    page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(f"{window.site.url}/jobs/")

    Device(page)
    page.goto("/accounts/security/")
    page.get_by_text("New passkey").click()
    page.get_by_label("Name of the passkey").fill("Key on the ring")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("row", name=re.compile("Key on the ring"))).to_be_visible()
    window.sign_out()
    window.sign_in(email)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{window.site.url}/jobs/")


def test_a_passkey_is_the_first_factor_and_a_device_without_it_does_not_get_in(window: Window) -> None:
    page, email = window.page, make_users(window.site)[0]
    window.sign_in(email)
    device = Device(page)
    page.goto("/accounts/security/")
    page.get_by_role("link", name="Set up").click()
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.locator(".codes li")).to_have_count(10)
    code = page.locator(".codes li").first.inner_text()
    window.sign_out()
    device.send("WebAuthn.clearCredentials", {"authenticatorId": device.authenticator})
    window.sign_in(email)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("The browser gave no passkey")).to_be_visible()
    page.fill("[name=code]", code)
    page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(f"{window.site.url}/jobs/")


def _code(secret: str, moment: float) -> str:
    totp = TOTP(b32decode(secret.replace(" ", "")))
    totp.time = moment
    return f"{totp.token():06d}"


class Device:
    """Chromium's virtual authenticator in a page."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.authenticator: str = self.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def send(self, command: str, arguments: dict[str, object]) -> dict[str, str]:
        """One command of Chromium's protocol."""
        answer: dict[str, str] = self._session.send(command, arguments)
        return answer
