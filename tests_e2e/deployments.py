"""Deployments to hurt: `local` (SQLite, files) and `emulated` (PostgreSQL, SQS, S3, SMTP).

What takes long is made once: the reference, the migrated SQLite database and the static files for the
whole run, the migrated PostgreSQL database for each process of the test run.
"""

from __future__ import annotations

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import psycopg
from psycopg import sql

from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.emulators.loopback import HOST, free_port
from tests_e2e.emulators.postgres import Postgres
from tests_e2e.service import QUICK_CLOCKS, Deployment

LOCAL = {"GAS_PROFILE": "local"}
NOT_COPIED = shutil.ignore_patterns("*.log", "run.lock")


@dataclass(frozen=True)
class Templates:
    """What new deployments are copied from."""

    folder: Path  # of the local profile, migrated
    references: Path
    postgres_database: str = ""  # migrated; "": not made yet


@dataclass(frozen=True)
class Doors:
    """Where a deployment finds the outside world; a proxy's port may stand in for the real one."""

    aws_url: str
    postgres: Postgres
    smtp_port: int
    database_port: int | None = None
    s3_url: str | None = None
    sqs_url: str | None = None


def prepared(shared: Path) -> Templates:
    """A state folder of the local profile, prepared once for all processes of the test run, beside the references."""
    references, folder = shared / "references", shared / "template"
    with (shared / "references.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The reference comes last: where it is, the rest is.
        if not (references / "demo" / "manifest.json").exists():
            Deployment(folder, _settings(references, LOCAL)).prepare()
    return Templates(folder, references)


@contextmanager
def local(templates: Templates, folder: Path, **settings: str) -> Iterator[Deployment]:
    """A deployment of the local profile; nothing of it runs any more at the end."""
    shutil.copytree(templates.folder, folder, ignore=NOT_COPIED)
    deployment = Deployment(folder, _settings(templates.references, {**LOCAL, **settings}))
    try:
        yield deployment
    finally:
        deployment.kill_all()


@contextmanager
def on_postgres(templates: Templates, server: Postgres, folder: Path, **settings: str) -> Iterator[Deployment]:
    """The local profile with PostgreSQL instead of SQLite."""
    database = _copy_database(templates, server)
    url = server.url(database)
    with local(templates, folder, GAS_DATABASE_URL=url, **settings) as deployment:
        deployment.database = url
        yield deployment


@contextmanager
def emulated(templates: Templates, doors: Doors, folder: Path, **settings: str) -> Iterator[Deployment]:
    """A deployment of the emulated profile with a bucket, queues and a database of its own."""
    shutil.copytree(templates.folder, folder, ignore=NOT_COPIED)
    database = _copy_database(templates, doors.postgres)
    environment = {
        "GAS_PROFILE": "emulated",
        "GAS_DATABASE_URL": doors.postgres.url(database, doors.database_port),
        "GAS_MAIL": "smtp",
        "GAS_SMTP_HOST": HOST,
        "GAS_SMTP_PORT": str(doors.smtp_port),
        "GAS_SMTP_TLS": "false",
        "GAS_WEB_WORKERS": "1",
        "GAS_SQS_WAIT_SECONDS": "1",
        # A worker takes about four messages a second from SQS: sweeps that come faster expire unread.
        "GAS_SWEEP_SECONDS": "2.5",
        **credentials(doors),
        **settings,
    }
    deployment = Deployment(folder, _settings(templates.references, environment), doors.postgres.url(database))
    deployment.environment.update(_make_cloud(doors, deployment.url))
    try:
        yield deployment
    finally:
        deployment.kill_all()


def migrated_database(server: Postgres, folder: Path, references: Path) -> str:
    """The name of a migrated database to copy."""
    name = server.create_database()
    environment = {**LOCAL, "GAS_DATABASE_URL": server.url(name)}
    Deployment(folder, _settings(references, environment)).manage("migrate", "--verbosity=0")
    return name


def credentials(doors: Doors) -> dict[str, str]:
    """boto3's own variables for the AWS double."""
    return {
        "AWS_ENDPOINT_URL": doors.aws_url,
        "AWS_ENDPOINT_URL_S3": doors.s3_url or doors.aws_url,
        "AWS_ENDPOINT_URL_SQS": doors.sqs_url or doors.aws_url,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _make_cloud(doors: Doors, page_origin: str) -> dict[str, str]:
    """A private bucket that the pages may post to, and the queues; their settings."""
    name = f"gas-{uuid.uuid4().hex[:12]}"
    session = boto3.Session(CREDENTIALS.access_key, CREDENTIALS.secret_key, region_name=REGION)
    s3 = session.client("s3", endpoint_url=doors.aws_url)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_cors(
        Bucket=name,
        CORSConfiguration={
            "CORSRules": [{"AllowedOrigins": [page_origin], "AllowedMethods": ["POST"], "AllowedHeaders": ["*"]}]
        },
    )
    sqs = session.client("sqs", endpoint_url=doors.aws_url)
    urls = {
        queue: sqs.create_queue(QueueName=f"{name}-{queue}")["QueueUrl"].replace(
            doors.aws_url, doors.sqs_url or doors.aws_url
        )
        for queue in ("annotate", "control")
    }
    return {
        "GAS_S3_BUCKET": name,
        "GAS_S3_REGION": REGION,
        "GAS_S3_ORIGIN": doors.s3_url or doors.aws_url,
        "GAS_SQS_REGION": REGION,
        "GAS_SQS_ANNOTATE_URL": urls["annotate"],
        "GAS_SQS_CONTROL_URL": urls["control"],
    }


def _copy_database(templates: Templates, server: Postgres) -> str:
    name = f"gas_{uuid.uuid4().hex[:12]}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(templates.postgres_database)))
    return name


def _settings(references: Path, settings: dict[str, str]) -> dict[str, str]:
    port = str(free_port())
    return {**QUICK_CLOCKS, "GAS_REFERENCES_DIR": str(references), "GAS_PORT": port, **settings}
