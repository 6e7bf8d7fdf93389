"""What the page of an uploaded file says of it, and what may be queued."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from annotations import child, estimate, preflights, storage
from annotations.genomics.tests.made import build_mitochondrion, pack_bgzf, vcf_text
from annotations.models import Job, Upload, UploadStatus
from annotations.tests.conftest import put_upload, take
from annotations.tests.test_views import only, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("compiled_look")]

GENOME = "".join((Path(settings.BASE_DIR) / "reference" / "NC_045512.2.fa").read_text().split("\n")[1:])


@pytest.fixture
def person(make_user):
    return make_user(email_confirmed_at=timezone.now())


@pytest.fixture
def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    client.get("/healthz")
    return client


@pytest.fixture
def other_reference():
    """rCRS beside the virus: a second assembly to be compared with."""
    build_mitochondrion(settings.REFERENCES_DIR, "mito")
    yield "mito"
    shutil.rmtree(settings.REFERENCES_DIR / "mito")


@pytest.fixture
def program(monkeypatch):
    """Put another program in the child's place."""

    def replace(source: str) -> None:
        command = [sys.executable, "-c", textwrap.dedent(source)]
        monkeypatch.setattr(child, "launcher", lambda **limits: command)

    return replace


def snvs(step: int = 100, shift: int = 0) -> list[str]:
    """Records whose REF is the genome's; with a shift it is that of another place."""
    return [
        f"NC_045512.2\t{at + 1}\t.\t{GENOME[at + shift]}\t{'G' if GENOME[at + shift] != 'G' else 'A'}\t.\t.\t."
        for at in range(0, len(GENOME) - 1000, step)
    ]


def vcf(records: list[str], **options) -> bytes:
    return vcf_text(records, **options).encode()


def page_of(browser: Client, upload: Upload) -> str:
    response = browser.get(f"/uploads/{upload.pk}/")
    assert response.status_code == 200
    return text_of(response)


def submit(browser: Client, upload: Upload, **choices):
    form = {"upload_id": upload.pk, "submission_key": uuid4().hex, "reference": "virus"} | choices
    return browser.post("/jobs/new", form)


def test_the_page_says_what_the_file_is_and_chooses_the_proved_reference(browser, person, other_reference):
    records = [*snvs(), "NC_045512.2\t29000\t.\tN\t<NON_REF>\t.\t.\tEND=29010"]
    upload = put_upload(person, pack_bgzf(vcf(records)))
    response = browser.get(f"/uploads/{upload.pk}/")
    page = text_of(response)
    for words in (
        "VCF 4.2, BGZF",
        "none: sites only",
        f"Records {len(records)}",
        "NC_045512.2, by accession",
        "Order sorted",
        "blocks without a variant (gVCF)",
        "virus ASM985889v3 100.0 % of",
        "mito GRCh38 no contig in common",
        "a gVCF block",
        "on this service",
    ):
        assert words in page
    assert only(r'<option value="(\w+)" selected', response.content.decode()) == "virus"


def test_a_look_is_kept_until_the_references_change(browser, person, program, virus_reference):
    upload = put_upload(person, vcf(snvs()))
    page_of(browser, upload)
    program("raise SystemExit")  # a second child would find nothing
    assert "can be annotated with virus" in page_of(browser, upload)
    build_mitochondrion(settings.REFERENCES_DIR, "mito")
    try:
        assert "could not be looked at" in page_of(browser, upload)
    finally:
        shutil.rmtree(settings.REFERENCES_DIR / "mito")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (vcf(snvs(shift=7)), "The file is on another assembly"),
        (b"BAM\x01" + bytes(100), "This is not a VCF but a BAM file"),
        (pack_bgzf(vcf(snvs(10)))[:-40], "The file was cut off"),
        (b"These are my notes.\n", "does not begin with ##fileformat"),
        (vcf([line.replace("NC_045512.2", "chr7") for line in snvs()]), "the file has only chr7"),
    ],
    ids=["assembly", "bam", "truncated", "notes", "contigs"],
)
def test_what_cannot_be_annotated_is_refused_before_it_is_queued(browser, person, content, words):
    upload = put_upload(person, content)
    response = browser.get(f"/uploads/{upload.pk}/")
    assert "cannot be annotated" in text_of(response)
    assert words in text_of(response)
    assert 'id="submit-form"' not in response.content.decode()
    refused = submit(browser, upload)
    assert refused.status_code == 422
    assert words in text_of(refused)
    assert not Job.objects.exists()
    upload.refresh_from_db()
    assert upload.status == UploadStatus.RECEIVED


def test_a_reference_that_does_not_fit_is_refused_and_another_choice_stays(browser, person, other_reference):
    upload = put_upload(person, vcf(snvs()))
    response = submit(browser, upload, reference="mito", name="Patient 7")
    page = response.content.decode()
    assert response.status_code == 422
    assert "The reference mito (GRCh38) holds chrM" in text_of(response)
    assert 'value="Patient 7"' in page
    assert submit(browser, upload).headers["Location"] == f"/jobs/{Job.objects.get().pk}/"


@pytest.mark.parametrize(
    ("header", "question", "answer"),
    [
        (["##reference=hg19.fa"], "confirm that virus is the right reference", "confirmed"),
        (['##INFO=<ID=CSQ,Number=.,Type=String,Description="x">'], "an earlier annotation already", "overwrite"),
    ],
    ids=["header", "annotated"],
)
def test_what_is_doubtful_is_asked_and_not_refused(browser, person, header, question, answer):
    upload = put_upload(person, vcf(snvs(), header=header))
    assert question in page_of(browser, upload)
    asked = submit(browser, upload)
    assert asked.status_code == 422
    assert question in text_of(asked)
    assert f'name="{answer}"' in asked.content.decode()
    assert not Job.objects.exists()
    assert submit(browser, upload, **{answer: "on"}).headers["Location"] == f"/jobs/{Job.objects.get().pk}/"
    assert Job.objects.get().options == ({"overwrite": True} if answer == "overwrite" else {})


@pytest.mark.parametrize("pack", [lambda data: data, pack_bgzf], ids=["plain", "bgzf"])
def test_a_large_file_is_judged_from_parts(person, monkeypatch, pack):
    noise = random.Random(1)
    lines = [f"{line};X={noise.getrandbits(2000):x}" for line in snvs(1)]
    upload = put_upload(person, pack(vcf(lines)))
    read = []

    def counted(found, offset, length, given=storage.read_input):
        read.append((offset, length))
        return given(found, offset, length)

    monkeypatch.setattr(storage, "read_input", counted)
    look = preflights.look_at(upload)
    assert look is not None
    assert upload.size_bytes is not None
    assert upload.size_bytes > 8 << 20
    assert look.facts["estimated_records"] == pytest.approx(len(lines), rel=0.1)
    assert not look.facts["is_complete"]
    assert sum(length for _, length in read) < 7 << 20
    assert max(offset for offset, _ in read) > 0.9 * upload.size_bytes


def children() -> set[str]:
    """The process ids of this process's children, zombies included."""
    return set((Path("/proc") / "self" / "task" / str(os.getpid()) / "children").read_text().split())


@pytest.mark.parametrize(
    "source",
    [
        "import time; time.sleep(600)",
        "print('read 0 99999999999')",
        "print('read -5 10')",
        "print('no json')",
        "raise SystemExit(1)",
        "import sys\nwhile True: print('read 0 1'); sys.stdout.flush(); sys.stdin.read(1)",
    ],
    ids=["silent", "greedy", "negative", "babble", "gone", "endless"],
)
def test_a_child_that_misbehaves_costs_the_look_and_nothing_else(browser, person, program, monkeypatch, source):
    monkeypatch.setattr(preflights, "MAX_SECONDS", 1.0)
    before = children()
    program(source)
    upload = put_upload(person, vcf(snvs()))
    assert "could not be looked at just now" in page_of(browser, upload)
    assert submit(browser, upload).headers["Location"] == f"/jobs/{Job.objects.get().pk}/"
    assert children() <= before


def test_the_child_that_looks_is_confined_and_knows_no_secret(person, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen: dict[str, Any] = {}

    def started(command, **options):
        seen.update(options, command=command)
        raise OSError("not started")

    monkeypatch.setattr(subprocess, "Popen", started)
    assert preflights.look_at(put_upload(person)) is None
    assert "annotations.confine" in seen["command"]
    assert f"--data-bytes={preflights.MEMORY_MB * 1_000_000}" in seen["command"]
    assert "secret" not in str(seen["env"])


def test_a_file_without_a_job_is_found_again_and_can_be_discarded(browser, person):
    upload = put_upload(person)
    assert "Uploaded, not annotated yet patient.vcf" in text_of(browser.get("/jobs/new"))
    assert browser.post(f"/uploads/{upload.pk}/discard").headers["Location"] == "/jobs/new"
    upload.refresh_from_db()
    assert upload.status == UploadStatus.EXPIRED
    assert "Uploaded, not annotated yet" not in text_of(browser.get("/jobs/new"))
    assert browser.get(f"/uploads/{upload.pk}/").headers["Location"] == "/jobs/new"


def test_the_page_of_a_file_that_has_a_job_is_the_jobs(browser, person, make_job):
    job = make_job(person)
    assert browser.get(f"/uploads/{job.upload_id}/").headers["Location"] == f"/jobs/{job.pk}/"
    browser.post(f"/uploads/{job.upload_id}/discard")
    job.upload.refresh_from_db()
    assert job.upload.status == UploadStatus.CONSUMED


def test_the_expected_time_follows_what_large_jobs_took_here(job):
    before = estimate.expected_seconds(1_000_000)
    assert before == estimate.START_SECONDS + 1_000_000 / estimate.RECORDS_PER_SECOND
    take(job)
    ended = timezone.now()
    Job.objects.filter(pk=job.pk).update(
        status="completed",
        lease_until=None,
        records_done=100_000,
        started_at=ended - timedelta(seconds=50),
        finished_at=ended,
    )
    assert estimate.expected_seconds(1_000_000) == pytest.approx(estimate.START_SECONDS + 500, rel=0.01)
