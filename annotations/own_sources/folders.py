"""Where a user's source lies while it is checked: a folder on the worker's disk, deleted whatever happens."""

from __future__ import annotations

import shutil
from contextlib import suppress
from tempfile import TemporaryDirectory
from time import time

from django.conf import settings

PREFIX = "source-"
LEFTOVER_SECONDS = 3600.0  # longer than any check


def made() -> TemporaryDirectory[str]:
    """A new folder, for `with`."""
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    return TemporaryDirectory(prefix=PREFIX, dir=settings.WORK_DIR)


def clear_leftovers() -> None:
    """Delete those whose worker was killed."""
    for folder in settings.WORK_DIR.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # its own worker was quicker
            if time() - folder.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(folder)
