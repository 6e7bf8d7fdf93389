"""The bucket's ObjectRestore:Completed events: they hurry the next look, and decide nothing.

A queue of their own, read with boto3 by the sweep: Celery would not understand these messages. An
event that is lost, late, repeated or forged changes only when the object is looked at.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from django.core.files.storage import storages
from django.db.models.functions import Now

from archival.models import Custody
from gas.sweeping import Turn

logger = logging.getLogger(__name__)

MESSAGES_AT_ONCE = 10


def drain(mine: Turn) -> None:
    """Read the queue until it is empty or the turn is over. Without a queue the poll does it all."""
    if not settings.SQS_RESTORE_EVENTS_URL:
        return
    from botocore.exceptions import BotoCoreError, ClientError

    queue = {"QueueUrl": settings.SQS_RESTORE_EVENTS_URL}
    try:
        while mine.has_time():
            answer = _client().receive_message(**queue, MaxNumberOfMessages=MESSAGES_AT_ONCE, WaitTimeSeconds=0)
            messages = answer.get("Messages", [])
            if not messages:
                return
            hurry(key for message in messages for key in restored_keys(message["Body"]))
            entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
            _client().delete_message_batch(**queue, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        logger.warning("The queue of restore events does not answer (%s); the poll does without.", type(error).__name__)


def restored_keys(body: str) -> list[str]:
    """Keys in the cold store of which an event says that they can be read; none in any other message."""
    try:
        records: list[dict[str, Any]] = json.loads(body).get("Records", [])
        full_keys = [
            unquote_plus(record["s3"]["object"]["key"])
            for record in records
            if record["eventName"].removeprefix("s3:") == "ObjectRestore:Completed"
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        logger.warning("A message in the queue of restore events is not an event of S3.")
        return []
    archive: Any = storages["archive"]
    prefix = archive.location.strip("/") + "/"
    return [key.removeprefix(prefix) for key in full_keys if key.startswith(prefix)]


def hurry(keys: Iterable[str]) -> None:
    """Results on their way back with one of these objects are looked at now."""
    waiting = Custody.objects.filter(result__outputs__cold_copy__storage_key__in=list(keys), due_at__isnull=False)
    Custody.objects.filter(pk__in=waiting.values("pk")).update(due_at=Now())


@cache
def _client() -> Any:
    import boto3  # a third of a second that one machine has no use for
    from botocore.config import Config

    patience = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client("sqs", region_name=settings.SQS_REGION, config=patience)
