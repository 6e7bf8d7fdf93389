"""What the page of an uploaded file says about it: a look in words, before there is a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotations.genomics.vcf.skips import SKIP_REASONS, SkipReason
from annotations.preflights import Look

SHOWN_CONTIGS = 6
_PACKING = {"plain": "plain text", "gzip": "gzip", "bgzf": "BGZF"}
_NAMING = {"chr": "with chr", "plain": "without chr", "accession": "by accession", "mixed": "in several styles"}
_REASONS: Mapping[str, SkipReason] = {reason.code: reason for reason in SKIP_REASONS.values()}


@dataclass(frozen=True)
class Agreement:
    """How far REF agrees with one installed reference; `compared` counts the records looked at, 0: no contig."""

    reference: str
    assembly: str
    compared: int
    percent: float
    is_judged: bool  # the file is judged for this one


@dataclass(frozen=True)
class SkippedShare:
    """A share of the records looked at that will not be annotated."""

    percent: str
    reason: str
    advice: str


@dataclass(frozen=True)
class Review:
    """The look and its words; `facts` are (label, text), in the order of the page."""

    look: Look
    facts: list[tuple[str, str]]
    agreements: list[Agreement]
    skipped: list[SkippedShare]


def review(look: Look) -> Review:
    """Put a look into words. What could not be read is left out."""
    found = look.facts
    return Review(
        look=look,
        facts=[(label, text) for label, text in _facts(found) if text],
        agreements=[
            Agreement(one["reference"], one["assembly"], one["compared"], one["percent"], one["reference"] == judged)
            for judged in [found["reference"]]
            for one in found["concordances"]
        ],
        skipped=[
            SkippedShare(_percent(share), _REASONS[code].reason, _REASONS[code].advice)
            for code, share in found["skipped"].items()
            if code in _REASONS
        ],
    )


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    version, read = found["version"], found["records_read"]
    return [
        ("Format", f"VCF {version}, {_PACKING.get(found['packing'], found['packing'])}" if version else ""),
        ("Samples", (f"{found['samples']:,}" if found["samples"] else "none: sites only") if version else ""),
        ("Records", _records(found) if version else ""),
        ("Contigs", _contigs(found["contigs"], found["naming"])),
        ("Header says", found["assembly_named"]),
        ("Order", _order(found) if read else ""),
        ("Holds", _kinds(found)),
    ]


def _records(found: Mapping[str, Any]) -> str:
    count = found["estimated_records"]
    return f"{count:,}" if found["is_complete"] else f"about {_rounded(count):,}"


def _rounded(count: int) -> int:
    """Two digits of an estimate say what it knows."""
    step: int = 10 ** max(len(str(count)) - 2, 0)
    return round(count / step) * step


def _contigs(names: Sequence[str], naming: str) -> str:
    if not names:
        return ""
    more = f" and {len(names) - SHOWN_CONTIGS:,} more" if len(names) > SHOWN_CONTIGS else ""
    style = f", {_NAMING[naming]}" if naming in _NAMING else ""
    return f"{', '.join(names[:SHOWN_CONTIGS])}{more}{style}"


def _order(found: Mapping[str, Any]) -> str:
    return "sorted" if found["is_sorted"] else "not sorted: the result keeps this order and has no index"


def _kinds(found: Mapping[str, Any]) -> str:
    kinds = (
        ("is_gvcf", "blocks without a variant (gVCF)"),
        ("structural", "structural alleles or breakends"),
        ("is_annotated", "an earlier annotation (CSQ or ANN)"),
    )
    return ", ".join(words for name, words in kinds if found[name])


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
