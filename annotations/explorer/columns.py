"""Which columns the table can show, in words, and how a cell of each is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from annotations.explorer.queries import FREQUENCY

DEFAULT: Final = ("consequence", "hgvsc", "hgvsp", FREQUENCY, "clinvar_clnsig", "qual", "filter")
MAX_CHOSEN: Final = 30
LONGEST: Final = 80  # characters of a cell
# Shown with the variant, of no use to people, or the table's own.
_HIDDEN: Final = {
    "allele", "allele_row", "row", "line", "contig_index", "contig", "pos", "ref", "alt", "picked", "gene_symbol",
    "is_worst", "other_genes", "sort_key",
}  # fmt: skip
_TITLES: Final = {
    "allele": "Variant",
    FREQUENCY: "Frequency",
    "gene_symbol": "Gene",
    "consequence": "Consequence",
    "hgvsc": "HGVS c.",
    "hgvsp": "HGVS p.",
    "hgvsg": "HGVS g.",
    "clinvar_clnsig": "ClinVar",
    "qual": "Quality",
    "allele_frequency": "Frequency in the file",
    "filter": "FILTER",
    "id": "ID",
    "gene_id": "Gene id",
    "transcript_id": "Transcript",
    "protein_id": "Protein",
    "mane": "MANE",
}
_SHORT_WORDS: Final = {
    "af": "AF", "ac": "AC", "an": "AN", "kgp": "1000 Genomes", "gnomad": "gnomAD", "cds": "CDS", "cdna": "cDNA",
    "mane": "MANE", "clinvar": "ClinVar", "mitomap": "MITOMAP",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column as a head of the table; `sort` is what its link asks for."""

    name: str
    title: str
    is_number: bool
    sort: str = ""
    direction: str = ""


def title(name: str) -> str:
    """A column's name in words."""
    if name in _TITLES:
        return _TITLES[name]
    words = [_SHORT_WORDS.get(word, word) for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:] if words[0] == name.split("_", maxsplit=1)[0] else text


def available(columns: Mapping[str, str]) -> list[str]:
    """What may be chosen, the usual ones first."""
    known = {FREQUENCY: "DOUBLE"} | dict(columns)
    usual = [name for name in DEFAULT if name in known]
    return [*usual, *(name for name in columns if name not in usual and name not in _HIDDEN)]


def chosen(asked: list[str], columns: Mapping[str, str]) -> list[str]:
    """Those of the asked ones that there are; the usual ones where that leaves none."""
    possible = available(columns)
    return [name for name in asked if name in possible][:MAX_CHOSEN] or [name for name in DEFAULT if name in possible]


def heads(names: list[str], columns: Mapping[str, str], order: str) -> list[Column]:
    """The heads of the chosen columns, each with the sorting that a click on it gives."""
    return [_head(name, columns, order) for name in ("allele", "gene_symbol", *names)]


def _head(name: str, columns: Mapping[str, str], order: str) -> Column:
    is_number = name == FREQUENCY or columns.get(name) in ("DOUBLE", "INTEGER", "BIGINT", "SMALLINT", "TINYINT")
    direction = "ascending" if order == name else "descending" if order == f"-{name}" else ""
    sort = f"-{name}" if direction == "ascending" else name
    return Column(name, title(name), is_number and name != "allele", sort, direction)


def cell(name: str, allele: Mapping[str, Any]) -> str:
    """A value as people read it; "" where there is none."""
    value = allele.get(name)
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 0.1 else f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    text = str(value)
    if name in ("consequence", "worst_consequence", "clinvar_clnsig"):
        return _listed(text.replace("_", " ").split("&"))
    elif name in ("hgvsc", "hgvsp"):
        text = text.partition(":")[2] or text
    # The page of the variant has the whole: an insertion's name is as long as what is inserted.
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]}… {text[-18:]}"


def _listed(terms: list[str]) -> str:
    """Terms one after another; of those that do not fit, how many there are."""
    shown = len(terms)
    while shown > 1 and len(", ".join(terms[:shown])) > LONGEST:
        shown -= 1
    rest = f" and {len(terms) - shown} more" if shown < len(terms) else ""
    return ", ".join(terms[:shown]) + rest


def place(allele: Mapping[str, Any]) -> str:
    """Where an allele is, as people write it."""
    return f"{allele['contig']}:{allele['pos']:,}"


def change(allele: Mapping[str, Any]) -> str:
    """REF and ALT; a long one is cut, with its length."""
    ref, alt = (_cut(allele[name] or "") for name in ("ref", "alt"))
    return f"{ref} > {alt}"


def _cut(text: str) -> str:
    return text if len(text) <= 12 else f"{text[:10]}… ({len(text):,} bases)"
