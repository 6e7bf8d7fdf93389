"""Beat's turn for the archive: whatever a message or a dead worker left undone is found here.

Rows first, then what hurries people, then what only tidies up. Each step is bounded by the turn and
may be done twice at once without harm.
"""

from __future__ import annotations

import logging

from annotations.areas import StorageAwayError
from archival import archiving, events, notices, recalls, removal, restoring
from archival.follow_plan import SWEEP_TASK
from gas import registry
from gas.sweeping import turn

logger = logging.getLogger(__name__)

registry.sweep("archival", SWEEP_TASK)


def sweep() -> None:
    """One turn."""
    with turn("archival") as mine:
        if mine is None:
            return
        notices.promise_for_tomorrow()
        recalls.finish_complete()
        try:
            events.drain(mine)
            restoring.advance(mine)
            archiving.begin_due(mine)
            archiving.advance(mine)
            removal.keep_promises(mine)
            removal.remove_abandoned(mine)
            removal.remove_strays(mine)
        except StorageAwayError as error:
            logger.warning("The archive's sweep did not reach storage (%s); the next one tries again.", error)
