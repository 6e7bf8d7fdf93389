"""The questions that the page of a comparison asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from annotations.comparison.differences import KINDS
from annotations.explorer.conditions import quoted
from annotations.explorer.database import Cursor

PAGE_SIZE: Final = 50
_SIDES: Final = (
    "FROM differences LEFT JOIN alleles l ON l.allele = left_allele LEFT JOIN other r ON r.allele = right_allele"
)
_PLACE: Final = ("contig", "pos", "ref", "alt", "gene_symbol")


@dataclass(frozen=True)
class Counts:
    """How many alleles are alike, only in one result, or described differently; and by which columns."""

    alike: int
    kinds: dict[str, int]
    columns: list[tuple[str, int]]


def counts(tables: Cursor) -> Counts:
    """All numbers of a comparison."""
    kinds = dict(tables.execute("SELECT kind, count(*) FROM differences GROUP BY kind").fetchall())
    names = compared(tables)
    sums = "".join(f", count(*) FILTER (WHERE changed & (1::BIGINT << {place}) <> 0)" for place in range(len(names)))
    numbers = tables.execute(f"SELECT count(*){sums} FROM differences").fetchone()[1:]  # noqa: S608 - numbers
    alike = tables.execute("SELECT alike FROM totals").fetchone()[0]
    differing = [(name, number) for name, number in zip(names, numbers, strict=True) if number]
    return Counts(alike, {kind: kinds.get(kind, 0) for kind in KINDS}, sorted(differing, key=lambda pair: -pair[1]))


def compared(tables: Cursor) -> list[str]:
    """The columns that were compared, in the order of their bits."""
    return [name for (name,) in tables.execute("SELECT name FROM compared ORDER BY number").fetchall()]


def page(tables: Cursor, kind: str, column: str, after: int) -> tuple[list[dict[str, Any]], int | None]:
    """Some differences behind the one of number `after`, and the number to go on with; None at the end.

    kind, column: "" for all.
    """
    where, bound = _where(tables, kind, column)
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


def _where(tables: Cursor, kind: str, column: str) -> tuple[str, list[Any]]:
    parts, bound = ["true"], []
    if kind:
        parts.append("kind = ?")
        bound.append(kind)
    if column:
        names = compared(tables)
        parts.append(f"changed & (1::BIGINT << {names.index(column)}) <> 0" if column in names else "false")
    return " AND ".join(parts), bound


def lines(tables: Cursor, kind: str, column: str) -> Iterator[list[str]]:
    """All differences as lines of a TSV, its head first."""
    where, bound = _where(tables, kind, column)
    every = compared(tables)
    names = [name for name in every if name != "gene_symbol"]
    yield ["kind", *_PLACE, "changed", *(f"{side}_{name}" for name in names for side in ("this", "other"))]
    place = [f"coalesce(l.{name}, r.{name})" for name in _PLACE]
    values = [f"{side}.{quoted(name)}" for name in names for side in ("l", "r")]
    sql = f"SELECT kind, changed, {', '.join([*place, *values])} {_SIDES} WHERE {where} ORDER BY number"
    found = tables.execute(sql, bound)
    words = {"left": "only this", "right": "only other", "changed": "changed"}
    while part := found.fetchmany(2000):
        for kind_of, changed, *rest in part:
            differing = ",".join(name for bit, name in enumerate(every) if changed >> bit & 1)
            texts = ["" if value is None else str(value) for value in rest]
            yield [words[kind_of], *texts[: len(_PLACE)], differing, *texts[len(_PLACE) :]]
