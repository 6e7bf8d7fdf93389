"""The questions that the page of a comparison asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from annotations.comparison.differences import ABSENT
from annotations.comparison.reclassified import CHANGES, reclassified
from annotations.explorer.conditions import CLINVAR, Condition, quoted
from annotations.explorer.database import Cursor
from annotations.explorer.queries import remembered, walk
from annotations.genomics.vcf.genotypes import Genotype

PAGE_SIZE: Final = 50
_SIDES: Final = (
    "FROM differences LEFT JOIN alleles l ON l.allele = left_allele LEFT JOIN other r ON r.allele = right_allele"
)
# An allele that one result does not have is no change where the other's sample is not known to carry it.
_CALLED: Final = (
    f"left_call <> right_call AND NOT (greatest(left_call, right_call) = {ABSENT}"
    f" AND least(left_call, right_call) IN ({int(Genotype.MISSING)}, {int(Genotype.NONE)}))"
)
KINDS: Final = {
    "left": "kind = 'left'",
    "right": "kind = 'right'",
    "changed": "changed <> 0",
    "called": _CALLED,
}
CALLS: Final = {
    Genotype.MISSING: "not called",
    Genotype.NONE: "called without it",
    Genotype.HETEROZYGOUS: "heterozygous",
    Genotype.HOMOZYGOUS: "homozygous",
    Genotype.HEMIZYGOUS: "on its only copy",
    Genotype.HALF: "on one copy, the other not called",
    ABSENT: "not in the file",
}
_PLACE: Final = ("contig", "pos", "ref", "alt", "gene_symbol")
_WHOSE: Final = {"left": "only this", "right": "only other", "both": "changed"}


@dataclass(frozen=True)
class Which:
    """Which differences: of a kind, in a column, with a genotype before and after; empty for all."""

    kind: str = ""
    column: str = ""
    calls: tuple[int, int] | None = None
    reclassified: str = ""
    """One of reclassified.CHANGES."""
    is_turned: bool = False
    """The right result is the earlier one."""
    sides: tuple[Condition, Condition] | None = None
    """What the allele has to pass in the left or in the right result."""

    @property
    def frame(self) -> Which:
        """The same without what is chosen among kinds of difference: what these are counted in."""
        return Which(is_turned=self.is_turned, sides=self.sides)

    @property
    def is_chosen(self) -> bool:
        """Anything beside the sides is set."""
        return bool(self.kind or self.column or self.calls or self.reclassified)


@dataclass(frozen=True)
class Counts:
    """How many alleles are alike, how many differ, and in each of KINDS; by column, by (from, to) of the genotypes,
    and by how ClinVar changed."""

    alike: int
    all: int
    kinds: dict[str, int]
    columns: list[tuple[str, int]]
    calls: list[tuple[int, int, int]]
    reclassified: dict[str, int]


def counts(tables: Cursor, frame: Which) -> Counts:
    """All numbers of a comparison, in what passes the sides of `frame`."""
    names = compared(tables)
    where, bound = _where(tables, frame)
    bits = [f"changed & (1::BIGINT << {place}) <> 0" for place in range(len(names))]
    sums = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in ("true", *KINDS.values(), *bits))
    # S608: fixed texts and numbers, and conditions with their values bound.
    number, *numbers = _remembered(tables, f"SELECT {sums} FROM differences WHERE {where}", bound)[0]  # noqa: S608
    kinds = dict(zip(KINDS, numbers, strict=False))
    differing = [(name, number) for name, number in zip(names, numbers[len(KINDS) :], strict=True) if number]
    alike = tables.execute("SELECT alike FROM totals").fetchone()[0]
    columns = sorted(differing, key=lambda pair: -pair[1])
    calls = _calls(tables, where, bound) if kinds["called"] else []
    changes = _reclassified(tables, frame, names.index(CLINVAR)) if CLINVAR in names else {}
    return Counts(alike, number, kinds, columns, calls, changes)


def _calls(tables: Cursor, where: str, bound: list[Any]) -> list[tuple[int, int, int]]:
    """(from, to, how many) of the genotypes."""
    sql = f"SELECT left_call, right_call, count(*) AS n FROM differences WHERE {_CALLED} AND {where} GROUP BY ALL"  # noqa: S608 - as above
    return _remembered(tables, f"{sql} ORDER BY n DESC, left_call, right_call", bound)


def _reclassified(tables: Cursor, frame: Which, place: int) -> dict[str, int]:
    """How often ClinVar, whose column has this bit, changed in each of CHANGES."""
    where, bound = _where(tables, frame)
    sums = ", ".join(f"count(*) FILTER (WHERE {change.sql})" for change in CHANGES.values())
    of_all = reclassified(place, where, is_turned=frame.is_turned)
    numbers = _remembered(tables, f"SELECT {sums} FROM ({of_all})", bound)[0]  # noqa: S608 - as above
    return dict(zip(CHANGES, numbers, strict=True))


def count(tables: Cursor, which: Which) -> int:
    """How many differences there are."""
    where, bound = _where(tables, which)
    number: int = _remembered(tables, f"SELECT count(*) FROM differences WHERE {where}", bound)[0][0]  # noqa: S608 - as above
    return number


def clinvar_words(tables: Cursor) -> list[str]:
    """What ClinVar says in either result, the most frequent first."""
    views = [view for view in ("alleles", "other") if CLINVAR in tables.columns(view)]
    parts = [f"SELECT {quoted(CLINVAR)} AS word, count(*) AS n FROM {view} GROUP BY ALL" for view in views]  # noqa: S608 - names of ours
    if not parts:
        return []
    sql = f"SELECT word FROM ({' UNION ALL '.join(parts)}) WHERE word IS NOT NULL GROUP BY word"  # noqa: S608 - as above
    return [word for (word,) in _remembered(tables, f"{sql} ORDER BY sum(n) DESC, word", [])]


def _remembered(tables: Cursor, sql: str, bound: list[Any]) -> list[tuple[Any, ...]]:
    """The rows of an answer; asked once of the same two results and samples."""
    key = (tables.beside["differences"], sql, tuple(bound))
    found: list[tuple[Any, ...]] = remembered(key, lambda: tables.execute(sql, bound).fetchall())
    return found


def compared(tables: Cursor) -> list[str]:
    """The columns that were compared, in the order of their bits."""
    return [name for (name,) in tables.execute("SELECT name FROM compared ORDER BY number").fetchall()]


def page(tables: Cursor, which: Which, after: int) -> tuple[list[dict[str, Any]], int | None]:
    """Some differences behind the one of number `after`, and the number to go on with; None at the end."""
    where, bound = _where(tables, which)
    found = tables.all(
        f"SELECT * FROM differences WHERE {where} AND number > ? ORDER BY number LIMIT {PAGE_SIZE + 1}",  # noqa: S608
        [*bound, after],
    )
    shown = found[:PAGE_SIZE]
    rows = [row | {"left": None, "right": None} for row in shown]
    for side, view in (("left", "alleles"), ("right", "other")):
        wanted = [row[f"{side}_allele"] for row in rows if row[f"{side}_allele"] is not None]
        sql = f"SELECT * FROM {view} WHERE allele IN (SELECT unnest(?))"  # noqa: S608 - one of two
        by_number = {allele["allele"]: allele for allele in tables.all(sql, [wanted])}
        for row in rows:
            row[side] = by_number.get(row[f"{side}_allele"])
    return rows, shown[-1]["number"] if len(found) > PAGE_SIZE else None


def _where(tables: Cursor, which: Which) -> tuple[str, list[Any]]:
    parts = ["true"]
    bound: list[Any] = []
    if which.kind:
        parts.append(KINDS[which.kind])
    if which.column:
        names = compared(tables)
        is_known = which.column in names
        parts.append(f"changed & (1::BIGINT << {names.index(which.column)}) <> 0" if is_known else "false")
    if which.calls:
        parts.append("left_call = ? AND right_call = ?")
        bound += which.calls
    if which.reclassified:
        names = compared(tables)
        of_all = reclassified(names.index(CLINVAR), is_turned=which.is_turned) if CLINVAR in names else ""
        sql = f"number IN (SELECT number FROM ({of_all}) WHERE {CHANGES[which.reclassified].sql})"  # noqa: S608 - fixed
        parts.append(sql if of_all else "false")
    if which.sides:
        left, right = which.sides
        parts.append(
            f"left_allele IN (SELECT allele FROM alleles WHERE {left.sql}) "  # noqa: S608 - values are bound
            f"OR right_allele IN (SELECT allele FROM other WHERE {right.sql})"
        )
        bound += [*left.parameters, *right.parameters]
    return " AND ".join(f"({part})" for part in parts), bound


def heads(tables: Cursor) -> list[str]:
    """The columns of a file of differences."""
    said = [f"{side}_{name}" for name in _said(tables) for side in ("this", "other")]
    return ["kind", *_PLACE, "changed", "this_genotype", "other_genotype", *said]


def rows(tables: Cursor, which: Which) -> Iterator[list[list[Any]]]:
    """All differences as rows of a file, part by part; None where nothing is said."""
    where, bound = _where(tables, which)
    every = compared(tables)
    place = [f"coalesce(l.{name}, r.{name})" for name in _PLACE]
    values = [f"{side}.{quoted(name)}" for name in _said(tables) for side in ("l", "r")]
    wanted = ", ".join(["kind", "changed", "left_call", "right_call", *place, *values])
    sql = f"SELECT {wanted} {_SIDES} WHERE {where} ORDER BY number"
    for part in walk(tables, sql, Condition("", tuple(bound))):
        yield [_row(every, *row) for row in part]


def _said(tables: Cursor) -> list[str]:
    return [name for name in compared(tables) if name != "gene_symbol"]


def _row(every: list[str], kind: str, changed: int, left_call: int, right_call: int, *rest: Any) -> list[Any]:
    differing = [name for bit, name in enumerate(every) if changed >> bit & 1]
    if kind == "both" and left_call != right_call:
        differing.append("genotype")
    calls = [CALLS.get(call) for call in (left_call, right_call)]
    return [_WHOSE[kind], *rest[: len(_PLACE)], ",".join(differing), *calls, *rest[len(_PLACE) :]]
