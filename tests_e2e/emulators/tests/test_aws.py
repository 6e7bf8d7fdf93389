"""The AWS double refuses what AWS refuses: asked with boto3 and plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from mypy_boto3_s3.client import S3Client
from mypy_boto3_sqs.client import SQSClient

from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.emulators.control import AwsControl
from tests_e2e.emulators.loopback import HOST

BODY = b"##fileformat=VCFv4.2\n"
POLICY_FIELDS = {"Content-Type": "text/plain", "x-amz-server-side-encryption": "aws:kms"}


def refusal_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def presign_post(s3: S3Client, bucket: str, expires: int = 60, largest: int = 100) -> dict[str, Any]:
    return s3.generate_presigned_post(
        Bucket=bucket,
        Key="inputs/one",
        Fields=dict(POLICY_FIELDS),
        Conditions=[["content-length-range", 1, largest], *({name: value} for name, value in POLICY_FIELDS.items())],
        ExpiresIn=expires,
    )


def send_post(
    post: dict[str, Any], body: bytes = BODY, changed: dict[str, str | None] | None = None
) -> requests.Response:
    fields = {name: value for name, value in {**post["fields"], **(changed or {})}.items() if value is not None}
    return requests.post(post["url"], data=fields, files={"file": ("in.vcf", body)}, timeout=10)


def test_a_presigned_post_stores_the_file_with_its_type_and_encryption(s3: S3Client, bucket: str) -> None:
    answer = send_post(presign_post(s3, bucket))
    assert answer.status_code == 204
    head = s3.head_object(Bucket=bucket, Key="inputs/one")
    assert head["ContentLength"] == len(BODY)
    assert head["ContentType"] == "text/plain"
    assert head["ServerSideEncryption"] == "aws:kms"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"key": "inputs/two"}, "AccessDenied"),
        ({"Content-Type": "text/html"}, "AccessDenied"),
        ({"Content-Type": None}, "AccessDenied"),
        ({"x-amz-server-side-encryption": "AES256"}, "AccessDenied"),
        ({"x-amz-server-side-encryption": None}, "AccessDenied"),
        ({"x-amz-storage-class": "GLACIER"}, "AccessDenied"),
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": None}, "AccessDenied"),
        ({"x-amz-credential": f"AKIAOTHER/20260101/{REGION}/s3/aws4_request"}, "InvalidAccessKeyId"),
        ({"policy": base64.b64encode(b'{"conditions": []}').decode()}, "SignatureDoesNotMatch"),
    ],
)
def test_a_presigned_post_with_a_bent_field_stores_nothing(
    s3: S3Client, aws: AwsControl, bucket: str, changed: dict[str, str | None], code: str
) -> None:
    answer = send_post(presign_post(s3, bucket), changed=changed)
    assert answer.status_code == 403
    assert f"<Code>{code}</Code>" in answer.text
    assert not [stored for stored in aws.objects() if stored["bucket"] == bucket]


@pytest.mark.parametrize(("size", "code"), [(0, "EntityTooSmall"), (100, None), (101, "EntityTooLarge")])
def test_a_presigned_post_keeps_to_the_size_it_was_made_for(
    s3: S3Client, bucket: str, size: int, code: str | None
) -> None:
    answer = send_post(presign_post(s3, bucket), b"x" * size)
    if code is None:
        assert answer.status_code == 204
    else:
        assert answer.status_code == 400
        assert f"<Code>{code}</Code>" in answer.text


def test_a_presigned_post_for_one_bucket_is_refused_by_another(s3: S3Client, bucket: str) -> None:
    post = presign_post(s3, bucket)
    s3.create_bucket(Bucket=bucket + "-other")
    post["url"] = post["url"].replace(bucket, bucket + "-other")
    assert send_post(post).status_code == 403


def test_a_presigned_post_ends_with_its_time(s3: S3Client, aws: AwsControl, bucket: str) -> None:
    post = presign_post(s3, bucket, expires=60)
    aws.advance(61)
    answer = send_post(post)
    assert answer.status_code == 403
    assert "Policy expired" in answer.text


def test_a_presigned_get_is_good_for_its_time_and_its_object(s3: S3Client, aws: AwsControl, bucket: str) -> None:
    for key in ("one", "two"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    disposition = 'attachment; filename="a b.vcf.gz"'
    url = s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": bucket, "Key": "one", "ResponseContentDisposition": disposition},
        ExpiresIn=300,
    )
    answer = requests.get(url, timeout=10)
    assert answer.content == b"one"
    assert answer.headers["Content-Disposition"] == disposition
    assert requests.get(url.replace("/one?", "/two?"), timeout=10).status_code == 403
    assert requests.get(url.replace("attachment", "inline"), timeout=10).status_code == 403
    assert requests.delete(url, timeout=10).status_code == 403
    aws.advance(301)
    expired = requests.get(url, timeout=10)
    assert expired.status_code == 403
    assert "Request has expired" in expired.text


def test_a_bucket_is_private(s3: S3Client, aws: AwsControl, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="one", Body=BODY)
    for method, path in (("GET", "/one"), ("GET", ""), ("PUT", "/two"), ("DELETE", "/one"), ("HEAD", "/one")):
        assert requests.request(method, f"{aws.url}/{bucket}{path}", timeout=10).status_code == 403
    assert s3.get_object(Bucket=bucket, Key="one")["Body"].read() == BODY


@pytest.mark.parametrize(
    ("access_key", "secret_key", "code"),
    [
        (CREDENTIALS.access_key, "wrong", "SignatureDoesNotMatch"),
        ("AKIAOTHER", CREDENTIALS.secret_key, "InvalidAccessKeyId"),
    ],
)
def test_a_wrong_credential_opens_nothing(
    s3: S3Client, bucket: str, access_key: str, secret_key: str, code: str
) -> None:
    s3.put_object(Bucket=bucket, Key="one", Body=BODY)
    stranger = boto3.client(
        "s3",
        endpoint_url=s3.meta.endpoint_url,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )
    with pytest.raises(ClientError) as caught:
        stranger.get_object(Bucket=bucket, Key="one")
    assert refusal_of(caught) == (403, code)


def test_signatures_hold_for_keys_with_odd_characters(s3: S3Client, bucket: str) -> None:
    for key in ("a b/c+d&e=f", "naïve~(1).vcf.gz", "50%2F"):
        s3.put_object(Bucket=bucket, Key=key, Body=BODY)
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == BODY


def test_a_large_upload_in_parts_arrives_whole(s3: S3Client, aws: AwsControl, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", ServerSideEncryption="aws:kms")
    assert [(u["bucket"], u["key"]) for u in aws.incomplete_uploads() if u["bucket"] == bucket] == [(bucket, "big")]
    bodies = [b"a" * (5 << 20), b"b" * 10]
    parts = [
        {
            "PartNumber": n,
            "ETag": s3.upload_part(Bucket=bucket, Key="big", UploadId=upload["UploadId"], PartNumber=n, Body=body)[
                "ETag"
            ],
        }
        for n, body in enumerate(bodies, 1)
    ]
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="big",
        UploadId=upload["UploadId"],
        MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
    )
    assert not [u for u in aws.incomplete_uploads() if u["bucket"] == bucket]
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"".join(bodies)


def test_a_copy_has_the_checksum_of_its_bytes(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="one", Body=BODY)
    s3.copy_object(
        Bucket=bucket,
        Key="two",
        CopySource={"Bucket": bucket, "Key": "one"},
        StorageClass="GLACIER",
        ChecksumAlgorithm="SHA256",
        ServerSideEncryption="aws:kms",
    )
    head = s3.head_object(Bucket=bucket, Key="two", ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumSHA256"]) == hashlib.sha256(BODY).digest()
    assert head["StorageClass"] == "GLACIER"
    assert head["ServerSideEncryption"] == "aws:kms"


def test_a_page_may_post_only_from_an_origin_the_bucket_allows(s3: S3Client, aws: AwsControl, bucket: str) -> None:
    page = {"Origin": "http://localhost:8000", "Access-Control-Request-Method": "POST"}
    address = f"{aws.url}/{bucket}"
    assert requests.options(address, headers=page, timeout=10).status_code == 403
    rule: Any = {"AllowedOrigins": [page["Origin"]], "AllowedMethods": ["POST"], "AllowedHeaders": ["content-type"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    allowed = requests.options(address, headers=page, timeout=10)
    assert allowed.headers["Access-Control-Allow-Origin"] == page["Origin"]
    for other in (
        {"Origin": "http://evil.example"},
        {"Access-Control-Request-Method": "PUT"},
        {"Access-Control-Request-Headers": "x-secret"},
    ):
        assert requests.options(address, headers={**page, **other}, timeout=10).status_code == 403


def test_failures_come_as_often_as_asked(s3: S3Client, aws: AwsControl, bucket: str) -> None:
    aws.fail_next("^PUT .*/one", times=2, status=503)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket=bucket, Key="one", Body=BODY)
        assert refusal_of(caught) == (503, "SlowDown")
    s3.put_object(Bucket=bucket, Key="one", Body=BODY)
    assert [seen["status"] for seen in aws.requests_seen(f"PUT /{bucket}/one")] == [503, 503, 200]


def test_an_answer_can_be_lost_after_the_work_was_done(s3: S3Client, aws: AwsControl, bucket: str) -> None:
    aws.fail_next("^PUT .*/one", status=500, code="InternalError", after=True)
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="one", Body=BODY)
    assert refusal_of(caught) == (500, "InternalError")
    assert s3.get_object(Bucket=bucket, Key="one")["Body"].read() == BODY


def test_a_message_is_taken_by_one_of_many_receivers(sqs: SQSClient, bucket: str) -> None:
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    for number in range(20):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    taken: list[str] = []

    def receive() -> None:
        while messages := sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=0).get("Messages"):
            taken.extend(message["Body"] for message in messages)

    threads = [threading.Thread(target=receive) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=int) == [str(number) for number in range(20)]


def test_a_receiver_that_went_away_takes_no_message_with_it(sqs: SQSClient, aws: AwsControl, bucket: str) -> None:
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    impatient = boto3.client(
        "sqs",
        endpoint_url=aws.url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ReadTimeoutError):
        impatient.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=2)["Messages"]
    assert [message["Body"] for message in messages] == ["hello"]


def test_a_rejected_message_ends_in_the_dead_letter_queue(sqs: SQSClient, bucket: str) -> None:
    dead = sqs.create_queue(QueueName=bucket + "-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    queue = sqs.create_queue(QueueName=bucket, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "poison"


def test_an_unknown_switch_is_refused(aws: AwsControl) -> None:
    assert requests.post(f"{aws.url}/_emulator/unknown", json={}, timeout=10).status_code == 400
    assert aws.url.startswith(f"http://{HOST}:")
