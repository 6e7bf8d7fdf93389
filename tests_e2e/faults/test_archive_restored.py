"""Results on S3: refusals, lost events, temporary copies that end, plans that flip. The code is the service's own."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages
from mypy_boto3_s3.client import S3Client
from mypy_boto3_sqs.client import SQSClient

from accounts import plans
from accounts.models import PlanCode, User
from annotations import storage, transitions
from annotations.areas import area
from annotations.claims import Finished, StoredOutput
from annotations.models import JobEvent, OutputKind, Result, StorageState, Upload, UploadStatus
from archival import events, follow_plan, restoring, stores, sweep
from archival.models import ColdCopy, Custody, Recall, Tier
from gas import registry
from gas.clock import database_now, from_now
from gas.models import OutboxMessage
from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.emulators.control import AwsControl

pytestmark = pytest.mark.django_db

CONTENTS = {OutputKind.VCF: b"variants" * 999, OutputKind.TSV: b"table" * 99, OutputKind.SUMMARY: b"{}"}
LARGE = 2
FIVE_MINUTES, FIVE_HOURS, TWO_DAYS = 300, 5 * 3600, 2 * 86_400


@dataclass(frozen=True)
class Cloud:
    """The archive on a bucket of its own, with a queue for restore events."""

    aws: AwsControl
    sqs: SQSClient
    queue_url: str
    bucket: str

    def restores(self) -> list[int]:
        """The answers to all requests for a restore in this bucket."""
        seen = self.aws.requests_seen(rf"POST /{self.bucket}/archive/.*restore")
        return [entry["status"] for entry in seen]

    def waiting_events(self) -> int:
        """Messages in the queue of restore events."""
        counted = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["All"])["Attributes"]
        return int(counted["ApproximateNumberOfMessages"])


@pytest.fixture
def cloud(
    settings, aws: AwsControl, s3: S3Client, sqs: SQSClient, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    for name, value in {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
    }.items():
        monkeypatch.setenv(name, value)
    queue = sqs.create_queue(QueueName=f"restored-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectRestore:Completed"]}]
        },
    )
    sqs.purge_queue(QueueUrl=queue)
    on_s3 = {
        name: {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": bucket,
                "region_name": REGION,
                "location": name,
                "signature_version": "s3v4",
                "addressing_style": "path",
                "object_parameters": {"ServerSideEncryption": "AES256"},
            },
        }
        for name in ("inputs", "results", "archive")
    }
    settings.STORAGES = {**settings.STORAGES, **on_s3}
    settings.SQS_RESTORE_EVENTS_URL, settings.SQS_REGION = queue, REGION
    storages.__dict__["_storages"].clear()
    stores.cold_store.cache_clear()
    events._client.cache_clear()
    yield Cloud(aws, sqs, queue, bucket)
    storages.__dict__["_storages"].clear()
    stores.cold_store.cache_clear()
    events._client.cache_clear()


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("someone@example.org", name="Someone")


@pytest.fixture
def make_result(cloud: Cloud, user: User) -> Callable[[], Result]:
    def make() -> Result:
        upload = Upload.objects.create(
            owner=user,
            storage_key=storage.input_key(user.pk, uuid.uuid4()),
            file_name="patient.vcf",
            max_bytes=5,
            size_bytes=5,
            status=UploadStatus.CONSUMED,
        )
        job = transitions.open_job(
            owner=user, upload=upload, submission_key=uuid.uuid4().hex, name="patient.vcf", reference_name="demo"
        )
        claim = transitions.claim_job(job.pk, "worker")
        assert claim is not None
        outputs = []
        for kind, content in CONTENTS.items():
            key = storage.output_key(claim, kind)
            with tempfile.NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                area("results").store(Path(file.name), key, lambda: None)
            outputs.append(StoredOutput(kind, key, "patient", len(content), hashlib.sha256(content).hexdigest()))
        assert transitions.complete(claim, Finished(outputs, {}, 1, 1, 0, "digest"))
        return Result.objects.get(pk=job.pk)

    return make


@pytest.fixture
def cold(make_result: Callable[[], Result]) -> Result:
    return go_cold(make_result())


def go_cold(result: Result) -> Result:
    Result.objects.filter(pk=result.pk).update(archive_due_at=from_now(timedelta(seconds=-1)))
    sweep.sweep()
    assert state(result) == StorageState.COLD
    return result


def state(result: Result) -> str:
    return Result.objects.values_list("storage", flat=True).get(pk=result.pk)


def set_plan(user: User, code: PlanCode) -> None:
    plans.override(user.pk, code, "for the test", by=user)
    for message in OutboxMessage.objects.filter(kind="plan_changed", status="pending"):
        follow_plan.plan_changed(message)
        OutboxMessage.objects.filter(pk=message.pk).update(status="done", done_at=database_now())


def look_now() -> None:
    Custody.objects.filter(due_at__isnull=False).update(due_at=from_now(timedelta(seconds=-1)))
    sweep.sweep()


def read(result: Result) -> dict[str, bytes]:
    found = {}
    for output in Result.objects.get(pk=result.pk).outputs.all():
        with storage.open_output(output) as stream:
            found[output.kind] = stream.read()
    return found


def broken() -> list[str]:
    checks = [check for name, check in registry.invariants() if name.startswith(("archive", "4"))]
    return [sentence for check in checks for sentence in check(deep=True)]


def test_the_whole_life_on_s3_ends_with_equal_bytes_and_nothing_cold_is_ever_read(cloud, user, cold):
    assert {entry["storage_class"] for entry in cloud.aws.objects() if "/archive/" in f"/{entry['key']}"} >= {"GLACIER"}
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    assert state(cold) == StorageState.RESTORING
    cloud.aws.advance(FIVE_MINUTES)
    look_now()
    assert state(cold) == StorageState.HOT
    assert read(cold) == CONTENTS
    assert cloud.restores() == [202] * LARGE
    assert [seen for seen in cloud.aws.requests_seen(f"GET /{cloud.bucket}/archive") if seen["status"] == 403] == []
    assert broken() == []


def test_refused_expedited_retrievals_become_standard_and_the_new_time_is_shown(cloud, user, cold):
    cloud.aws.refuse_expedited(99)
    set_plan(user, PlanCode.PREMIUM)
    assert Recall.objects.get().tier == Tier.EXPEDITED
    sweep.sweep()
    assert sorted(cloud.restores()) == [202] * LARGE + [503] * LARGE
    row = Result.objects.get(pk=cold.pk)
    assert row.restore_expected_at is not None
    assert timedelta(hours=4, minutes=59) < row.restore_expected_at - database_now() <= timedelta(hours=5)
    cloud.aws.advance(FIVE_HOURS)
    look_now()
    assert state(cold) == StorageState.HOT


def test_a_restore_that_somebody_else_began_is_success(cloud, user, cold, s3):
    key = ColdCopy.objects.filter(output__kind=OutputKind.VCF).values_list("storage_key", flat=True).get()
    s3.restore_object(Bucket=cloud.bucket, Key=f"archive/{key}", RestoreRequest={"Days": 1})
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    assert sorted(cloud.restores()) == [202] * LARGE + [409]
    assert Custody.objects.get(pk=cold.pk).last_error == ""
    cloud.aws.advance(FIVE_HOURS)
    look_now()
    assert state(cold) == StorageState.HOT


def test_an_event_hurries_the_look(cloud, user, cold):
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    due = Custody.objects.get(pk=cold.pk).due_at
    assert due is not None
    assert due > database_now() + timedelta(minutes=4)
    cloud.aws.advance(FIVE_MINUTES)
    cloud.aws.objects()  # any request lets the double's clock act
    assert cloud.waiting_events() == LARGE
    sweep.sweep()
    assert state(cold) == StorageState.HOT
    assert cloud.waiting_events() == 0


def test_without_any_event_the_poll_finds_it_within_15_minutes(cloud, user, cold):
    cloud.aws.drop_events(99)
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    cloud.aws.advance(FIVE_MINUTES)
    due = Custody.objects.get(pk=cold.pk).due_at
    assert due is not None
    assert due - database_now() <= timedelta(minutes=5)
    assert timedelta(minutes=15) >= restoring.POLL
    sweep.sweep()
    assert state(cold) == StorageState.RESTORING
    look_now()
    assert state(cold) == StorageState.HOT
    assert cloud.waiting_events() == 0


def test_an_event_that_lies_changes_nothing(cloud, user, cold):
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    events.hurry(ColdCopy.objects.values_list("storage_key", flat=True))
    sweep.sweep()
    assert state(cold) == StorageState.RESTORING
    assert cloud.restores() == [202] * LARGE


@pytest.mark.parametrize(
    "body",
    ["", "[]", "null", '{"Event": "s3:TestEvent"}', '{"Records": [{"eventName": "ObjectRestore:Completed"}]}', "{"],
)
def test_messages_that_are_no_restore_events_are_taken_out_of_the_queue(cloud, body):
    cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=body or " ")
    sweep.sweep()
    assert cloud.waiting_events() == 0
    assert events.restored_keys(body) == []


def test_a_queue_that_does_not_answer_stops_nothing(cloud, user, cold):
    set_plan(user, PlanCode.PREMIUM)
    cloud.aws.fail_next("SQS ReceiveMessage", times=9, status=500, code="InternalError")
    sweep.sweep()
    assert cloud.restores() == [202] * LARGE


def test_a_temporary_copy_that_ended_before_ours_was_made_is_asked_for_again(cloud, user, cold):
    cloud.aws.drop_events(99)
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    cloud.aws.advance(FIVE_MINUTES + TWO_DAYS)
    look_now()
    assert state(cold) == StorageState.RESTORING
    assert cloud.restores() == [202] * LARGE * 2
    cloud.aws.advance(FIVE_MINUTES)
    look_now()
    assert state(cold) == StorageState.HOT
    assert read(cold) == CONTENTS


def test_upgrade_downgrade_upgrade_is_one_restore_for_each_object(cloud, user, cold):
    for code in (PlanCode.PREMIUM, PlanCode.FREE, PlanCode.PREMIUM):
        set_plan(user, code)
        sweep.sweep()
    assert cloud.restores() == [202] * LARGE
    cloud.aws.advance(FIVE_MINUTES)
    look_now()
    assert state(cold) == StorageState.HOT
    assert Result.objects.get(pk=cold.pk).archive_due_at is None


def test_a_large_set_is_asked_for_by_the_slow_tier_from_the_start(cloud, user, make_result, settings):
    settings.RESTORE_EXPEDITED_MAX_RESULTS = 1
    for _ in range(2):
        go_cold(make_result())
    cloud.aws.refuse_expedited(99)
    set_plan(user, PlanCode.PREMIUM)
    sweep.sweep()
    assert cloud.restores() == [202] * 2 * LARGE
    assert set(ColdCopy.objects.values_list("tier", flat=True)) == {Tier.STANDARD}


def test_s3_that_fails_for_a_while_is_tried_again_and_loses_nothing(cloud, user, make_result):
    result = make_result()
    cloud.aws.fail_next(f"PUT /{cloud.bucket}/archive", times=9, status=500, code="InternalError")
    Result.objects.filter(pk=result.pk).update(archive_due_at=from_now(timedelta(seconds=-1)))
    sweep.sweep()
    assert state(result) == StorageState.ARCHIVING
    assert read(result) == CONTENTS
    cloud.aws.reset()
    look_now()
    assert state(result) == StorageState.COLD
    assert broken() == []


def test_a_copy_whose_answer_was_lost_is_found_and_not_made_twice(cloud, user, make_result):
    result = make_result()
    cloud.aws.fail_next(f"PUT /{cloud.bucket}/archive", times=9, status=500, code="InternalError", after=True)
    Result.objects.filter(pk=result.pk).update(archive_due_at=from_now(timedelta(seconds=-1)))
    sweep.sweep()
    cloud.aws.reset()
    look_now()
    assert state(result) == StorageState.COLD
    assert len(cloud.aws.requests_seen(f"PUT /{cloud.bucket}/archive")) == LARGE - 1
    assert broken() == []


def test_deleting_the_job_deletes_every_version_of_its_cold_objects(cloud, user, make_result, s3):
    s3.put_bucket_versioning(Bucket=cloud.bucket, VersioningConfiguration={"Status": "Enabled"})
    result = go_cold(make_result())
    assert JobEvent.objects.filter(job=result.pk, kind="archived").exists()
    result.job.delete()
    sweep.sweep()
    left = [entry["key"] for entry in cloud.aws.objects() if entry["bucket"] == cloud.bucket]
    assert [key for key in left if key.startswith("archive/")] == []
    # The hot versions went when the result went cold: only what never goes cold is left.
    assert [key for key in left if key.startswith("results/") and not key.endswith("/summary")] == []
