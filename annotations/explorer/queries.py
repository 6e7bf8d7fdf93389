"""The questions that pages ask of a result: one page of alleles, how many, counts beside the filters."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from annotations.explorer.conditions import CLINVAR, Condition, both, frequency_sql, quoted
from annotations.explorer.database import Cursor
from annotations.explorer.inheritance import GENOTYPES, PATTERNS, Trio, fits, has_genotype, in_pairs
from annotations.genomics.consequence.terms import IMPACTS, TERMS

PAGE_SIZE: Final = 50
SEEN: Final = 2000  # alleles that the question for a page counts by the way: of most filters it sees them all
FREQUENCY: Final = "frequency"  # a column of ours: the highest of all sources
FACETS: Final = {
    "impact": "worst_impact",
    "consequence": "worst_consequence",
    "class": "variant_class",
    "filter": "filter",
    "clinvar": CLINVAR,
}
FACET_VALUES: Final = 40
_SEVERITIES: Final = {
    "impact": IMPACTS,
    "worst_impact": IMPACTS,
    "consequence": TERMS,
    "worst_consequence": TERMS,
}
_REMEMBERED: Final = 2000
_LARGEST: Final = 2**62  # of a whole number in a page's key


class BadKeyError(Exception):
    """The page key or the sorting is not one that we made."""


@dataclass(frozen=True)
class Order:
    """By a column of the file, or by `frequency`; equal values in genome order, unknown ones last."""

    column: str = "allele"
    is_descending: bool = False

    @property
    def key(self) -> str:
        """As the address says it."""
        return f"-{self.column}" if self.is_descending else self.column


@dataclass(frozen=True)
class Page:
    """Some alleles, as dictionaries by column; `next_key` asks for those behind, "" at the end.

    number: how many pass the filters in all, where the question has seen it.
    """

    alleles: list[dict[str, Any]]
    next_key: str
    number: int | None = None


def read_order(text: str, columns: Mapping[str, str]) -> Order:
    """`column` or `-column`. Raises BadKeyError for a column that is not there."""
    column = text.removeprefix("-") or "allele"
    if column != FREQUENCY and column not in columns:
        raise BadKeyError
    return Order(column, text.startswith("-"))


def page(tables: Cursor, columns: Mapping[str, str], where: Condition, order: Order, after: str) -> Page:
    """The alleles of one page behind the key `after`. Raises BadKeyError."""
    sort, bound = sort_sql(order, columns)
    behind = _behind(sort, bound, order, _read_key(after, _key_kinds(order, columns))) if after else Condition("true")
    direction = "DESC" if order.is_descending else "ASC"
    ordering = "allele" if order == Order() else f"sort_key {direction} NULLS LAST, allele"
    filtered = both([where, behind])
    # First which ones, by the few columns that decide, then all columns of those few. A filter has to look at all
    # alleles to find the first ones that pass: a few more cost nothing, and to count them anew as much again.
    limit = PAGE_SIZE if after or where == both([]) else SEEN
    keys = (
        f"SELECT alleles.rowid AS place, allele, {sort} AS sort_key FROM {filtered.source} "  # noqa: S608
        f"WHERE {filtered.sql} ORDER BY {ordering} LIMIT {limit + 1}"
    )
    found = tables.all(keys, [*bound, *filtered.parameters])
    shown = found[:PAGE_SIZE]
    whole = f"SELECT *, {frequency_sql(columns)} AS {FREQUENCY} FROM alleles WHERE rowid IN (SELECT unnest(?))"  # noqa: S608
    alleles = {row["allele"]: row for row in tables.all(whole, [[key["place"] for key in shown]])}
    next_key = _write_key(shown[-1]) if len(found) > PAGE_SIZE else ""
    number = len(found) if limit == SEEN and len(found) <= SEEN else None
    return Page([alleles[key["allele"]] for key in shown], next_key, number)


def sort_sql(order: Order, columns: Mapping[str, str]) -> tuple[str, list[Any]]:
    """What to sort by; terms and impacts by severity."""
    if order.column == FREQUENCY:
        return frequency_sql(columns), []
    if order.column in _SEVERITIES:
        return f"list_position(?, split_part({quoted(order.column)}, '&', 1))", [list(_SEVERITIES[order.column])]
    return quoted(order.column), []


def _behind(sort: str, bound: list[Any], order: Order, key: tuple[Any, int]) -> Condition:
    value, allele = key
    if order == Order():
        return Condition("allele > ?", (allele,))
    if value is None:
        return Condition(f"{sort} IS NULL AND allele > ?", (*bound, allele))
    sign = "<" if order.is_descending else ">"
    sql = f"{sort} {sign} ? OR ({sort} = ? AND allele > ?) OR {sort} IS NULL"
    return Condition(sql, (*bound, value, *bound, value, allele, *bound))


def _write_key(allele: Mapping[str, Any]) -> str:
    text = json.dumps([allele["sort_key"], allele["allele"]], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _key_kinds(order: Order, columns: Mapping[str, str]) -> tuple[type, ...]:
    """What a key's value can be: compared with anything else, the column would be an error of the database."""
    of_column = {"VARCHAR": (str,), "BOOLEAN": (bool,)}.get(columns.get(order.column, ""), (int, float))
    return (int,) if order.column in _SEVERITIES else of_column


def _read_key(key: str, kinds: tuple[type, ...]) -> tuple[Any, int]:
    try:
        value, allele = json.loads(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
        is_ours = type(allele) is int and (value is None or type(value) in kinds)
        if not is_ours or any(type(part) is int and abs(part) > _LARGEST for part in (value, allele)):
            raise ValueError("not a page's key")
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise BadKeyError from error
    return value, allele


# --- Counts: a result never changes, so an answer stays true ----------------------------------------
_remembered: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_guard = Lock()


def kept(tables: Cursor, where: Condition) -> Condition:
    """The same condition; what a dear one leaves is found now, and the cursor keeps it."""
    if not where.is_dear:
        return where
    name = f"kept_{hashlib.sha256(repr((where.sql, where.parameters)).encode()).hexdigest()}"
    found = f"SELECT allele FROM {where.source} WHERE {where.sql}"  # noqa: S608
    tables.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS {found}", where.parameters)
    return Condition(f"allele IN (SELECT allele FROM {name})")  # noqa: S608 - the name is ours, and says what was asked


def count(tables: Cursor, where: Condition) -> int:
    """How many alleles there are."""
    found = _remember(tables, f"SELECT count(*) AS n FROM {where.source} WHERE {where.sql}", where)  # noqa: S608
    return int(found[0]["n"])


def facets(
    tables: Cursor, columns: Mapping[str, str], conditions: Mapping[str, Condition]
) -> dict[str, list[tuple[str, int]]]:
    """For each filter with a list of values: (value, alleles), under all the other filters. "." is no value."""
    names = [name for name, column in FACETS.items() if column in columns]
    together = [name for name in names if name not in conditions]
    found = _grouped(tables, together, both(conditions.values())) if together else {}
    for name in names:
        if name in conditions:
            others = both(condition for other, condition in conditions.items() if other != name)
            found |= _grouped(tables, [name], others)
    return {name: found[name] for name in names}


def _grouped(tables: Cursor, names: list[str], where: Condition) -> dict[str, list[tuple[str, int]]]:
    """Counts by the values of several columns in one pass."""
    columns = [quoted(FACETS[name]) for name in names]
    sets = ", ".join(f"({column})" for column in columns)
    marks = ", ".join(f"grouping({column}) AS g{number}" for number, column in enumerate(columns))
    sql = (
        f"SELECT {', '.join(columns)}, {marks}, count(*) AS n FROM {where.source} WHERE {where.sql} "  # noqa: S608
        f"GROUP BY GROUPING SETS ({sets}) ORDER BY n DESC, {', '.join(columns)}"
    )
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
    for row in _remember(tables, sql, where):
        name = next(name for number, name in enumerate(names) if not row[f"g{number}"])
        if len(found[name]) < FACET_VALUES:
            found[name].append((row[FACETS[name]] or ".", row["n"]))
    return {name: _in_order(name, counts) for name, counts in found.items()}


def genotype_counts(
    tables: Cursor, sample: str, conditions: Mapping[str, Condition]
) -> list[tuple[str, int]]:  # fmt: skip
    """(genotype, alleles) of a sample's column under all the other filters; a carrier counts with its kind too."""
    others = both(condition for name, condition in conditions.items() if name != "genotype")
    sums = ", ".join(f"count(*) FILTER (WHERE {has_genotype(sample, (name,))}) AS {name}" for name in GENOTYPES)
    return _side_by_side(tables, sums, others)


def pattern_counts(tables: Cursor, trio: Trio, conditions: Mapping[str, Condition]) -> list[tuple[str, int]]:
    """(pattern, alleles) of a trio under all the other filters."""
    others = both(condition for name, condition in conditions.items() if name != "pattern")
    plain = [name for name in PATTERNS if name != "compound"]
    sums = ", ".join(f"count(*) FILTER (WHERE {fits(name, trio)}) AS {name}" for name in plain)
    found = dict(_side_by_side(tables, sums, others))
    found["compound"] = count(tables, both([others, Condition(in_pairs(trio), is_of_others=True)]))
    return [(name, found[name]) for name in PATTERNS]


def _side_by_side(tables: Cursor, sums: str, where: Condition) -> list[tuple[str, int]]:
    """Named counts over the alleles beside their genotypes, which have one order."""
    sql = f"SELECT {sums} FROM alleles POSITIONAL JOIN genotypes WHERE {where.sql}"  # noqa: S608
    return list(_remember(tables, sql, where)[0].items())


def _in_order(name: str, counts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """By severity where there is one, else by number."""
    severity = {"impact": IMPACTS, "consequence": TERMS}.get(name)
    return sorted(counts, key=lambda pair: severity.index(pair[0])) if severity else counts


def _remember(tables: Cursor, sql: str, where: Condition) -> list[dict[str, Any]]:
    key = (str(tables.tables.alleles), sql, where.parameters)
    found: list[dict[str, Any]] = remembered(key, lambda: tables.all(sql, where.parameters))
    return list(found)


def remembered(key: tuple[Any, ...], ask: Callable[[], Any]) -> Any:
    """The answer to a question that the key names, its files included; asked once."""
    with _guard:
        if key in _remembered:
            _remembered.move_to_end(key)
            return _remembered[key]
    found = ask()
    with _guard:
        _remembered[key] = found
        while len(_remembered) > _REMEMBERED:
            _remembered.popitem(last=False)
    return found


# --- One allele ---------------------------------------------------------------------------------
def transcripts(tables: Cursor, allele: int) -> list[dict[str, Any]]:
    """All rows of an allele, the picked one first, then the more severe ones; none for no such allele."""
    found = tables.all("SELECT allele_row FROM alleles WHERE allele = ?", [allele])
    if not found:
        return []
    rows = tables.all("SELECT * FROM rows WHERE allele_row = ? ORDER BY row", [found[0]["allele_row"]])
    return sorted(rows, key=lambda row: (not row["picked"], TERMS.index(row["consequence"].split("&")[0])))


def walk(tables: Cursor, sql: str, where: Condition, size: int = 2000) -> Iterator[list[tuple[Any, ...]]]:
    """The answer to a long question, part by part."""
    found = tables.execute(sql, where.parameters)
    while part := found.fetchmany(size):
        yield part
