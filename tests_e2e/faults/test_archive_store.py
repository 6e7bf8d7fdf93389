"""The archive's S3 store, by real boto3 calls, against a double that refuses what AWS refuses."""

from __future__ import annotations

import hashlib

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3.client import S3Client
from storages.backends.s3 import S3Storage

from annotations.areas import StorageAwayError
from archival import s3_store
from archival.models import Tier
from archival.s3_store import S3Store
from archival.stores import Held, NotReadableError, NotThereError, Stage, TierRefusedError
from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.emulators.control import AwsControl

CONTENT = b"annotated variants" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
HELD = Held(len(CONTENT), SHA)
FIVE_MINUTES, FIVE_HOURS, TWO_DAYS = 300, 5 * 3600, 2 * 86_400


def storage(url: str, bucket: str, location: str, **parameters: str) -> S3Storage:
    return S3Storage(
        bucket_name=bucket,
        location=location,
        endpoint_url=url,
        region_name=REGION,
        access_key=CREDENTIALS.access_key,
        secret_key=CREDENTIALS.secret_key,
        signature_version="s3v4",
        addressing_style="path",
        object_parameters={"ServerSideEncryption": "AES256", **parameters},
    )


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's own client finds the credentials where boto3 looks for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_key)


@pytest.fixture
def store(aws: AwsControl, bucket: str, s3: S3Client, keys: None) -> S3Store:
    s3.put_object(Bucket=bucket, Key="results/a/vcf", Body=CONTENT)
    return S3Store(storage(aws.url, bucket, "results"), storage(aws.url, bucket, "archive"), "GLACIER")


@pytest.fixture
def cold(store: S3Store) -> S3Store:
    store.put("a/vcf", "a/vcf", SHA)
    store.remove_hot("a/vcf")
    return store


def test_a_copy_lies_in_the_cold_class_under_the_archives_prefix_with_its_own_sha256(store, bucket, s3):
    assert store.put("a/vcf", "a/vcf", SHA) == HELD
    head = s3.head_object(Bucket=bucket, Key="archive/a/vcf", ChecksumMode="ENABLED")
    assert head["StorageClass"] == "GLACIER"
    assert head["ServerSideEncryption"] == "AES256"
    assert store.find("a/vcf") == HELD
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="archive/a/vcf")
    assert refused.value.response["Error"]["Code"] == "InvalidObjectState"


def test_an_object_that_changed_on_the_way_shows_another_checksum(store, bucket, s3):
    s3.put_object(Bucket=bucket, Key="results/a/vcf", Body=b"something else")
    held = store.put("a/vcf", "a/vcf", SHA)
    assert held.sha256 == hashlib.sha256(b"something else").hexdigest()
    assert held != HELD


def test_the_key_of_the_results_encryption_is_kept(aws, bucket, s3, keys):
    kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:1:key/k"}
    store = S3Store(storage(aws.url, bucket, "results", **kms), storage(aws.url, bucket, "archive", **kms), "GLACIER")
    s3.put_object(Bucket=bucket, Key="results/a/vcf", Body=CONTENT)
    store.put("a/vcf", "a/vcf", SHA)
    head = s3.head_object(Bucket=bucket, Key="archive/a/vcf")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", kms["SSEKMSKeyId"])


def test_a_cold_object_comes_back_after_its_time_byte_for_byte(cold, aws, bucket, s3):
    assert cold.look("a/vcf") is Stage.COLD
    with pytest.raises(NotReadableError):
        cold.bring_back("a/vcf", "a/vcf.1", SHA)
    assert cold.ask("a/vcf", Tier.EXPEDITED) is Stage.ONGOING
    assert cold.look("a/vcf") is Stage.ONGOING
    aws.advance(FIVE_MINUTES)
    assert cold.look("a/vcf") is Stage.READY
    assert cold.bring_back("a/vcf", "a/vcf.1", SHA) == HELD
    back = s3.get_object(Bucket=bucket, Key="results/a/vcf.1")
    assert back["Body"].read() == CONTENT
    assert back.get("StorageClass", "STANDARD") == "STANDARD"


def test_a_restore_that_is_under_way_or_done_is_no_error(cold, aws):
    assert cold.ask("a/vcf", Tier.STANDARD) is Stage.ONGOING
    assert cold.ask("a/vcf", Tier.STANDARD) is Stage.ONGOING
    aws.advance(FIVE_HOURS)
    assert cold.ask("a/vcf", Tier.STANDARD) is Stage.READY


def test_a_temporary_copy_that_ended_is_cold_again(cold, aws):
    cold.ask("a/vcf", Tier.EXPEDITED)
    aws.advance(FIVE_MINUTES + TWO_DAYS)
    assert cold.look("a/vcf") is Stage.COLD
    with pytest.raises(NotReadableError):
        cold.bring_back("a/vcf", "a/vcf.1", SHA)


def test_a_refused_expedited_retrieval_is_asked_once_and_told(cold, aws, bucket):
    aws.refuse_expedited(1)
    with pytest.raises(TierRefusedError):
        cold.ask("a/vcf", Tier.EXPEDITED)
    assert [seen["status"] for seen in aws.requests_seen("restore")] == [503]
    assert cold.ask("a/vcf", Tier.STANDARD) is Stage.ONGOING


def test_deep_archive_knows_no_expedited_retrieval(aws, bucket, s3, keys):
    s3.put_object(Bucket=bucket, Key="results/a/vcf", Body=CONTENT)
    deep = S3Store(storage(aws.url, bucket, "results"), storage(aws.url, bucket, "archive"), "DEEP_ARCHIVE")
    deep.put("a/vcf", "a/vcf", SHA)
    assert s3.head_object(Bucket=bucket, Key="archive/a/vcf")["StorageClass"] == "DEEP_ARCHIVE"
    with pytest.raises(TierRefusedError):
        deep.ask("a/vcf", Tier.EXPEDITED)
    assert deep.ask("a/vcf", Tier.STANDARD) is Stage.ONGOING
    assert deep.expected(Tier.STANDARD).total_seconds() == 12 * 3600


def test_another_503_is_storage_away_and_no_refusal_of_the_tier(cold, aws):
    aws.fail_next("restore", status=503, code="SlowDown")
    with pytest.raises(StorageAwayError):
        cold.ask("a/vcf", Tier.EXPEDITED)


def test_what_is_missing_is_said_to_be_missing(store):
    assert store.find("no") is None
    assert store.find_hot("no") is None
    assert store.look("no") is Stage.MISSING
    for call in (
        lambda: store.ask("no", Tier.STANDARD),
        lambda: store.put("no", "no", SHA),
        lambda: store.bring_back("no", "no", SHA),
    ):
        with pytest.raises(NotThereError):
            call()


def test_objects_above_the_limit_of_a_copy_pass_through_and_keep_the_sha256_of_the_whole(
    aws, bucket, s3, keys, monkeypatch
):
    monkeypatch.setattr(s3_store, "PART_BYTES", 5 << 20)
    large = bytes(range(256)) * (12 << 12)  # 12 MiB: three parts
    sha256 = hashlib.sha256(large).hexdigest()
    s3.put_object(Bucket=bucket, Key="results/a/vcf", Body=large)
    areas = storage(aws.url, bucket, "results"), storage(aws.url, bucket, "archive")
    store = S3Store(*areas, "GLACIER", largest_copy=1 << 20)
    assert store.put("a/vcf", "a/vcf", sha256) == Held(len(large), sha256)
    assert s3.head_object(Bucket=bucket, Key="archive/a/vcf")["StorageClass"] == "GLACIER"
    store.ask("a/vcf", Tier.EXPEDITED)
    aws.advance(FIVE_MINUTES)
    assert store.bring_back("a/vcf", "a/vcf.1", sha256) == Held(len(large), sha256)
    assert s3.get_object(Bucket=bucket, Key="results/a/vcf.1")["Body"].read() == large


def test_a_large_object_with_other_bytes_is_not_completed_and_leaves_no_upload(aws, bucket, s3, keys):
    s3.put_object(Bucket=bucket, Key="results/a/vcf", Body=CONTENT)
    areas = storage(aws.url, bucket, "results"), storage(aws.url, bucket, "archive")
    store = S3Store(*areas, "GLACIER", largest_copy=10)
    with pytest.raises(StorageAwayError, match="something else"):
        store.put("a/vcf", "a/vcf", hashlib.sha256(b"other").hexdigest())
    assert store.find("a/vcf") is None
    assert [upload for upload in aws.incomplete_uploads() if upload["bucket"] == bucket] == []


def test_in_a_versioned_bucket_every_version_of_exactly_this_key_goes(aws, bucket, s3, store):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(3):
        store.put("a/vcf", "a/vcf", SHA)
    store.put("a/vcf", "a/vcf_index", SHA)
    s3.delete_object(Bucket=bucket, Key="archive/a/vcf")
    store.remove_cold("a/vcf")
    store.remove_cold("a/vcf")
    left = [entry["key"] for entry in aws.objects() if entry["bucket"] == bucket and "archive" in entry["key"]]
    assert left == ["archive/a/vcf_index"]
    listed = s3.list_object_versions(Bucket=bucket, Prefix="archive/a/vcf")
    assert [entry["Key"] for entry in listed.get("DeleteMarkers", [])] == []


def test_the_keys_of_the_cold_store_are_listed_in_pages(cold, bucket, s3):
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"archive/b/{number}", Body=b"x")
    assert cold.cold_keys("", 2) == ["a/vcf", "b/0"]
    assert cold.cold_keys("b/0", 2) == ["b/1", "b/2"]
    assert cold.cold_keys("b/2", 2) == []


def test_a_store_that_cannot_be_reached_is_away(bucket, keys):
    far = storage("http://127.0.0.1:9", bucket, "archive")
    store = S3Store(far, far, "GLACIER")
    with pytest.raises(StorageAwayError):
        store.ask("a/vcf", Tier.STANDARD)
