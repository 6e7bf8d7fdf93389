"""What the tests with several processes share: the doubles, and what is missing here."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_s3.client import S3Client
from mypy_boto3_sqs.client import SQSClient

from tests_e2e import deployments
from tests_e2e.deployments import Doors, Templates
from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.emulators.control import AwsControl
from tests_e2e.emulators.loopback import run_module
from tests_e2e.emulators.postgres import MissingPostgresError, Postgres, run_postgres
from tests_e2e.emulators.smtp import SmtpSink
from tests_e2e.service import Deployment


def skip_or_fail(reason: str) -> NoReturn:
    """Skip what this machine lacks; where everything is required, fail."""
    if os.environ.get("REQUIRE_ALL_TESTS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this process; each makes its own database."""
    try:
        with run_postgres() as server:
            yield server
    except MissingPostgresError as missing:
        skip_or_fail(str(missing))


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """What deployments of the local profile are copied from."""
    # With several processes each has a folder of its own below a common one.
    own = tmp_path_factory.getbasetemp()
    return deployments.prepared(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def postgres_templates(templates: Templates, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The same, with a migrated PostgreSQL database."""
    folder = tmp_path_factory.mktemp("postgres-template")
    database = deployments.migrated_database(postgres, folder, templates.references)
    return replace(templates, postgres_database=database)


@pytest.fixture
def local(templates: Templates, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment of the local profile; nothing runs yet."""
    with deployments.local(templates, tmp_path / "var") as deployment:
        yield deployment


@pytest.fixture
def smtp() -> Iterator[SmtpSink]:
    """A mail server."""
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def doors(aws: AwsControl, postgres: Postgres, smtp: SmtpSink) -> Doors:
    """The outside world of an emulated deployment."""
    return Doors(aws.url, postgres, smtp.port)


@pytest.fixture
def emulated(postgres_templates: Templates, doors: Doors, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment of the emulated profile; nothing runs yet."""
    with deployments.emulated(postgres_templates, doors, tmp_path / "var") as deployment:
        yield deployment
