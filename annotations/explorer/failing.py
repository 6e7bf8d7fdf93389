"""Why a file of the explorer could not be made: a note in its place, which every process of this machine reads.

    <the file's name>.failed    a Failure as JSON

While the note is there, nobody tries again: not for RETRY_SECONDS, or until somebody asks for it.
"""

from __future__ import annotations

import errno
import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import uuid4

import duckdb

from annotations.areas import ObjectChangedError, StorageAwayError
from annotations.explorer.annotated import NotOfOneResultError, TooManySamplesError
from annotations.genomics.errors import AnnotationError
from gas import incidents

RETRY_SECONDS: Final = 600
ENDING: Final = ".failed"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAYS_FULL: Final = ("No space left", "File too large", "Disk quota exceeded", "max_temp_directory_size")


class Reason(StrEnum):
    """What kept a file from being made, as far as it is of use to who asked for it."""

    CHANGED = "changed"
    NO_ROOM = "no_room"
    AWAY = "away"
    NO_GENOTYPES = "no_genotypes"
    BROKEN = "broken"


SENTENCES: Final = {
    Reason.CHANGED: "The stored file is not what was recorded when the job ended. Run the job again to have a new one.",
    Reason.NO_ROOM: "The machine that prepares tables has no room for this one just now.",
    Reason.AWAY: "The storage of the results does not answer just now.",
    Reason.NO_GENOTYPES: "The genotypes of this file cannot be read.",
    Reason.BROKEN: "Something broke on our side while it was being prepared.",
}
# What a reader who may have the files of the job is told of them.
OF_THE_FILES: Final = dict.fromkeys(Reason, "The files of the job can be downloaded as before.") | {
    Reason.CHANGED: "Its other files can be downloaded as before.",
    Reason.AWAY: "",
}


@dataclass(frozen=True)
class Failure:
    """Why, for the user; and the code under which the staff find what happened, by its name and traceback."""

    reason: Reason
    code: str
    error: str
    traceback: str


def failure_of(error: Exception) -> Failure:
    """What is told of an error."""
    return Failure(_reason_of(error), uuid4().hex[:12], type(error).__name__, incidents.text_of(error))


def _reason_of(error: Exception) -> Reason:
    match error:
        case ObjectChangedError():
            return Reason.CHANGED
        case StorageAwayError():
            return Reason.AWAY
        case AnnotationError() | NotOfOneResultError() | TooManySamplesError():
            return Reason.NO_GENOTYPES
        case OSError(errno=number) if number in _FULL:
            return Reason.NO_ROOM
        case duckdb.Error() if says_full(error):
            return Reason.NO_ROOM
    return Reason.BROKEN


def says_full(error: duckdb.Error) -> bool:
    """The disk has no room: it has no class of its own."""
    return any(words in str(error) for words in _SAYS_FULL)


def note(target: Path, failure: Failure) -> None:
    """Say so beside the file's place; where not even that can be written, the next who asks tries again."""
    with suppress(OSError):
        _place(target).write_text(json.dumps(asdict(failure)))


def noted(target: Path) -> Failure | None:
    """Why the file could not be made lately; None where nothing is known against another try."""
    place = _place(target)
    with suppress(OSError, ValueError, TypeError):  # it may be just being written
        if time.time() - place.stat().st_mtime < RETRY_SECONDS:
            said = json.loads(place.read_text())
            return Failure(**said | {"reason": Reason(said["reason"])})
    return None


def _place(target: Path) -> Path:
    return target.with_name(target.name + ENDING)
