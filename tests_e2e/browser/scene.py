"""A service with every state in it, for pictures: real jobs by real workers, the rest put beside them.

`stage` runs the jobs; `fill` runs inside Django and moves rows to the states that take days or faults.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pysam

from tests_e2e import deployments
from tests_e2e.emulators.loopback import PROJECT, run_module
from tests_e2e.emulators.stripe.app import API_KEY, WEBHOOK_SECRET
from tests_e2e.emulators.stripe.control import StripeControl
from tests_e2e.inputs import SAMPLE, read_bench, sample_lines, small_vcf
from tests_e2e.service import Deployment
from tests_e2e.visitor import PASSWORD, Visitor, wait_for_text

LONG = ("a-sample-with-a-name-that-nobody-could-ever-want-to-read-on-a-telephone" * 3)[:193] + ".vcf.gz"
LARGE = 2_000  # times the sample: 1.6 million alleles
COLO829 = SAMPLE.with_name("sample.COLO829.chr19.vcf.gz")
SAMPLE_NAME = "Patient_0042_tumour_biopsy_2_lane_7_library_prep_B_resequenced_after_the_flood_of_the_basement_2026_11"
ADA, BEN, MANY, STAFF = (f"{name}@example.org" for name in ("ada.lovelace", "ben", "many", "staff"))
CUSTOMERS = {name: f"{name}@example.org" for name in ("late", "paying", "cancelled")}
NEWCOMERS = [f"newcomer-{number}@example.org" for number in range(8)]
FILLING = "from tests_e2e.browser import scene\nscene.fill({jobs!r})"
PEOPLE = "from tests_e2e.browser import scene\nscene.make_people()"


@dataclass
class Scene:
    """A running service, the cookie of each person's session, the paths of what is there by name."""

    site: Deployment
    sessions: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)


@contextmanager
def stage(folder: Path) -> Iterator[Scene]:
    """Run a service of the local profile in ``folder`` and bring it into every state."""
    shared = folder / "shared"
    shared.mkdir(parents=True)
    templates = deployments.prepared(shared)
    with (
        run_module("tests_e2e.emulators.stripe") as url,
        deployments.local(templates, folder / "var", GAS_SWEEP_SECONDS="1", **_billing(url)) as site,
    ):
        site.start("web", "annotate", "control", "beat")
        site.run_code(PEOPLE)
        _sell(site, StripeControl(url))
        jobs = _run_jobs(site)
        # From here on nothing moves by itself.
        site.stop(*(program for program in site.running if program.name != "web"))
        told = json.loads(site.run_code(FILLING.format(jobs=jobs)))
        yield Scene(site, told["sessions"], told["paths"])


def _billing(url: str) -> dict[str, str]:
    return {
        "GAS_STRIPE_SECRET_KEY": API_KEY,
        "GAS_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "GAS_STRIPE_API_BASE": url,
    }


def _sell(site: Deployment, stripe: StripeControl) -> None:
    """Customers who pay, who cannot any more, and who have cancelled; Ben comes back from paying before it is known."""
    stripe.deliver_to(f"{site.url}/accounts/billing/webhook")
    for name, email in CUSTOMERS.items():
        customer = Visitor(site.url)
        customer.sign_in(email)
        page = customer.get("/accounts/plan/").text
        form_key = page.partition('name="form_key" value="')[2].partition('"')[0]
        customer.post("/accounts/billing/checkout/", price="monthly", form_key=form_key)
        (session,) = stripe.objects("checkout.session", status="open")
        stripe.pay(session["id"])
        wait_for_text(customer, "/accounts/plan/", "You are on the Premium plan")
        if name == "late":
            stripe.card(session["customer"], fails=True)
            stripe.advance(days=32)
            wait_for_text(customer, "/accounts/plan/", "The last payment failed")
        if name == "cancelled":
            stripe.portal(customer.post("/accounts/billing/portal/").url.rpartition("/")[2], "cancel")
            wait_for_text(customer, "/accounts/plan/", "cancelled; Premium until then")


def _run_jobs(site: Deployment) -> dict[str, str]:
    """Jobs of Ada that end by themselves: the paths of their pages."""
    ada = Visitor(site.url)
    ada.sign_in(ADA)
    inputs = {
        "done": (SAMPLE.read_bytes(), "HCC1395.chr19.vcf.gz"),
        "other": (COLO829.read_bytes(), "COLO829.chr19.vcf.gz"),
        "none": (small_vcf(0), "nothing-called.vcf"),
        "one": (small_vcf(1), "one-variant.vcf"),
        "again": (_second_call(), "HCC1395.chr19.called-again.vcf"),
        "long": (_long_alleles(), LONG.removesuffix(".gz")),
    }
    cohort = read_bench("kgp30x_RYR1_chr19_3202_samples.vcf.gz")
    if cohort is not None:
        inputs["cohort"] = (cohort, "RYR1.3202-samples.vcf.gz")
    jobs = {name: ada.annotate(content, file_name) for name, (content, file_name) in inputs.items()}
    site.wait_for_jobs(len(jobs), timeout=900)
    return jobs


def _second_call() -> bytes:
    """The sample as another caller has it: some calls are missing, other genotypes, or do not pass its filters."""
    header, body = sample_lines()
    called = []
    for number, line in enumerate(body):
        cells = line.split(b"\t")
        if number % 5 == 0:
            cells[6] = b"LowTumorVAF"
        if number % 7 == 0:
            cells[8:] = [b"GT", b"0/0", (b"0/1", b"1/1", b"./.")[number % 3] + b"\n"]
        if number % 11:
            called.append(b"\t".join(cells))
    return b"".join(header + called)


def _long_alleles() -> bytes:
    """A deletion, an insertion and a replacement, each longer than a line, one of 5,000 bases; a long sample name."""
    header, body = sample_lines()
    header = [*header[:-1], header[-1].replace(b"HCC1395_T1", SAMPLE_NAME.encode())]
    randomly = random.Random(19)
    with pysam.FastaFile(str(PROJECT / "reference" / "GRCh38.chr19.fa.gz")) as genome:
        lines = []
        for pos, removed, added in ((11_100_220, 240, 0), (38_433_700, 0, 5_000), (44_908_680, 150, 90)):
            ref = genome.fetch("chr19", pos - 1, pos + removed).upper()
            alt = ref[0] + "".join(randomly.choices("ACGT", k=added))
            lines.append(f"chr19\t{pos}\t.\t{ref}\t{alt}\t60\tPASS\t.\tGT\t0/1\t0/0\n".encode())
    return b"".join(header + body[:2] + lines)


# --- Inside Django --------------------------------------------------------------------------------
def make_people() -> None:
    """Ada has Premium and everything; Ben is new; one has 10,000 jobs; one is of the staff."""
    from django.conf import settings
    from django.utils import timezone

    from accounts import plans
    from accounts.models import Consent, PlanCode, User

    for email, name in ((ADA, "Ada Lovelace"), (BEN, "Ben"), (MANY, "Mary Many"), (STAFF, "Sam Staff")):
        user = User.objects.create_user(email, PASSWORD, name=name, email_confirmed_at=timezone.now())
        Consent.objects.create(user=user, terms_version=settings.TERMS_VERSION, agreed_at=timezone.now())
    User.objects.filter(email=STAFF).update(is_staff=True, is_superuser=True)
    ada = User.objects.get(email=ADA)
    for email in (*CUSTOMERS.values(), *NEWCOMERS):
        user = User.objects.create(
            email=email, password=ada.password, name="Nora New", email_confirmed_at=timezone.now()
        )
        Consent.objects.create(user=user, terms_version=settings.TERMS_VERSION, agreed_at=timezone.now())
    plans.override(ada.pk, PlanCode.PREMIUM, "Member of the consortium", by=User.objects.get(email=STAFF), until=None)


def fill(jobs: dict[str, str]) -> None:
    """Put the other states beside the finished jobs; print sessions and paths as JSON."""
    from accounts.models import User

    ada, many = (User.objects.get(email=email) for email in (ADA, MANY))
    ids = {name: path.strip("/").rpartition("/")[2] for name, path in jobs.items()}
    paths = dict(jobs)
    _fill_jobs(ada, ids["one"], paths)
    _fill_tables(ids["done"], paths)
    _fill_list(many, ids["one"])
    _fill_sharing(ada, ids["done"], paths)
    _fill_account(ada, ids["done"], paths)
    _fill_sources(ada)
    _fill_service()
    print(json.dumps({"sessions": _sessions(), "paths": paths}))


def _fill_jobs(ada: Any, example: str, paths: dict[str, str]) -> None:
    """Waiting, running, cancelled, failed for the service's reasons; archived, being archived, being restored."""
    from django.utils import timezone

    from annotations import transitions
    from annotations.models import Job, Result, StorageState

    now = timezone.now()

    def take(name: str) -> tuple[Job, Any]:
        job = _submit(ada, example, name)
        claim = transitions.claim_job(job.pk, "annotate@worker-1")
        assert claim is not None
        paths[name.partition(" ")[0]] = f"/jobs/{job.pk}/"
        return job, claim

    running, _ = take("running NA12878.vcf.gz")
    Job.objects.filter(pk=running.pk).update(
        records_done=1_204_000, bytes_done=41_000_000, bytes_total=100_000_000,
        started_at=now - timedelta(minutes=2), lease_until=now + timedelta(days=1),
    )  # fmt: skip
    _, claim = take("failed patient-07.vcf")
    sentence = "Line 108: POS 'eleven million' is not a whole number from 0 to 2,147,483,647."
    transitions.fail(
        claim, "field", {"line": 108, "field": "POS", "value": "eleven million", "sentence": sentence}, exit="3"
    )
    _, claim = take("crashed tumour-normal.vcf.gz")
    for _ in range(3):
        transitions.crash(claim, "annotator_crashed", {}, exit="killed by signal 9", limit="memory")
        Job.objects.filter(pk=claim.job_id).update(due_at=now - timedelta(minutes=1))
        claim = transitions.claim_job(claim.job_id, "annotate@worker-2") or claim
    cancelled, _ = take("cancelled wrong-file.vcf")
    transitions.cancel(cancelled.pk, by="owner")
    waiting = _submit(ada, example, LONG)
    paths["waiting"] = f"/jobs/{waiting.pk}/"
    states: dict[str, dict[str, Any]] = {
        "archived": {"storage": StorageState.COLD, "archived_at": now - timedelta(days=3)},
        "archiving": {"storage": StorageState.ARCHIVING},
        "restoring": {
            "storage": StorageState.RESTORING, "archived_at": now - timedelta(days=3),
            "restore_requested_at": now, "restore_expected_at": now + timedelta(hours=5),
        },
    }  # fmt: skip
    for name, values in states.items():
        job = _copy(example, f"{name}-2026-03.vcf.gz")
        Result.objects.filter(job=job).update(**values)
        paths[name] = f"/jobs/{job.pk}/"


def _fill_tables(example: str, paths: dict[str, str]) -> None:
    """A result whose stored table has lost its end, and one so large that its table takes a while to prepare."""
    import pyarrow.parquet as pq

    from annotations.areas import area
    from annotations.models import Output, OutputKind

    for name in ("broken", "large"):
        job = _copy(example, f"{name}-table.vcf.gz")
        output = Output.objects.get(result=job.result, kind=OutputKind.PARQUET)
        rows = area("results").local_path(output.storage_key)
        assert rows is not None
        output.storage_key = f"{job.owner_id}/{job.pk}/1/{output.file_name}"
        target = area("results").local_path(output.storage_key)
        assert target is not None
        target.parent.mkdir(parents=True)
        if name == "broken":
            target.write_bytes(rows.read_bytes()[:-50])
        else:
            table = pq.read_table(rows)
            with pq.ParquetWriter(target, table.schema) as writer:
                for _ in range(LARGE):
                    writer.write_table(table)
            output.size_bytes = target.stat().st_size
        output.save()
        paths[name] = f"/jobs/{job.pk}/"


def _submit(owner: Any, example: str, name: str) -> Any:
    """A job of the example's file that waits."""
    from annotations import transitions
    from annotations.models import Job

    upload = Job.objects.get(pk=example).upload
    values = {"name": name, "reference_name": "demo", "submission_key": uuid4().hex, "options": {}}
    return transitions.open_job(owner=owner, upload=upload, **values)


def _copy(example: str, name: str) -> Any:
    """Another job with the example's result and files."""
    from annotations.models import Job, JobEvent, Output, Result

    job = Job.objects.get(pk=example)
    result, outputs, events = job.result, list(job.result.outputs.all()), list(job.events.order_by("id"))
    job.pk, job.name, job.submission_key, job._state.adding = uuid4(), name, uuid4().hex, True
    job.save()
    result = Result.objects.create(
        job=job, **{column.attname: getattr(result, column.attname) for column in Result._meta.fields[1:]}
    )
    for output in outputs:
        output.pk, output.result = None, result
    Output.objects.bulk_create(outputs)
    for event in events:
        event.pk, event.job = None, job
    JobEvent.objects.bulk_create(events)
    return job


def _fill_list(owner: Any, example: str) -> None:
    """10,000 jobs of all ends over a year."""
    from annotations.models import Job, JobStatus

    first = Job.objects.get(pk=example)
    ends = (JobStatus.COMPLETED,) * 6 + (JobStatus.FAILED, JobStatus.CANCELLED)
    Job.objects.bulk_create(
        Job(
            owner=owner,
            upload=first.upload,
            name=LONG if number == 3 else f"family-{number // 3:04}-{('child', 'mother', 'father')[number % 3]}.vcf.gz",
            reference_name="demo",
            submission_key=f"{number:032x}",
            status=ends[number % len(ends)],
            failure_code="field" if ends[number % len(ends)] == JobStatus.FAILED else "",
            failure_detail={"line": 12, "field": "POS", "value": "x", "sentence": "POS is no number."},
            records_done=number * 977 % 5_000_000,
            submitted_at=first.submitted_at - timedelta(minutes=number * 53),
            due_at=first.submitted_at,
            finished_at=first.submitted_at,
        )
        for number in range(10_000)
    )


def _fill_sharing(ada: Any, job_id: str, paths: dict[str, str]) -> None:
    """Links and invitations that live, ended and were revoked; stars, notes, kept filters, downloads."""
    from django.test import Client
    from django.utils import timezone

    from accounts.models import User
    from annotations.explorer.models import Export, ExportKind, ExportStatus, SavedFilter
    from annotations.models import Job, Share
    from annotations.sharing import granting

    job, now = Job.objects.get(pk=job_id), timezone.now()
    open_terms = granting.Terms(needs_sign_in=False, allows_downloads=True)
    paths["link"] = f"/shared/{granting.make_link(ada, job, open_terms)[1]}/"
    paths["link-sign-in"] = f"/shared/{granting.make_link(ada, job, granting.Terms())[1]}/"
    granting.invite(ada, job, BEN, granting.Terms(allows_downloads=True))
    granting.invite(ada, job, f"{'long' * 15}@{'example' * 8}.org", granting.Terms())
    revoked = granting.make_link(ada, job, granting.Terms())
    granting.revoke(ada, job, revoked[0].pk)
    paths["link-ended"] = f"/shared/{revoked[1]}/"
    expired, token = granting.make_link(ada, job, granting.Terms())
    paths["link-expired"] = f"/shared/{token}/"
    Share.objects.filter(pk=expired.pk).update(created_at=now - timedelta(days=15), expires_at=now - timedelta(days=1))
    granting.note_opening(granting.addressed_to(User.objects.get(email=BEN))[0], User.objects.get(email=BEN))
    client = Client(headers={"host": "localhost"})
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    variants = [f"/jobs/{job_id}/variants/{number}/" for number in (3, 40, 41)]
    for address in variants:
        client.post(f"{address}star", {"on": "1"})
    client.post(f"{variants[1]}note", {"text": "Seen in the sister too. Sanger is ordered."})
    paths["starred"], paths["noted"] = variants[0], variants[1]
    SavedFilter.objects.create(owner=ada, name="Mendelian, rare, damaging", query="impact=HIGH&af_below=0.001")
    ends: dict[ExportStatus, dict[str, Any]] = {
        ExportStatus.REQUESTED: {"alleles_done": 1_300_000},
        ExportStatus.READY: {"alleles_done": 5_000_000, "size_bytes": 612_000_000},
        ExportStatus.FAILED: {"failure": "The file would have more rows than Excel can open. Take TSV or Parquet."},
    }
    for status, values in ends.items():
        export = Export.objects.create(
            job=job, kind=ExportKind.XLSX, query="impact=HIGH", status=status, storage_key=f"made/{status}",
            alleles_total=5_000_000, requested_at=now, expires_at=now + timedelta(days=7), **values,
        )  # fmt: skip
        paths[f"export-{status}"] = f"/jobs/{job_id}/explore/downloads/{export.pk}"


def _fill_account(ada: Any, job_id: str, paths: dict[str, str]) -> None:
    """News of each kind, webhooks whose events went each way, tokens, packed data."""
    from django.utils import timezone

    from accounts.security import tokens
    from accounts.takeout.models import TakeOut, TakeOutStatus
    from annotations.models import DeliveryStatus, NoticeKind, Webhook
    from annotations.notices.telling import tell
    from annotations.webhooks import deliveries

    now = timezone.now()
    webhook = deliveries.make(ada, "https://lims.example.org/gas/events")
    off = deliveries.make(ada, f"https://lab.example.org/{'long' * 40}")
    for number, kind in enumerate(NoticeKind):
        tell(ada.pk, kind, f"shown {number}", UUID(job_id), results=number + 1, day="2026-11-25")
    for kind, status in zip(NoticeKind, DeliveryStatus, strict=False):
        webhook.deliveries.filter(kind=kind).update(status=status, answer="answered 200", tries=1)
    Webhook.objects.filter(pk=off.pk).update(disabled_at=now)
    tokens.make(ada, "Nightly pipeline", ["jobs:read", "jobs:write"], 90)
    tokens.make(ada, "Notebook", ["jobs:read"], 7)
    ready = {"status": TakeOutStatus.READY, "ready_at": now, "size_bytes": 48_000_000}
    TakeOut.objects.create(user=ada, requested_at=now, expires_at=now + timedelta(days=7), **ready)


def _fill_sources(ada: Any) -> None:
    """Sources of one's own: checked, refused, being checked."""
    from django.utils import timezone

    from annotations.models import OwnSource, OwnSourceStatus, Upload, UploadStatus

    details = {
        "LABVCF": (OwnSourceStatus.READY, {"kind": "exact", "keys": ["CLASS", "NOTE"], "counts": {"alleles": 12_304}}),
        "LABBED": (OwnSourceStatus.REFUSED, {"sentence": "Line 2 is neither of a VCF nor of a BED file."}),
        "LABNEW": (OwnSourceStatus.CHECKING, {}),
    }
    for key, (status, detail) in details.items():
        upload = Upload.objects.create(
            owner=ada, status=UploadStatus.CONSUMED, storage_key=f"shown/{uuid4()}", size_bytes=2_300_000,
            max_bytes=2_300_000, file_name=f"{key.lower()}.2026-11.vcf.gz", received_at=timezone.now(),
        )  # fmt: skip
        OwnSource.objects.create(
            owner=ada, upload=upload, key=key, reference_name="demo", assembly="GRCh38", status=status, detail=detail
        )


def _fill_service() -> None:
    """What the staff see of a bad day: an incident, a promise that failed."""
    from django.utils import timezone

    from gas import incidents
    from gas.models import OutboxMessage, OutboxStatus

    try:
        json.loads("{")
    except ValueError as error:
        incidents.record("shown-1f0c6c2f", "GET annotations:job", error)
    OutboxMessage.objects.create(
        kind="accounts.mail", dedupe_key="shown", status=OutboxStatus.FAILED, tries=12, due_at=timezone.now(),
        payload={"template": "job_completed"}, last_error="SMTPRecipientsRefused: 550 no such mailbox",
    )  # fmt: skip


def _sessions() -> dict[str, str]:
    """A signed-in session of each person; that of the staff has passed the second factor."""
    from django.test import Client

    from accounts.models import User
    from accounts.tests.people import sign_in_staff

    keys = {}
    for email in (ADA, BEN, MANY, STAFF, *CUSTOMERS.values()):
        client, user = Client(headers={"host": "localhost"}), User.objects.get(email=email)
        if user.is_staff:
            sign_in_staff(client, user)
        else:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            client.get("/jobs/")
        keys[email] = client.cookies["sessionid"].value
    return keys
