"""kombu's SQS transport, which survives a server that answers with an error.

kombu 5.7.0 hands an empty list to `_on_messages_ready` when SQS answers 5xx or drops the
connection, and then asks that list for its messages: the worker ends. Here such an answer counts
as "no messages", and the next poll follows after the polling interval.
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport import SQS

logger = logging.getLogger(__name__)


class Channel(SQS.Channel):
    """A channel whose poll may fail."""

    def _on_messages_ready(self, queue: str, qname: str, messages: Any) -> int:
        if not isinstance(messages, dict):
            logger.warning("The queue %s did not answer; asking again.", qname)
            return 0
        received: int = super()._on_messages_ready(queue, qname, messages)
        return received


class Transport(SQS.Transport):
    """The transport registered as `sqsguard`."""

    Channel = Channel
