"""What a result's receipt says: which records were skipped, why, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotations import storage
from annotations.areas import ObjectChangedError, StorageAwayError
from annotations.genomics.vcf.skips import SKIP_REASONS
from annotations.models import Output, Result

SHOWN = 20  # records on the page; the file has all
_PART_BYTES = 64 << 10  # of the file, more than so many lines of it take
_REASONS = {reason.code: reason for reason in SKIP_REASONS.values()}


@dataclass(frozen=True)
class Reason:
    """How many records were skipped for one reason."""

    number: int
    reason: str
    advice: str


@dataclass(frozen=True)
class SkippedRecord:
    """One skipped record; `line` is its line in the file that was sent."""

    line: int
    contig: str
    pos: str
    ref: str
    alt: str
    reason: str
    advice: str


@dataclass(frozen=True)
class Receipt:
    """All reasons, most frequent first, and the first skipped records of the file."""

    reasons: list[Reason]
    first: list[SkippedRecord]


def receipt_of(result: Result, outputs: Mapping[str, Output]) -> Receipt | None:
    """The receipt of a result, None where nothing was skipped."""
    if not result.records_skipped:
        return None
    counted: Mapping[str, int] = result.summary.get("records", {}).get("skipped_by_reason", {})
    reasons = [
        Reason(number, _REASONS[code].reason, _REASONS[code].advice)
        for code, number in sorted(counted.items(), key=lambda pair: -pair[1])
        if code in _REASONS
    ]
    listed = outputs.get("receipt")
    return Receipt(reasons, _first(listed) if listed is not None and listed.is_at_hand else [])


def _first(listed: Output) -> list[SkippedRecord]:
    """The first lines of the stored file; none while storage is away."""
    try:
        part = storage.read_part(listed, 0, min(_PART_BYTES, listed.size_bytes))
    except (ObjectChangedError, StorageAwayError):
        return []
    lines = part.decode("utf-8", "replace").split("\n")[1:-1]  # the last one may be cut
    return [record for line in lines[:SHOWN] if (record := _read(line.split("\t"))) is not None]


def _read(fields: list[Any]) -> SkippedRecord | None:
    if len(fields) != 8 or not fields[0].isdigit():
        return None
    line, contig, pos, ref, alt, _, reason, advice = fields
    return SkippedRecord(int(line), contig, pos, ref, alt, reason, advice)
