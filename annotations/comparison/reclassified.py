"""What ClinVar says of an allele in the later of two results and did not say in the earlier one.

Which is the later one, ClinVar's own date says where both have it, else when the jobs were submitted.
An allele that only one result has was not reclassified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from annotations.explorer.conditions import CLINVAR, quoted
from annotations.models import Job

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
# ClinVar joins what several submitters say: "Pathogenic/Likely_pathogenic", "Benign|drug_response".
_PATHOGENIC: Final = ("Pathogenic", "Likely_pathogenic")
_BENIGN: Final = ("Benign", "Likely_benign")
_UNCERTAIN: Final = ("Uncertain", "Conflicting")


@dataclass(frozen=True)
class Change:
    """A way in which ClinVar's word changed; `sql` is over `before` and `after`, either may be null."""

    title: str
    meaning: str
    sql: str


def _is(side: str, words: tuple[str, ...]) -> str:
    return "(" + " OR ".join(f"coalesce(starts_with({side}, '{word}'), false)" for word in words) + ")"


def _now(words: tuple[str, ...]) -> str:
    return f"{_is('after', words)} AND NOT {_is('before', words)}"


CHANGES: Final = {
    "pathogenic": Change(
        "Now pathogenic", "Pathogenic or likely pathogenic in the later result, not in the earlier one",
        _now(_PATHOGENIC),
    ),
    "not_pathogenic": Change(
        "No longer pathogenic", "Pathogenic or likely pathogenic in the earlier result, not in the later one",
        f"{_is('before', _PATHOGENIC)} AND NOT {_is('after', _PATHOGENIC)}",
    ),
    "uncertain": Change(
        "Now uncertain", "Of uncertain significance or in conflict in the later result, not in the earlier one",
        _now(_UNCERTAIN),
    ),
    "benign": Change(
        "Now benign", "Benign or likely benign in the later result, not in the earlier one", _now(_BENIGN)
    ),
    "new": Change("New in ClinVar", "In ClinVar by the later result, not by the earlier one", "before IS NULL"),
    "gone": Change("No longer in ClinVar", "In ClinVar by the earlier result, not by the later one", "after IS NULL"),
}  # fmt: skip


def reclassified(place: int, where: str = "true", *, is_turned: bool) -> str:
    """The numbers of those differences whose allele was reclassified, with `before` and `after`.

    place: the bit of ClinVar's column. where: of which differences. is_turned: the right result is the earlier one.
    """
    before, after = ("r", "l") if is_turned else ("l", "r")
    return (
        f"SELECT d.number, {before}.{quoted(CLINVAR)} AS before, {after}.{quoted(CLINVAR)} AS after "  # noqa: S608
        f"FROM (SELECT * FROM differences WHERE changed & (1::BIGINT << {place}) <> 0 AND ({where})) d "
        "JOIN alleles l ON l.allele = left_allele JOIN other r ON r.allele = right_allele"
    )


def release_of(job: Job) -> str:
    """ClinVar's version that a result quotes; "" where it quotes none."""
    sources = job.result.summary.get("sources", [])
    return next((str(source["version"]) for source in sources if source.get("key", "").lower() == "clinvar"), "")


def is_later(job: Job, other: Job) -> bool:
    """The first of them has the newer ClinVar; of one release, it was submitted later."""
    releases = release_of(job), release_of(other)
    if all(_DATE.fullmatch(release) for release in releases) and releases[0] != releases[1]:
        return releases[0] > releases[1]
    return job.submitted_at > other.submitted_at
