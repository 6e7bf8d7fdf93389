"""What each source of the reference says of a variant, what it does not, and what was not looked up at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_LAST_OWN_COLUMN: Final = "hgvs_offset"
"""Behind it a table has the columns of its sources."""
_HOW: Final = {"exact": "by allele", "overlap": "by place", "gene": "by gene", "score": "score"}
_STATES: Final = {
    "not_seen": "Looked up: the place is covered, and this allele was not seen.",
    "not_covered": "Looked up: the place is not covered, so nothing is known.",
}
_SILENT: Final = "Looked up: says nothing of this variant."
_HUMAN: Final = ("GRCh37", "GRCh38")
_EXPECTED: Final = (
    ("ClinVar", ("clinvar",)),
    ("gnomAD's frequencies", ("gnomad_exomes", "gnomad_genomes", "gnomad_joint")),
    ("dbSNP", ("dbsnp",)),
)
"""What people will look for first: said to be missing where the reference does not have it."""


@dataclass(frozen=True)
class Fact:
    """One value of a source; words: what it means."""

    name: str
    words: str
    value: str


@dataclass(frozen=True)
class SourceFacts:
    """A source and what it says; silence: what it means that it says nothing, "" where it does."""

    title: str
    version: str
    home: str
    how: str
    facts: list[Fact]
    silence: str


def facts_of(
    allele: Mapping[str, Any], described: Iterable[Mapping[str, Any]], quoted: Iterable[Mapping[str, Any]]
) -> list[SourceFacts]:
    """By source that the result quotes: a job may leave some of its reference's out, and bring its owner's along.

    described: `sources` of the manifest the result was made with. quoted: `sources` of its summary.
    """
    declarations = {source["key"]: source["declaration"] for source in described}
    owned = {field["key"].lower() for declaration in declarations.values() for field in declaration["fields"]}
    found = []
    for source in quoted:
        declaration = declarations.get(source["key"]) or _own(source["key"], allele, owned)
        facts = [
            Fact(field["key"], field.get("description", ""), _words(allele[field["key"].lower()]))
            for field in declaration["fields"]
            if allele.get(field["key"].lower()) is not None
        ]
        how, home = _HOW.get(declaration["kind"], ""), declaration.get("home", "")
        state = str(allele.get(declaration.get("status", "").lower()))
        silence = "" if facts else _STATES.get(state, _SILENT)
        found.append(SourceFacts(source["title"], source["version"], home, how, facts, silence))
    return found


def _own(key: str, allele: Mapping[str, Any], taken: Collection[str]) -> Mapping[str, Any]:
    """What is known of a user's own source: its columns, by the name that they begin with."""
    names = [name for name in allele if name not in taken and (name + "_").startswith(f"{key.lower()}_")]
    return {"kind": "", "fields": [{"key": name.upper()} for name in names]}


def undescribed_facts(allele: Mapping[str, Any]) -> list[Fact]:
    """The sources' values where the manifest they are described in is not installed any more."""
    names = list(allele)
    behind = names[names.index(_LAST_OWN_COLUMN) + 1 :]
    return [Fact(name.upper(), "", _words(allele[name])) for name in behind if allele[name] is not None]


def not_looked_up(keys: Collection[str], assembly: str) -> list[str]:
    """Well-known sources of human variants that are not among those of the result."""
    if assembly not in _HUMAN:
        return []
    return [title for title, names in _EXPECTED if not set(names) & set(keys)]


def _words(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("_", " ")
