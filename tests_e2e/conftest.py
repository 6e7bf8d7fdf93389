"""What the tests with several processes share: the doubles, and what is missing here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_s3.client import S3Client
from mypy_boto3_sqs.client import SQSClient

from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.emulators.control import AwsControl
from tests_e2e.emulators.loopback import run_module


@pytest.fixture(scope="session")
def aws_process() -> Iterator[str]:
    """The address of one AWS double for all tests of this process."""
    with run_module("tests_e2e.emulators.aws") as url:
        yield url


@pytest.fixture
def aws(aws_process: str) -> AwsControl:
    """The AWS double, with real time and no rules."""
    control = AwsControl(aws_process)
    control.reset()
    return control


@pytest.fixture
def s3(aws: AwsControl) -> S3Client:
    """boto3's own client; one try, so that a refusal is seen and not repeated."""
    return boto3.client(
        "s3",
        endpoint_url=aws.url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        config=Config(retries={"total_max_attempts": 1}, signature_version="s3v4"),
    )


@pytest.fixture
def sqs(aws: AwsControl) -> SQSClient:
    """boto3's own client for the queues."""
    return boto3.client(
        "sqs",
        endpoint_url=aws.url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def bucket(s3: S3Client) -> str:
    """A new private bucket."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name
