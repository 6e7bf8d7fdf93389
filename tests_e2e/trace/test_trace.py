"""Who took what: every route that sends a file of anybody's leaves an entry in the audit log.

Each route is asked by the owner of a real result. One that answers with anything but a page is listed
here: as a file, with the entry that it leaves, or as something else, with the reason why it leaves none.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import TakeOut, User
from accounts.security import tokens
from accounts.takeout import work
from accounts.takeout.models import TakeOutStatus
from accounts.tests.people import BACKEND
from annotations import access
from annotations.areas import area
from annotations.explorer.models import Export, ExportStatus
from annotations.models import Job, Output, OutputKind, OwnSource
from annotations.sharing import granting
from annotations.tests.conftest import MakeJob, put_upload
from annotations.tests.people import done_virus
from gas import audit
from gas.models import AuditEntry
from tests_e2e.test_routes import ANYBODY, PROGRAMS, ROUTES, SECRET

pytestmark = pytest.mark.django_db

# What each route that sends a file writes down, once for each time that it sends one.
FILES = {
    "annotations:download": "download output",
    "annotations:input": "download input",
    "annotations:plot_file": "download plot",
    "annotations:protein_file": "download protein",
    "annotations:report": "download report",
    "annotations:compare_file": "download comparison",
    "annotations:export_make": "download export",
    "annotations:export_file": "download export",
    "annotations:source_file": "download source",
    "accounts:takeout_download": "download takeout",
    "api:file": "download output",
}
# Its ranges are hundreds: one entry for a sitting, see below.
RANGES = {"annotations:result_part": "browse output"}
# Neither pages nor files of anybody's.
REASONS = {
    "annotations:reference_sequence": "a reference is nobody's",
    "annotations:reference_index": "a reference is nobody's",
    "annotations:reference_aliases": "a reference is nobody's",
    "annotations:reference_bands": "a reference is nobody's",
    "annotations:reference_genes": "a reference is nobody's",
    "annotations:upload_create": "says where to send a file",
    "accounts:passkey_ask": "what a browser needs to ask for a passkey",
    "accounts:passkey_begin": "what a browser needs to make a passkey",
    "accounts:second_factor_picture": "the user's own secret, while it is being set up",
    # Programs ask again and again; that somebody else looks is an opening of their share.
    "api:account": "the account that the token is of",
    "api:references": "a reference is nobody's",
    "api:uploads": "says where to send a file",
    "api:submit": "what the program sent",
    "api:jobs": "states and names, polled",
    "api:shared_jobs": "states and names, polled",
    "api:job": "a state and figures, polled",
    "api:delete": "the same address",
    "api:timeline": "what happened, polled",
    "api:cancel": "a state",
}
# They change something, and what is there of it here is not theirs to change: they answer no, and so send nothing.
REFUSES = {
    "accounts:address_confirm",
    "accounts:billing_checkout",
    "accounts:billing_paid",
    "accounts:billing_paid_live",
    "accounts:billing_portal",
    "accounts:billing_returned",
    "accounts:identity_unlink",
    "accounts:passkey_remove",
    "accounts:second_factor_remove_app",
    "accounts:session_end",
    "accounts:token_make",
    "accounts:token_revoke",
    "annotations:filter_delete",
    "annotations:notice",
    "annotations:share_invite",
    "annotations:share_link",
    "annotations:submit_sample",
    "annotations:upload_content",
    "annotations:webhook_delete",
    "annotations:webhook_on",
    "annotations:webhook_test",
    "api:content",
}


@pytest.fixture
def belongings(
    settings: Any, person: User, virus_job: Job, make_job: MakeJob, virus_files: Path, tmp_path: Path
) -> dict[str, Any]:
    """Argument of a route -> the id of an object that has a file."""
    places = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "takeouts"}}
    settings.STORAGES = {**settings.STORAGES, "takeouts": places}
    storages.__dict__["_storages"].clear()
    result = virus_job.result
    for kind in (OutputKind.VCF, OutputKind.VCF_INDEX):
        _put(key := f"{virus_job.pk}/{kind}")
        Output.objects.create(result=result, kind=kind, storage_key=key, file_name="a", size_bytes=10, sha256="0" * 64)
    now, later = timezone.now(), timezone.now() + timedelta(days=1)
    ready = {"requested_at": now, "expires_at": later, "size_bytes": 10}
    export = Export.objects.create(
        job=virus_job, kind="tsv", storage_key="export", status=ExportStatus.READY, alleles_total=2, **ready
    )
    _put("export")
    takeout = TakeOut.objects.create(user=person, status=TakeOutStatus.READY, ready_at=now, **ready)
    work.area().save(takeout.storage_key, ContentFile(b"0123456789"))
    upload = put_upload(person)
    source = OwnSource.objects.create(
        owner=person, upload=put_upload(person), key="LAB", reference_name="virus", assembly="ASM985889v3"
    )
    return {
        "other": done_virus(make_job(person), virus_files).pk,
        "job_id": virus_job.pk,
        "kind": "vcf",
        "key": "consequences",
        "ending": "tsv",
        "allele": 0,
        "export_id": export.pk,
        "takeout_id": takeout.pk,
        "source_id": source.pk,
        "upload_id": upload.pk,
        "name": "virus",
        **{argument: uuid4() for argument in ("notice_id", "share_id", "sign_in_id", "token_id", "webhook_id")},
    }


def _put(key: str) -> None:
    area("results").receive(key, [b"0123456789"])  # type: ignore[attr-defined]


def _ask(name: str, user: User, belongings: dict[str, Any]) -> HttpResponseBase:
    """By the first method that the route takes, with what its form asks for."""
    values = {argument: belongings.get(argument, "1") for argument in ROUTES[name]}
    client = Client()
    if name in PROGRAMS:
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {tokens.make(user, 'a', list(tokens.SCOPES), 1)[1]}"
    else:
        client.force_login(user, backend=BACKEND)
    address = reverse(name, kwargs=values)
    for method, data in (("get", {"with": belongings["other"]}), ("post", {"kind": "tsv"}), ("put", None)):
        answer: HttpResponseBase = getattr(client, method)(address, data)
        if answer.status_code != 405:
            return answer
    raise AssertionError(f"{name} takes no method")


def test_every_route_that_answers_with_more_than_a_page_is_listed(person: User, belongings: dict[str, Any]):
    """A route that is not listed may send pages, and lead to pages; nothing else, and no refusal that hides a file."""
    unlisted = {}
    for name in sorted(set(ROUTES) - ANYBODY - SECRET - set(FILES) - set(RANGES) - set(REASONS)):
        with transaction.atomic():
            answer = _ask(name, person, belongings)
            transaction.set_rollback(True)
        kind = answer.headers.get("Content-Type", "")
        is_page = kind.startswith("text/html") and "Content-Disposition" not in answer.headers
        is_refusal = answer.status_code >= 400
        if is_refusal != (name in REFUSES) or not (is_refusal or is_page or answer.status_code == 204):
            unlisted[name] = (answer.status_code, kind)
    assert unlisted == {}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_leaves_an_entry(name: str, person: User, belongings: dict[str, Any]):
    answer = _ask(name, person, belongings)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    of = next(key for key in ("source_id", "takeout_id", "job_id") if key in ROUTES[name])
    noted = AuditEntry.objects.filter(target=f"{of.removesuffix('_id')}:{belongings[of]}", action=FILES[name])
    assert [entry.actor for entry in noted] == [audit.pseudonym(person)]


def _reads(client: Client, belongings: dict[str, Any], kind: str = "vcf") -> None:
    address = reverse("annotations:result_part", args=[belongings["job_id"], kind])
    assert client.get(address, headers={"Range": "bytes=2-4"}).status_code == 206


def _browsings() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=RANGES["annotations:result_part"]).order_by("pk"))


@pytest.mark.parametrize("kinds", [("vcf_index", "vcf", "vcf"), ("vcf", "vcf_index", "vcf")])
def test_ranges_are_one_entry_for_a_sitting(kinds: tuple[str, ...], person: User, belongings: dict[str, Any]):
    """Whichever is asked for first: who leaves the index out is noted too."""
    client = Client()
    client.force_login(person, backend=BACKEND)
    for kind in kinds:
        _reads(client, belongings, kind)
    (entry,) = _browsings()
    assert (entry.target, entry.actor) == (f"job:{belongings['job_id']}", audit.pseudonym(person))


def test_ranges_of_another_sitting_or_browser_are_another_entry(
    person: User, belongings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    first, second = Client(), Client()
    for client in (first, second):
        client.force_login(person, backend=BACKEND)
        _reads(client, belongings)
    assert len(_browsings()) == 2
    monkeypatch.setattr(access, "SITTING", timedelta(0))
    _reads(first, belongings)
    assert len(_browsings()) == 3


def test_what_a_reader_takes_through_a_share_names_the_share(person: User, belongings: dict[str, Any]):
    job = Job.objects.get(pk=belongings["job_id"])
    terms = granting.Terms(needs_sign_in=False, allows_downloads=True)
    share, token = granting.make_link(person, job, terms)
    browser = Client()
    browser.get(reverse("annotations:shared", args=[token]))
    browser.get(reverse("annotations:report", args=[job.pk]))
    _reads(browser, belongings)
    taken = AuditEntry.objects.filter(action__in=["download report", "browse output"])
    assert [(entry.actor, entry.detail["share"]) for entry in taken] == [("", str(share.pk))] * 2
