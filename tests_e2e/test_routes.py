"""Who may reach which address: every route of the resolver × anonymous, stranger, owner, reader, staff.

A route that names an object (a job, an upload, a token ...) is the owner's: 404 for everyone else,
the staff included. With whom a result is shared by name reads it at the routes of READ, and no other.
Every other route must be listed here, so a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential
from social_django.models import UserSocialAuth

from accounts.models import ApiToken, SignIn, TakeOut, User
from accounts.security import tokens
from accounts.tests.people import BACKEND, sign_in_staff
from annotations.models import (
    Job,
    JobStatus,
    Notice,
    Output,
    OwnSource,
    Result,
    SavedFilter,
    Share,
    Upload,
    UploadStatus,
    Webhook,
)
from annotations.sharing import granting

pytestmark = pytest.mark.django_db

ANYBODY = {
    "healthz",
    "readyz",
    "metrics",
    "manual",
    "manual_page",
    "admin_password",  # leads to where every user changes it
    "annotations:home",
    "accounts:sign_up",
    "accounts:sign_up_done",
    "accounts:sign_in",
    "accounts:sign_out",
    "accounts:password_reset",
    "accounts:password_reset_done",
    "accounts:password_reset_complete",
    "accounts:welcome",
    "accounts:terms",
    "accounts:privacy",
    "accounts:billing_webhook",  # signed by Stripe; 404 where billing is off
    "api:openapi-json",
    "api:api-root",  # nothing is there
}
# The address holds a secret, or the name of a provider: a wrong one is 404, or a page that says so.
SECRET = {
    "accounts:confirm",
    "annotations:shared",
    "accounts:password_reset_confirm",
    "accounts:address_undo",
    "accounts:erasure_withdraw",
    "accounts:begin",
    "accounts:complete",
}
SIGNED_IN = {
    "annotations:jobs",
    "annotations:submit",
    "annotations:submit_sample",
    "annotations:upload_create",
    "annotations:sources",
    "annotations:shared_jobs",
    "annotations:notices",
    "annotations:notices_read",
    "annotations:webhooks",
    "annotations:reference_sequence",
    "annotations:reference_index",
    "annotations:reference_aliases",
    "annotations:reference_bands",
    "annotations:reference_genes",
    "accounts:password_change",
    "accounts:password_change_done",
    "accounts:profile",
    "accounts:notifications",
    "accounts:address",
    "accounts:agree",
    "accounts:address_confirm",  # the address holds a secret, which counts in its own account only
    "accounts:plan",
    "accounts:security",
    "accounts:prove",
    "accounts:second_factor",
    "accounts:second_factor_set_up",
    "accounts:second_factor_picture",
    "accounts:second_factor_codes",
    "accounts:second_factor_remove_app",
    "accounts:passkey_ask",
    "accounts:passkey_begin",
    "accounts:passkey_add",
    "accounts:second_factor_off",
    "accounts:sessions_end_others",
    "accounts:token_make",
    "accounts:billing_checkout",
    "accounts:billing_paid",
    "accounts:billing_paid_live",
    "accounts:billing_portal",
    "accounts:billing_returned",
    "accounts:erasure",
    "accounts:erasure_keep",
    "accounts:takeout",
}
# With a token alone: annotations/tests/test_api.py tries each with every kind of token.
PROGRAMS = {
    "api:account",
    "api:references",
    "api:uploads",
    "api:content",
    "api:submit",
    "api:jobs",
    "api:shared_jobs",
    "api:job",
    "api:delete",
    "api:timeline",
    "api:cancel",
    "api:file",
}
OBJECTS = {
    "job_id",
    "upload_id",
    "sign_in_id",
    "token_id",
    "identity_id",
    "takeout_id",
    "passkey_id",
    "source_id",
    "notice_id",
    "webhook_id",
}
# What a result that is shared by name can be read at, by pages and by programs.
READ = {
    "annotations:job",
    "annotations:explore",
    "annotations:explore_again",
    "annotations:explore_counts",
    "annotations:explore_headline",
    "annotations:explore_samples",
    "annotations:explore_transcripts",
    "annotations:variant",
    "annotations:variant_note",  # notes and stars are the reader's own
    "annotations:variant_star",
    "annotations:protein_file",
    "annotations:report",
    "annotations:compare",  # not its file: this share gives none
    "annotations:genome",  # leads back to the job: this share gives no files
    "api:job",
    "api:delete",  # the same address: it can be read, not deleted
}
CSRF_EXEMPT = {"accounts:billing_webhook"} | PROGRAMS  # no cookie counts there


def _routes(resolver: Any = None, namespace: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    """(name, arguments) of every route but the admin's."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from _routes(pattern, pattern.namespace or namespace)
        else:
            name = f"{namespace}:{pattern.name}" if namespace else str(pattern.name)
            yield name, frozenset(pattern.pattern.converters)


ROUTES = dict(_routes())
OWNED = {name for name, arguments in ROUTES.items() if arguments & OBJECTS} - PROGRAMS


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("owner@example.org", name="Owner", email_confirmed_at=timezone.now())


@pytest.fixture
def stranger() -> Client:
    user = User.objects.create_user("stranger@example.org", email_confirmed_at=timezone.now())
    return _signed_in(user)


@pytest.fixture
def staff() -> Client:
    client = Client()
    sign_in_staff(client, User.objects.create_superuser("boss@example.org"))
    return client


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    client.get("/jobs/")
    return client


@pytest.fixture
def belongings(owner: User) -> dict[str, Any]:
    """One object of each kind, all the owner's: argument of a route -> its value."""
    now = timezone.now()
    upload = Upload.objects.create(
        owner=owner,
        status=UploadStatus.CONSUMED,
        storage_key=str(uuid4()),
        file_name="a.vcf",
        max_bytes=1,
        size_bytes=1,
    )
    job = Job.objects.create(
        owner=owner,
        upload=upload,
        submission_key=uuid4().hex,
        name="a.vcf",
        reference_name="demo",
        status=JobStatus.COMPLETED,
        submitted_at=now,
        due_at=now,
        finished_at=now,
    )
    result = Result.objects.create(job=job, attempt=1, created_at=now)
    Output.objects.create(result=result, kind="vcf", storage_key="a", file_name="a", size_bytes=1, sha256="0" * 64)
    sign_in = SignIn.objects.create(user=owner, session_key="x" * 32, created_at=now, last_seen_at=now)
    token = ApiToken.objects.create(
        user=owner, name="a", beginning="gas_", digest="0" * 64, created_at=now, expires_at=now + timedelta(days=1)
    )
    identity = UserSocialAuth.objects.create(user=owner, provider="oidc", uid="1", extra_data={})
    takeout = TakeOut.objects.create(user=owner, requested_at=now, expires_at=now + timedelta(days=1))
    mine = Upload.objects.create(
        owner=owner,
        status=UploadStatus.CONSUMED,
        storage_key=str(uuid4()),
        file_name="a.bed",
        max_bytes=1,
        size_bytes=1,
    )
    source = OwnSource.objects.create(owner=owner, upload=mine, key="LAB", reference_name="demo", assembly="GRCh38")
    return {
        "source_id": source.pk,
        "job_id": job.pk,
        "upload_id": upload.pk,
        "sign_in_id": sign_in.pk,
        "token_id": token.pk,
        "identity_id": identity.pk,
        "takeout_id": takeout.pk,
        "passkey_id": WebAuthnCredential.objects.create(user=owner, name="a", credential_id=b"1", public_key=b"1").pk,
        "kind": "vcf",
        "allele": 0,
        "filter_id": SavedFilter.objects.create(owner=owner, name="a", query="impact=HIGH").pk,
        "export_id": uuid4(),
        "notice_id": Notice.objects.create(user=owner, kind="job.completed", key="a", job=job, at=now).pk,
        "webhook_id": Webhook.objects.create(user=owner, url="https://lab.example.org/", created_at=now).pk,
        "share_id": Share.objects.create(
            job=job, digest="0" * 64, created_at=now, expires_at=now + timedelta(days=1)
        ).pk,
    }


def _address(name: str, values: dict[str, Any]) -> str:
    return reverse(name, kwargs={argument: values.get(argument, "1") for argument in ROUTES[name]})


def _ask(client: Client, address: str) -> HttpResponse:
    """By the first method that the route takes."""
    for method in ("get", "post", "put"):
        response: HttpResponse = getattr(client, method)(address)
        if response.status_code != 405:
            return response
    raise AssertionError(f"{address} takes no method")


def test_every_route_is_listed_once():
    listed = [*ANYBODY, *SECRET, *SIGNED_IN, *OWNED, *PROGRAMS]
    assert sorted(listed) == sorted(ROUTES), "a new route belongs into one of the sets above"


@pytest.mark.parametrize("name", sorted(OWNED))
def test_an_object_is_its_owners(name: str, stranger: Client, staff: Client, belongings: dict[str, Any]):
    address = _address(name, belongings)
    assert _ask(stranger, address).status_code == 404
    assert _ask(staff, address).status_code == 404
    assert _ask(Client(), address).headers["Location"].startswith("/accounts/sign-in/?next=")


@pytest.mark.parametrize("name", ["annotations:job", "annotations:job_live", "annotations:jobs", "annotations:submit"])
def test_the_owner_is_let_in(name: str, owner: User, belongings: dict[str, Any]):
    assert _ask(_signed_in(owner), _address(name, belongings)).status_code == 200


@pytest.mark.parametrize("name", sorted(SIGNED_IN & set(ROUTES)))
def test_a_page_of_ones_own_sends_strangers_to_sign_in(name: str):
    assert _ask(Client(), _address(name, {})).headers["Location"].startswith("/accounts/sign-in/?next=")


@pytest.mark.parametrize("name", sorted(ANYBODY & set(ROUTES)))
def test_what_is_for_anybody_asks_nobody_to_sign_in_first(name: str):
    response = _ask(Client(REMOTE_ADDR="127.0.0.1"), _address(name, {}))
    assert response.status_code in (200, 302, 404)
    if response.status_code == 302:
        assert "?next=" not in response.headers["Location"]


@pytest.mark.parametrize("name", sorted(SECRET & set(ROUTES)))
def test_a_guessed_secret_opens_nothing(name: str):
    response = _ask(Client(), _address(name, {}))
    assert response.status_code == 404 or b"link has ended" in response.content


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_no_session_opens_what_is_for_programs(name: str, owner: User, staff: Client, belongings: dict[str, Any]):
    for client in (Client(), _signed_in(owner), staff):
        answers = [client.generic(method, _address(name, belongings)) for method in ("GET", "POST", "PUT", "DELETE")]
        assert {answer.status_code for answer in answers} <= {401, 405}
        assert any(answer.status_code == 401 for answer in answers)
    assert Job.objects.count() == 1


@pytest.mark.parametrize("name", sorted(set(ROUTES) - CSRF_EXEMPT))
def test_every_form_needs_its_token(name: str, owner: User, belongings: dict[str, Any]):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner, backend=BACKEND)
    assert client.post(_address(name, belongings)).status_code in (403, 405)


@pytest.mark.parametrize("address", ["/admin/", "/admin/annotations/job/", "/admin/accounts/user/"])
def test_the_admin_is_for_staff(address: str, stranger: Client, staff: Client):
    assert staff.get(address).status_code == 200
    for client in (stranger, Client()):
        assert client.get(address).headers["Location"].startswith("/admin/login/")


def test_the_admin_changes_a_password_where_every_user_does(staff: Client):
    answer = staff.get(reverse("admin:password_change"))
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("accounts:password_change"))


def test_every_page_forbids_caches_and_foreign_content(owner: User, belongings: dict[str, Any]):
    client = _signed_in(owner)
    for name in ("annotations:job", "annotations:jobs", "accounts:profile", "accounts:security"):
        headers = client.get(_address(name, belongings)).headers
        assert headers["Cache-Control"] == "private, no-store"
        assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.fixture
def reader(owner: User, belongings: dict[str, Any]) -> User:
    """With whom the owner shares the job by name."""
    user = User.objects.create_user("reader@example.org", email_confirmed_at=timezone.now())
    granting.invite(owner, Job.objects.get(pk=belongings["job_id"]), user.email, granting.Terms())
    return user


@pytest.mark.parametrize("name", sorted(name for name in OWNED | PROGRAMS if "job_id" in ROUTES[name]))
def test_a_shared_result_is_read_and_nothing_else(name: str, reader: User, belongings: dict[str, Any]):
    if name in PROGRAMS:
        _, token = tokens.make(reader, "a", list(tokens.SCOPES), 1)
        client = Client(headers={"authorization": f"Bearer {token}"})
        address = _address(name, belongings)
        statuses = {client.generic(method, address).status_code for method in ("GET", "POST", "PUT", "DELETE")}
    else:
        statuses = {_ask(_signed_in(reader), _address(name, belongings)).status_code}
    assert (statuses - {405} != {404}) == (name in READ)
    assert Job.objects.filter(pk=belongings["job_id"]).exists()
