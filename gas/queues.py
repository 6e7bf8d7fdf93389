"""What lies in the queues: doorbells that wait, and those that nobody could use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


def waiting() -> dict[str, int]:
    """How many messages wait, by queue; SQS counts roughly."""
    if settings.BROKER == "sqs":
        client = _client()
        urls = {"annotate": settings.SQS_ANNOTATE_URL, "control": settings.SQS_CONTROL_URL}
        return {name: _count(client, url) for name, url in urls.items()}
    counts = {"annotate": 0, "control": 0}
    for name in os.listdir(messages_folder()):
        if not name.startswith(".") and (queue := name.split(".")[-2]) in counts:
            counts[queue] += 1
    return counts


def dead_letters() -> int:
    """How many messages lie in the dead-letter queues; files have none."""
    if settings.BROKER != "sqs":
        return 0
    client = _client()
    return sum(_count(client, url) for url in settings.SQS_DEAD_LETTER_URLS)


def messages_folder() -> Path:
    """Where the file broker's messages wait; made if it is missing."""
    folder: Path = settings.CELERY_BROKER_DIR / "messages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _client() -> SQSClient:
    import boto3  # a third of a second that most processes need not spend
    from botocore.config import Config

    limits = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
    return boto3.client("sqs", region_name=settings.SQS_REGION, config=limits)


def _count(client: SQSClient, url: str) -> int:
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
