"""The file `comparison`: where two results differ, made once of their tables of alleles.

An allele is known by its HGVS name on the genome, which is the same however a file pads or shifts
it; one without such a name by its contig, position, REF and ALT. Where a file has an allele twice,
its first record counts.

`differences` has a row for each allele that is only in one result, is described differently or, where
samples are compared, is called differently; in genome order: `number`, `kind` ("left", "right" or
"both": which result has it), `left_allele` and `right_allele` (its row in either table), `changed`
(bit i: column i of `compared` differs), `left_call` and `right_call` (a Genotype, ABSENT where that
result has no such allele, null where no samples are compared). `totals` has how many are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from annotations.explorer.conditions import quoted
from annotations.explorer.whole import database_at

ABSENT: Final = 255
MAX_COMPARED: Final = 62  # bits
IN_PART: Final = 250_000  # alleles
_OWN: Final = ("consequence", "worst_consequence", "gene_symbol", "transcript_id", "hgvsc", "hgvsp", "filter")
# What does not speak of the allele, follows from what is compared, or is compared by itself.
_NOT_A_SOURCES: Final = {
    "allele", "transcripts", "other_genes", "row", "allele_row", "line", "contig_index", "contig", "pos", "id", "ref",
    "alt", "alt_index", "qual", "variant_class", "picked", "impact", "is_worst", "worst_impact", "hides_more_severe",
    "gene_id", "biotype", "strand", "canonical", "mane", "mane_select", "mane_plus_clinical", "protein_id", "exon",
    "intron", "hgvsg", "cdna_first", "cdna_last", "cds_first", "cds_last", "protein_first", "protein_last",
    "amino_acids", "codons", "distance", "hgvs_offset", "allele_frequency",
}  # fmt: skip

Progress = Callable[[float], None]


def compared_columns(left: dict[str, str], right: dict[str, str]) -> list[str]:
    """The columns that both tables have and that are compared: the annotator's, then the sources'."""
    shared = [name for name in left if right.get(name) == left[name]]
    sources = [name for name in shared if name not in _NOT_A_SOURCES and name not in _OWN]
    return [*(name for name in _OWN if name in shared), *sources][:MAX_COMPARED]


@dataclass(frozen=True)
class Side:
    """A result's table of alleles and, where samples are compared, its genotypes and the sample's column there."""

    alleles: Path
    genotypes: Path | None = None
    sample: str = ""


def write_differences(left: Side, right: Side, target: Path, progress: Progress) -> None:
    """Make `target` of two results; they may be one, with two samples. progress may raise to stop it."""
    with database_at(target) as connection:
        names = _attached(connection, [left.alleles, right.alleles, left.genotypes, right.genotypes])
        here, there = names[left.alleles], names[right.alleles]
        columns = compared_columns(_columns(connection, here), _columns(connection, there))
        connection.execute("CREATE TABLE compared (number INTEGER, name VARCHAR)")
        for number, name in enumerate(columns):
            connection.execute("INSERT INTO compared VALUES (?, ?)", [number, name])
        connection.execute(_PAIRS.format(l=here, r=there))
        connection.execute(_FOUND)
        # S608: names of columns come from the files' own schemas.
        bits = [f"((l.{quoted(n)} IS DISTINCT FROM r.{quoted(n)})::BIGINT << {i})" for i, n in enumerate(columns)]
        left_call, left_join = _call("left", left, names)
        right_call, right_join = _call("right", right, names)
        sql = _FIND.format(
            l=here,
            r=there,
            bits=" | ".join(bits) or "0",
            calls=f"{left_call}, {right_call}",
            joins=f"{left_join} {right_join}",
        )
        number = connection.execute("SELECT coalesce(max(part), 0) + 1 FROM pairs").fetchone()[0]
        for part in range(number):
            connection.execute(sql, [part])
            progress((part + 1) / (number + 1))
        connection.execute(_DIFFERENCES)
        connection.execute(_TOTALS)
        connection.execute("DROP TABLE pairs; DROP TABLE found")


def _attached(connection: Any, paths: list[Path | None]) -> dict[Path, str]:
    """The names under which the files are read; a file is attached once."""
    names = {path: f"f{number}" for number, path in enumerate(dict.fromkeys(path for path in paths if path))}
    for path, name in names.items():
        connection.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
    return names


def _columns(connection: Any, name: str) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {name}.alleles").fetchall()}


def _call(side: str, of: Side, names: dict[Path, str]) -> tuple[str, str]:
    """The call of a side as a column, and what to join for it."""
    if of.genotypes is None:
        return f"NULL::UTINYINT AS {side}_call", ""
    column = f"CASE WHEN {side}_allele IS NULL THEN {ABSENT} ELSE {side}_calls.{of.sample} END::UTINYINT AS {side}_call"
    join = f"LEFT JOIN {names[of.genotypes]}.genotypes {side}_calls ON {side}_calls.of_allele = {side}_allele"
    return column, join


_KEYED: Final = """
SELECT coalesce(hgvsg, concat_ws(':', replace(contig, 'chr', ''), pos, ref, alt)) AS name, min(allele) AS allele
FROM {{{side}}}.alleles GROUP BY ALL"""
# Alleles are compared by parts: all columns of millions of them at once are more than the memory holds. Both tables
# are in genome order, so that a part of one is read from about as much of the other.
_PAIRS: Final = f"""
CREATE TABLE pairs AS
  SELECT coalesce(a.allele, b.allele) // {IN_PART} AS part, a.allele AS left_allele, b.allele AS right_allele
  FROM ({_KEYED.format(side="l")}) a FULL OUTER JOIN ({_KEYED.format(side="r")}) b USING (name)
"""  # noqa: S608 - fixed texts
_FOUND: Final = """
CREATE TABLE found (contig_index INTEGER, pos INTEGER, kind VARCHAR, left_allele BIGINT, right_allele BIGINT,
  changed BIGINT, left_call UTINYINT, right_call UTINYINT)
"""
_FIND: Final = """
INSERT INTO found
  SELECT * FROM (
    SELECT coalesce(l.contig_index, r.contig_index), coalesce(l.pos, r.pos),
      CASE WHEN right_allele IS NULL THEN 'left' WHEN left_allele IS NULL THEN 'right' ELSE 'both' END AS kind,
      left_allele, right_allele,
      CASE WHEN left_allele IS NULL OR right_allele IS NULL THEN 0 ELSE {bits} END AS changed, {calls}
    FROM (SELECT * FROM pairs WHERE part = ?)
      LEFT JOIN {l}.alleles l ON l.allele = left_allele LEFT JOIN {r}.alleles r ON r.allele = right_allele
    {joins})
  WHERE kind <> 'both' OR changed <> 0 OR left_call <> right_call
"""
_DIFFERENCES: Final = """
CREATE TABLE differences AS
  SELECT row_number() OVER () - 1 AS number, kind, left_allele, right_allele, changed, left_call, right_call
  FROM (SELECT * FROM found ORDER BY contig_index, pos, left_allele, right_allele)
"""
_TOTALS: Final = """
CREATE TABLE totals AS
  SELECT (SELECT count(*) FROM pairs) - (SELECT count(*) FROM differences) AS alike
"""
