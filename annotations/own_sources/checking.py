"""Checks a source of a user: the annotator compiles it on trial, confined as for a job."""

from __future__ import annotations

import logging
from pathlib import Path
from time import monotonic

from annotations import child, failures, storage
from annotations.areas import ObjectChangedError
from annotations.claims import Progress
from annotations.models import OwnSource, OwnSourceStatus
from annotations.own_sources import folders, keeping
from gas import registry
from gas.models import OutboxMessage

logger = logging.getLogger(__name__)

CHECK_SECONDS = 40.0  # less than a message's lease
TOO_MUCH = "The file takes more time or memory than a check may use. Keep only what you need of it, and send it again."
GONE = "The file that was sent is not there any more. Send it again."


class CheckTooLongError(Exception):
    """The check took too long."""


@registry.outbox_handler(keeping.CHECK_SOURCE)
def check_source(message: OutboxMessage) -> None:
    """Check the source of the message, unless that was done. What storage does not give now is tried again."""
    waiting = OwnSource.objects.filter(pk=message.payload["source"], status=OwnSourceStatus.CHECKING)
    source = waiting.select_related("upload").first()
    if source is None:
        return
    with folders.made() as folder:
        status, detail = _check(source, child.Workspace(Path(folder)))
    keeping.settle(source.pk, status, detail)


def _check(source: OwnSource, space: child.Workspace) -> tuple[OwnSourceStatus, dict[str, object]]:
    ends = monotonic() + CHECK_SECONDS

    def tick(_progress: Progress) -> None:
        if monotonic() > ends:
            raise CheckTooLongError

    try:
        storage.fetch_upload(source.upload, space.path("input"), lambda: None)
        return OwnSourceStatus.READY, child.check_source(space, source.key, source.reference_name, tick)
    except ObjectChangedError:
        return OwnSourceStatus.REFUSED, {"sentence": GONE}
    except child.FileRefusedError as error:
        return OwnSourceStatus.REFUSED, failures.of_the_file(error.report)[1]
    except (child.ChildCrashedError, CheckTooLongError) as error:
        logger.warning("Source %s could not be checked: %s.", source.pk, error)
        return OwnSourceStatus.REFUSED, {"sentence": TOO_MUCH}
