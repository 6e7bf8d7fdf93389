"""A user's browser without a screen: pages by HTTP, forms with their CSRF token, uploads."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests_e2e.processes import wait_until
from tests_e2e.service import Deployment

PASSWORD = "correct horse battery staple"
TIMEOUT = 30
PAGE_SECONDS = 0.3

# Accounts in one go, all with one password: hashing it fifty times would be a test of Argon2.
MAKE_USERS = """
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from accounts.models import Consent, User
now = timezone.now()
password = make_password({password!r})
for email in {emails!r}:
    user = User.objects.create(email=email, name="Test", password=password, email_confirmed_at=now)
    Consent.objects.create(user=user, terms_version=settings.TERMS_VERSION, agreed_at=now)
"""

# The cookies of users who have signed in.
SIGN_IN = """
import json
from django.test import Client
from accounts.models import User
cookies = []
for user in sorted(User.objects.filter(email__in={emails!r}), key=lambda user: {emails!r}.index(user.email)):
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    cookies.append(client.cookies["sessionid"].value)
print(json.dumps(cookies))
"""
# What a user's first upload was found to be is true of the others, which hold the same bytes.
SHARE_LOOK = """
from annotations.models import Upload
from annotations.preflights import look_at
uploads = Upload.objects.filter(pk__in={uploads!r})
first = uploads[0]
assert set(uploads.values_list("etag", flat=True)) == {{first.etag}}
assert look_at(first) and look_at(first, "demo")
uploads.update(preflight=first.preflight)
"""

SET_PLAN = """
from accounts import plans
from accounts.models import User
user = User.objects.get(email={email!r})
User.objects.filter(pk=user.pk).update(plan_override={plan!r}, plan_override_reason="for the test")
plans.refresh(user.pk)
"""


@dataclass
class Visitor:
    """One person at the pages of one deployment."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str) -> requests.Response:
        """Open a page."""
        return self.session.get(self._address(path), timeout=TIMEOUT)

    def post(self, path: str, **fields: Any) -> requests.Response:
        """Send a form, as the page's own button would."""
        data = {**fields, "csrfmiddlewaretoken": self.token()}
        headers = {"Referer": self._address(path), "X-CSRFToken": self.token()}
        return self.session.post(self._address(path), data=data, headers=headers, timeout=TIMEOUT)

    def token(self) -> str:
        """The CSRF token of this session."""
        if "csrftoken" not in self.session.cookies:
            self.get("/accounts/sign-in/")
        return str(self.session.cookies["csrftoken"])

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Sign in by the form."""
        answer = self.post("/accounts/sign-in/", username=email, password=password)
        assert answer.url.rstrip("/").endswith("/jobs"), f"sign-in led to {answer.url} ({answer.status_code})"

    def upload(self, content: bytes, name: str = "input.vcf") -> str:
        """Announce and send a file as the page's script does; return the upload's id."""
        told = self.post("/uploads/", file_name=name, size_bytes=len(content))
        assert told.status_code == 201, told.text
        ticket = told.json()
        sent = self.send(ticket, content)
        assert sent.status_code in {200, 201, 204}, sent.text
        return str(ticket["upload_id"])

    def send(self, ticket: dict[str, Any], content: bytes) -> requests.Response:
        """The bytes themselves: to the service, or straight to the bucket."""
        if ticket["method"] == "POST":
            return requests.post(ticket["url"], data=ticket["fields"], files={"file": content}, timeout=TIMEOUT)
        headers = {**ticket["headers"], "X-CSRFToken": self.token(), "Referer": self._address("/jobs/new")}
        return self.session.put(self._address(ticket["url"]), data=content, headers=headers, timeout=TIMEOUT)

    def submit(self, upload_id: str, key: str | None = None, name: str = "") -> str:
        """Submit an upload; return the address of the job's page."""
        answer = self.post(
            "/jobs/new",
            upload_id=upload_id,
            submission_key=key or uuid.uuid4().hex,
            reference="demo",
            name=name,
        )
        assert re.search(r"/jobs/[0-9a-f-]{36}/$", answer.url), f"{answer.status_code} {answer.url}: {_words(answer)}"
        return answer.url.removeprefix(self.url)

    def annotate(self, content: bytes, file_name: str = "input.vcf", name: str = "") -> str:
        """Upload and submit; return the address of the job's page."""
        return self.submit(self.upload(content, file_name), name=name)

    def download(self, job: str, kind: str, target: Path) -> Path:
        """Save one file of a result."""
        answer = self.get(f"{job}download/{kind}")
        assert answer.status_code == 200, f"{kind}: {answer.status_code}"
        target.write_bytes(answer.content)
        return target

    def _address(self, path: str) -> str:
        return path if path.startswith("http") else self.url + path


def make_users(deployment: Deployment, count: int = 1) -> list[str]:
    """Make confirmed users; return their addresses."""
    emails = [f"user-{uuid.uuid4().hex[:10]}@example.org" for _ in range(count)]
    deployment.run_code(MAKE_USERS.format(emails=emails, password=PASSWORD))
    return emails


def new_visitor(deployment: Deployment) -> Visitor:
    """A new user, signed in."""
    visitor = Visitor(deployment.url)
    visitor.sign_in(make_users(deployment)[0])
    return visitor


def new_visitors(deployment: Deployment, count: int) -> list[Visitor]:
    """New users, signed in; without the form, for checking fifty passwords would be a test of Argon2."""
    visitors = [Visitor(deployment.url) for _ in range(count)]
    told = deployment.run_code(SIGN_IN.format(emails=make_users(deployment, count)))
    for visitor, cookie in zip(visitors, json.loads(told), strict=True):
        visitor.session.cookies.set("sessionid", cookie)
    return visitors


def upload_often(deployment: Deployment, content: bytes, visitors: Sequence[Visitor]) -> list[str]:
    """Send the same file for each visitor; what it is, is found out once. The uploads' ids."""
    with ThreadPoolExecutor(4) as pool:
        uploads = list(pool.map(lambda visitor: visitor.upload(content), visitors))
    deployment.run_code(SHARE_LOOK.format(uploads=uploads))
    return uploads


def annotate_often(deployment: Deployment, content: bytes, visitor: Visitor, count: int) -> list[str]:
    """Submit the same file so many times; the addresses of the jobs' pages."""
    uploads = upload_often(deployment, content, [visitor] * count)
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda number: visitor.submit(uploads[number], name=f"{number}"), range(count)))


def wait_for_text(visitor: Visitor, path: str, text: str, timeout: float = 60.0) -> str:
    """Open a page again and again until it has this text; return the page."""
    pages: list[str] = []

    # Seldom: a page that is asked for all the time takes the processor from what it waits for.
    def has_it() -> bool:
        pages[:] = [visitor.get(path).text]
        return text in pages[0]

    wait_until(has_it, f"{path} says {text!r}", timeout, PAGE_SECONDS)
    return pages[0]


def _words(answer: requests.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())[:2000]
