"""What lies in the queues: doorbells that wait, and those that nobody could use, with their way back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from django.conf import settings

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

WAIT_SECONDS = 1  # a long poll asks all servers of SQS, a short one some of them
EMPTY_ANSWERS = 3  # in a row, until a dead-letter queue is taken for empty


def waiting() -> dict[str, int]:
    """How many messages wait, by queue; SQS counts roughly."""
    if settings.BROKER == "sqs":
        client = _client()
        urls = {"annotate": settings.SQS_ANNOTATE_URL, "control": settings.SQS_CONTROL_URL}
        return {name: _count(client, url) for name, url in urls.items()}
    counts = {"annotate": 0, "control": 0}
    for name in os.listdir(messages_folder()):
        for queue in counts:
            # As gas.transport finds its messages: whatever else lies there is none.
            counts[queue] += not name.startswith(".") and name.endswith(f".{queue}.msg")
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


def _client(read_seconds: int = 2) -> SQSClient:
    import boto3  # a third of a second that most processes need not spend
    from botocore.config import Config

    limits = Config(connect_timeout=1, read_timeout=read_seconds, retries={"total_max_attempts": 1})
    return boto3.client("sqs", region_name=settings.SQS_REGION, config=limits)


def _count(client: SQSClient, url: str) -> int:
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def redrive() -> dict[str, int]:
    """Move what lies in each queue's dead-letter queue back; how many messages, by queue.

    Sent before it is deleted: a message may come twice, none gets lost.
    """
    client = _client(read_seconds=WAIT_SECONDS + 4)
    dead_urls = {_attribute(client, url, "QueueArn"): url for url in settings.SQS_DEAD_LETTER_URLS}
    moved = {}
    urls = {"annotate": settings.SQS_ANNOTATE_URL, "control": settings.SQS_CONTROL_URL}
    if settings.SQS_RESTORE_EVENTS_URL:
        urls["restore events"] = settings.SQS_RESTORE_EVENTS_URL
    for name, url in urls.items():
        policy = json.loads(_attribute(client, url, "RedrivePolicy") or "{}")
        dead_url = dead_urls.get(policy.get("deadLetterTargetArn", ""))
        moved[name] = _move_all(client, dead_url, url) if dead_url else 0
    return moved


def _move_all(client: SQSClient, source_url: str, target_url: str) -> int:
    """Until several answers in a row hold nothing: one may, although messages are there, and counts are rough.

    It ends, for a message that is moved dies again only after ten deliveries, minutes apart.
    """
    moved = empty = 0
    while empty < EMPTY_ANSWERS:
        found = client.receive_message(
            QueueUrl=source_url, MessageAttributeNames=["All"], MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS
        ).get("Messages", [])
        empty = 0 if found else empty + 1
        for message in found:
            client.send_message(
                QueueUrl=target_url, MessageBody=message["Body"], MessageAttributes=message.get("MessageAttributes", {})
            )
            client.delete_message(QueueUrl=source_url, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    return moved


def _attribute(client: SQSClient, url: str, name: Literal["QueueArn", "RedrivePolicy"]) -> str:
    return client.get_queue_attributes(QueueUrl=url, AttributeNames=[name]).get("Attributes", {}).get(name, "")
