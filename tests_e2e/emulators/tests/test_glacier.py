"""Cold objects stay cold until their restore is done, and go cold again."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3.client import S3Client
from mypy_boto3_sqs.client import SQSClient

from tests_e2e.emulators.control import AwsControl
from tests_e2e.emulators.tests.test_aws import BODY, refusal_of

Tier = Literal["Bulk", "Expedited", "Standard"]
DAY = 24 * 3600


@pytest.fixture
def cold(s3: S3Client, bucket: str) -> dict[str, Any]:
    """An object in GLACIER: its Bucket and Key."""
    s3.put_object(Bucket=bucket, Key="archive/one", Body=BODY, StorageClass="GLACIER")
    return {"Bucket": bucket, "Key": "archive/one"}


def restore(s3: S3Client, cold: dict[str, Any], tier: Tier = "Standard", days: int = 1) -> int:
    request: Any = {"Days": days, "GlacierJobParameters": {"Tier": tier}}
    answer = s3.restore_object(**cold, RestoreRequest=request)
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def restore_state(s3: S3Client, cold: dict[str, Any]) -> str | None:
    return s3.head_object(**cold).get("Restore")


def test_a_cold_object_can_be_neither_read_nor_copied(s3: S3Client, cold: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        s3.get_object(**cold)
    assert refusal_of(caught) == (403, "InvalidObjectState")
    with pytest.raises(ClientError) as caught:
        s3.copy_object(Bucket=cold["Bucket"], Key="results/one", CopySource=f"{cold['Bucket']}/{cold['Key']}")
    assert refusal_of(caught) == (403, "ObjectNotInActiveTierError")
    upload = s3.create_multipart_upload(Bucket=cold["Bucket"], Key="results/one")
    with pytest.raises(ClientError) as caught:
        s3.upload_part_copy(
            Bucket=cold["Bucket"],
            Key="results/one",
            UploadId=upload["UploadId"],
            PartNumber=1,
            CopySource=f"{cold['Bucket']}/{cold['Key']}",
        )
    assert refusal_of(caught) == (403, "ObjectNotInActiveTierError")
    assert restore_state(s3, cold) is None


@pytest.mark.parametrize(("tier", "seconds"), [("Expedited", 300), ("Standard", 5 * 3600), ("Bulk", 12 * 3600)])
def test_a_restore_takes_its_time_and_the_copy_ends(
    s3: S3Client, aws: AwsControl, cold: dict[str, Any], tier: Tier, seconds: int
) -> None:
    assert restore(s3, cold, tier) == 202
    aws.advance(seconds - 30)
    assert restore_state(s3, cold) == 'ongoing-request="true"'
    with pytest.raises(ClientError) as caught:
        s3.get_object(**cold)
    assert refusal_of(caught) == (403, "InvalidObjectState")
    aws.advance(31)
    state = restore_state(s3, cold)
    assert state is not None
    assert state.startswith('ongoing-request="false", expiry-date="')
    assert s3.get_object(**cold)["Body"].read() == BODY
    s3.copy_object(Bucket=cold["Bucket"], Key="results/one", CopySource=f"{cold['Bucket']}/{cold['Key']}")
    aws.advance(2 * DAY)
    assert restore_state(s3, cold) is None
    with pytest.raises(ClientError):
        s3.get_object(**cold)
    assert s3.head_object(**cold)["StorageClass"] == "GLACIER"
    assert s3.get_object(Bucket=cold["Bucket"], Key="results/one")["Body"].read() == BODY


def test_asking_twice_is_told_apart_from_asking_once(s3: S3Client, aws: AwsControl, cold: dict[str, Any]) -> None:
    assert restore(s3, cold) == 202
    with pytest.raises(ClientError) as caught:
        restore(s3, cold)
    assert refusal_of(caught) == (409, "RestoreAlreadyInProgress")
    aws.advance(5 * 3600 + 1)
    before = restore_state(s3, cold)
    assert restore(s3, cold, days=5) == 200
    assert restore_state(s3, cold) != before


def test_expedited_is_refused_as_often_as_told(s3: S3Client, aws: AwsControl, cold: dict[str, Any]) -> None:
    aws.refuse_expedited(2)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            restore(s3, cold, "Expedited")
        assert refusal_of(caught) == (503, "GlacierExpeditedRetrievalNotAvailable")
        assert restore_state(s3, cold) is None
    assert restore(s3, cold, "Expedited") == 202


def test_what_glacier_does_not_offer_is_refused(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="deep", Body=BODY, StorageClass="DEEP_ARCHIVE")
    with pytest.raises(ClientError) as caught:
        restore(s3, {"Bucket": bucket, "Key": "deep"}, "Expedited")
    assert refusal_of(caught) == (400, "InvalidRequest")
    s3.put_object(Bucket=bucket, Key="hot", Body=BODY)
    with pytest.raises(ClientError) as caught:
        restore(s3, {"Bucket": bucket, "Key": "hot"})
    assert refusal_of(caught) == (403, "InvalidObjectState")
    with pytest.raises(ClientError) as caught:
        restore(s3, {"Bucket": bucket, "Key": "absent"})
    assert refusal_of(caught) == (404, "NoSuchKey")


def test_an_overwritten_object_is_not_restored_by_the_old_request(
    s3: S3Client, aws: AwsControl, cold: dict[str, Any]
) -> None:
    restore(s3, cold)
    s3.put_object(**cold, Body=b"new", StorageClass="GLACIER")
    assert restore_state(s3, cold) is None
    aws.advance(6 * 3600)
    with pytest.raises(ClientError):
        s3.get_object(**cold)


def test_the_end_of_a_restore_is_announced_once_or_lost(
    s3: S3Client, sqs: SQSClient, aws: AwsControl, bucket: str, cold: dict[str, Any]
) -> None:
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectRestore:Completed"]}]
        },
    )
    sqs.purge_queue(QueueUrl=queue)
    restore(s3, cold)
    aws.advance(6 * 3600)
    bodies = [json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]]
    records = [record for body in bodies for record in body["Records"]]
    assert [(r["eventName"], r["s3"]["object"]["key"]) for r in records] == [
        ("ObjectRestore:Completed", "archive%2Fone")
    ]
    s3.put_object(Bucket=bucket, Key="archive/two", Body=BODY, StorageClass="GLACIER")
    aws.drop_events(1)
    restore(s3, {"Bucket": bucket, "Key": "archive/two"})
    aws.advance(6 * 3600)
    assert s3.get_object(Bucket=bucket, Key="archive/two")["Body"].read() == BODY
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=queue).get("Messages", [])] == []


def test_versions_are_restored_one_by_one(s3: S3Client, aws: AwsControl, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = [
        s3.put_object(Bucket=bucket, Key="one", Body=body, StorageClass="GLACIER")["VersionId"]
        for body in (b"old", b"new")
    ]
    request: Any = {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}
    s3.restore_object(Bucket=bucket, Key="one", VersionId=versions[0], RestoreRequest=request)
    aws.advance(301)
    assert s3.get_object(Bucket=bucket, Key="one", VersionId=versions[0])["Body"].read() == b"old"
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key="one", VersionId=versions[1])
