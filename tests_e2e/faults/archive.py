"""Lives of results in processes of their own, which may be killed at a named point.

The code below runs with the settings of a deployment. It makes a finished job without an annotator,
for what is proved here begins where that ends.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests_e2e.service import Deployment

PRELUDE = """
import hashlib, json, tempfile, uuid
from datetime import timedelta
from pathlib import Path
from django.db.models.functions import Now
from accounts import plans
from accounts.models import User
from annotations import storage, transitions, submission
from annotations.areas import area
from annotations.claims import Finished, StoredOutput
from annotations.models import Job, Output, OutputKind, Result, Upload, UploadStatus, StorageState
from archival import follow_plan, sweep, removal
from archival.models import ColdCopy, Custody, Removal
from archival.stores import cold_store, Stage
from gas import registry
from gas.clock import from_now
from gas.models import OutboxMessage, SweepRun

CONTENTS = {OutputKind.VCF: b"variants" * 999, OutputKind.TSV: b"table" * 99, OutputKind.SUMMARY: b"{}"}

def stored(name, key, content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return area(name).store(Path(file.name), key, lambda: None)

def make_result(user):
    upload_id = uuid.uuid4()
    key = storage.input_key(user.pk, upload_id)
    etag = stored("inputs", key, b"input").etag
    upload = Upload.objects.create(pk=upload_id, owner=user, storage_key=key, file_name="patient.vcf", max_bytes=5,
        size_bytes=5, etag=etag, status=UploadStatus.CONSUMED)
    job = transitions.open_job(owner=user, upload=upload, submission_key=uuid.uuid4().hex, name="patient.vcf",
        reference_name="demo")
    claim = transitions.claim_job(job.pk, "worker")
    outputs = []
    for kind, content in CONTENTS.items():
        key = storage.output_key(claim, kind)
        stored("results", key, content)
        digest = hashlib.sha256(content).hexdigest()
        outputs.append(StoredOutput(kind, key, f"patient.{kind}", len(content), digest))
    assert transitions.complete(claim, Finished(outputs, {}, 1, 1, 0, "digest"))
    return Result.objects.get(pk=job.pk)

def make_user(address):
    return User.objects.create_user(address, name="Someone")

def user_of(address):
    return User.objects.get(email=address)

def time_is_up(result):
    Result.objects.filter(pk=result.pk, storage="hot").update(archive_due_at=from_now(timedelta(seconds=-1)))

def time_passes():
    SweepRun.objects.filter(name="archival").update(running_until=None)
    Custody.objects.filter(due_at__isnull=False).update(due_at=from_now(timedelta(seconds=-1)), lease_until=None)

def set_plan(user, code):
    plans.override(user.pk, code, "for the test", by=user)
    for message in OutboxMessage.objects.filter(kind="plan_changed", status="pending").order_by("created_at"):
        follow_plan.plan_changed(message)
        OutboxMessage.objects.filter(pk=message.pk).update(status="done", done_at=Now())

def is_as_its_row_says(result):
    row = Result.objects.get(pk=result.pk)
    for output in row.outputs.all():
        if output.is_at_hand:
            with storage.open_output(output) as stream:
                if stream.read() != CONTENTS[OutputKind(output.kind)]:
                    return False
        else:
            held = cold_store().find(output.cold_copy.storage_key)
            if output.cold_copy.verified_at is None or held.sha256 != output.sha256:
                return False
    return True

def broken():
    return [sentence for _, check in registry.invariants() for sentence in check(deep=True)]

def settle(rounds=4):
    for _ in range(rounds):
        time_passes()
        sweep.sweep()
"""


def run(deployment: Deployment, code: str, fault: str = "") -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which dies at the fault point."""
    return deployment.attempt_code(PRELUDE + code, fault)


def told(deployment: Deployment, code: str) -> dict[str, Any]:
    """What the code left in `answer`."""
    done = run(deployment, f"{code}\nprint(json.dumps(answer))")
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
