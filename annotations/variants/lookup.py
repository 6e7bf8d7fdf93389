"""One allele of a result's table with all its transcripts, and its neighbours on a protein."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from annotations.explorer.database import Cursor
from annotations.genomics.consequence.terms import IMPACTS
from annotations.genomics.reference.outline import Outline

MAX_HITS: Final = 500
"""Variants on one protein; the picture could not tell more of them apart."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """allele: a row of `alleles`. rows: its rows of `rows`, the picked one first, then by severity."""

    allele: Row
    rows: list[Row]
    number_of_alleles: int

    @property
    def number(self) -> int:
        """Its key."""
        return int(self.allele["allele"])

    @property
    def span(self) -> tuple[int, int]:
        """What REF covers on the contig, 0-based and half-open; one base of an insertion's anchor."""
        start = int(self.allele["pos"]) - 1
        return start, start + max(len(self.allele["ref"] or ""), 1)

    @property
    def place(self) -> str:
        """contig:pos as people write it."""
        return f"{self.allele['contig']}:{self.allele['pos']:,}"

    @property
    def previous(self) -> int | None:
        """The allele before this one in the genome's order."""
        return self.number - 1 if self.number else None

    @property
    def next(self) -> int | None:
        """The allele behind it."""
        return self.number + 1 if self.number + 1 < self.number_of_alleles else None


def find_variant(tables: Cursor, allele: int) -> Variant | None:
    """The allele of that number, if there is one."""
    found = tables.all("SELECT * FROM alleles WHERE allele = ?", [allele])
    if not found:
        return None
    rows = tables.all("SELECT * FROM rows WHERE allele_row = ? ORDER BY row", [found[0]["allele_row"]])
    rows.sort(key=lambda row: (not row["picked"], IMPACTS.index(row["impact"])))
    number = tables.all("SELECT count(*) AS number FROM alleles")[0]["number"]
    return Variant(found[0], rows, number)


@dataclass(frozen=True)
class Hit:
    """A variant of the result on a protein; place: its first amino acid, 1-based."""

    allele: int
    place: int
    name: str
    impact: str
    consequence: str


def hits_on(tables: Cursor, outline: Outline, contig_index: int) -> list[Hit]:
    """The result's variants on the protein of a transcript, from its start on."""
    found = tables.all(
        "SELECT a.allele, r.protein_first, r.hgvsp, r.impact, r.consequence"
        " FROM rows r JOIN alleles a USING (allele_row)"
        " WHERE r.contig_index = ? AND r.pos BETWEEN ? AND ? AND r.transcript_id = ? AND r.protein_first IS NOT NULL"
        " ORDER BY r.protein_first, a.allele LIMIT ?",
        [contig_index, outline.start - 10_000, outline.end, outline.transcript_id, MAX_HITS],
    )
    return [
        Hit(row["allele"], row["protein_first"], protein_name(row), row["impact"], row["consequence"]) for row in found
    ]


def protein_name(row: Row) -> str:
    """p.Arg12His without its accession; the place where there is no name."""
    return str(row["hgvsp"]).rpartition(":")[2] if row["hgvsp"] else f"codon {row['protein_first']}"
