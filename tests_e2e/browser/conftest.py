"""Debian's Chromium before the pages of a running service; whatever a page complains of is an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, sync_playwright

from tests_e2e import deployments
from tests_e2e.browser import chromium as chromium_here
from tests_e2e.conftest import skip_or_fail
from tests_e2e.emulators.smtp import SmtpSink
from tests_e2e.processes import wait_until
from tests_e2e.service import Deployment


@dataclass
class Screen:
    """One browser window, and what its pages complained of: errors, blocked content, failed requests."""

    page: Page
    service: Deployment
    sink: SmtpSink | None
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page of the service."""
        self.page.goto(self.service.url + path)

    def mail_to(self, address: str) -> str:
        """Wait for a mail to an address; return its text."""

        def texts() -> list[str]:
            mails = self.sink.messages if self.sink else self.service.mails_about(address)
            return [str(mail.get_content()) for mail in mails if address in str(mail["To"])]

        found: list[str] = wait_until(texts, f"a mail to {address}")
        return found[-1]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser. Not for the whole session: while Playwright's loop runs, Django refuses its database."""
    if chromium_here.program() is None:
        skip_or_fail("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = chromium_here.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session", params=["local", pytest.param("emulated", marks=pytest.mark.postgres)])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, SmtpSink | None]]:
    """Everything runs, in each profile; the second is where mails arrive, None: in files."""
    folder = tmp_path_factory.mktemp(f"browser-{request.param}") / "var"
    with ExitStack() as stack:
        if request.param == "local":
            sink = None
            service = stack.enter_context(deployments.local(request.getfixturevalue("templates"), folder))
        else:
            sink = stack.enter_context(SmtpSink())
            aws_url, server = request.getfixturevalue("aws_process"), request.getfixturevalue("postgres")
            templates = request.getfixturevalue("postgres_templates")
            doors = deployments.Doors(aws_url, server, sink.port)
            service = stack.enter_context(deployments.emulated(templates, doors, folder))
        service.start("web", "annotate", "control", "beat")
        yield service, sink


@pytest.fixture
def screen(chromium: Browser, served: tuple[Deployment, SmtpSink | None]) -> Iterator[Screen]:
    """A new window without cookies. At its end no page may have complained."""
    service, _ = served
    service.wake()
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    screen = Screen(page, *served)
    _listen(screen)
    yield screen
    context.close()
    service.rest()
    assert screen.complaints == []


def _listen(screen: Screen) -> None:
    """Write down every error, every refusal of the content security policy and every dialog."""

    def hear_console(said: ConsoleMessage) -> None:
        if said.type == "error":
            screen.complaints.append(said.text)

    def hear_dialog(dialog: Dialog) -> None:
        screen.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    screen.page.on("pageerror", lambda error: screen.complaints.append(str(error)))
    screen.page.on("console", hear_console)
    screen.page.on("dialog", hear_dialog)
