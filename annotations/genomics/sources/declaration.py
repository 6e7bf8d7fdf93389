"""What a source is: one small TOML file, read strictly.

title, home, licence        words for people; a score must name its licence
kind                        exact (by allele), overlap (by place), gene, score (by allele and transcript or gene)
version | version_header    its version, or the ##header line of its VCF that says it
status                      exact: the key of found, not_seen or not_covered, where a callable file is given
columns                     overlap, gene and score: names of the file's columns, in order
separator                   of the columns; a tab unless it is said
heading                     the first line that is no comment names the columns
join                        gene and score: the column that holds the gene or transcript, called gene_symbol,
                            gene_id or transcript_id; a score without it is of the allele alone
entries                     score: the file is a VCF, and this INFO key holds a list of entries with these columns
[[fields]]                  what is taken from it:
  key                       name in INFO, capitals; in tables it is in small letters
  from                      INFO key of the VCF, "ID" or "FILTER" for that column of it; or a column
  type                      Integer, Float or String
  description               for the ##INFO line
  by_allele                 exact: the value is a list, one for each ALT (Number=A in effect)
  scale                     numbers are multiplied by it, such as "0.01" for percent
  words                     what a value becomes, such as a review status its stars; any other is no value
  optional                  a file without it is not refused; the field is left out then
  existing                  exact: it goes to CSQ's Existing_variation and has no INFO key
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from annotations.genomics.errors import AnnotationError

SHIPPED: Final = Path(__file__).resolve().parent / "declared"
_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]{2,63}")
OWN_KEY: Final = re.compile(r"[A-Z][A-Z0-9]{2,11}")
"""What a user may call a source of their own."""
JOINS: Final = ("gene_symbol", "gene_id", "transcript_id")
_PLACE: Final = ("contig", "pos", "ref", "alt")
_RESERVED: Final = frozenset({"CSQ", "ANN", "END", "SVLEN", "SVTYPE", "IMPACT", "STRAND", "DISTANCE"})


class SourceKind(StrEnum):
    """How a source is matched."""

    EXACT = "exact"
    OVERLAP = "overlap"
    GENE = "gene"
    SCORE = "score"


class FieldType(StrEnum):
    """Types of ##INFO."""

    INTEGER = "Integer"
    FLOAT = "Float"
    STRING = "String"


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a source. scale: None where numbers stay as they are."""

    key: str
    origin: str
    type: FieldType
    description: str
    by_allele: bool = False
    scale: Decimal | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    existing: bool = False

    @property
    def column(self) -> str:
        """Its name in tables."""
        return self.key.lower()


@dataclass(frozen=True, slots=True)
class Declaration:
    """A source without its data. name: the file's, without `.toml`. See the top of this module."""

    name: str
    title: str
    kind: SourceKind
    fields: tuple[Field, ...]
    home: str = ""
    licence: str = ""
    version: str = ""
    version_header: str = ""
    status: str = ""
    columns: tuple[str, ...] = ()
    separator: str = "\t"
    heading: bool = False
    join: str = ""
    entries: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    """The TOML as it was read, for manifests."""

    @property
    def is_by_allele(self) -> bool:
        """It says the same of an allele on every transcript."""
        return self.kind is not SourceKind.GENE and not self.join


def find_declaration(name: str) -> Declaration:
    """A shipped declaration by its name, or a file of one's own by its path (ends in `.toml`).

    Raises AnnotationError(source_unknown | source_malformed).
    """
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    shipped = sorted(item.stem for item in SHIPPED.glob("*.toml"))
    if not path.is_file() or (path.parent == SHIPPED and path.stem not in shipped):
        raise AnnotationError(
            "source_unknown",
            f"There is no source {name}: it must be {', '.join(shipped)}, or a TOML file of your own.",
            value=name,
        )
    try:
        return parse_declaration(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise malformed(path.stem, f"it is not TOML ({error})") from None


def malformed(name: str, reason: str) -> AnnotationError:
    """A declaration that cannot be used."""
    return AnnotationError("source_malformed", f"The declaration of source {name} cannot be used: {reason}.")


def parse_declaration(name: str, content: dict[str, Any]) -> Declaration:
    """Raises AnnotationError(source_malformed) for what is missing, misspelt or not allowed."""
    given = dict(content)
    rows = given.pop("fields", None)
    if not isinstance(rows, list) or not rows:
        raise malformed(name, "it has no [[fields]]")
    try:
        kind = SourceKind(given.pop("kind", ""))
        given["columns"] = tuple(given.get("columns", ()))
        found = Declaration(
            name=name, kind=kind, fields=tuple(_parse_field(row) for row in rows), content=content, **given
        )
    except (TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise malformed(name, str(error)) from None
    _check(found)
    return found


def _parse_field(row: dict[str, Any]) -> Field:
    given = dict(row)
    origin, scale = given.pop("from", ""), given.pop("scale", None)
    return Field(
        origin=origin,
        type=FieldType(given.pop("type", "")),
        scale=None if scale is None else Decimal(scale),
        **given,
    )


def _check(found: Declaration) -> None:
    for column in _needed_columns(found):
        if column not in found.columns:
            raise malformed(found.name, f"columns lacks {column or 'the one that join names'}")
    if found.join and found.join not in JOINS:
        raise malformed(found.name, f"join must be one of {', '.join(JOINS)}")
    if found.kind is SourceKind.SCORE and not found.licence:
        raise malformed(found.name, "a score must name its licence")
    if found.status and (found.kind is not SourceKind.EXACT or not _is_key(found.status)):
        raise malformed(found.name, "status must be a key of three or more capitals, and only an exact source has it")
    for item in found.fields:
        _check_field(found, item)


def _needed_columns(found: Declaration) -> tuple[str, ...]:
    if found.kind is SourceKind.SCORE:
        place = ("alt",) if found.entries else _PLACE
        return (*place, found.join) if found.join else place
    return {
        SourceKind.EXACT: (),
        SourceKind.OVERLAP: ("contig", "start", "end"),
        SourceKind.GENE: (found.join,),
    }[found.kind]


def _is_key(key: str) -> bool:
    return _KEY.fullmatch(key) is not None and key not in _RESERVED


def _check_field(found: Declaration, item: Field) -> None:
    if not _is_key(item.key):
        raise malformed(found.name, f"the key {item.key!r} is not three or more capitals, digits and _, or is taken")
    if found.columns and item.origin not in found.columns:
        raise malformed(found.name, f"{item.key} is from {item.origin!r}, which is not among its columns")
    if item.type is FieldType.STRING and item.scale is not None:
        raise malformed(found.name, f"{item.key} is text and cannot be scaled")
    if item.existing and (found.kind is not SourceKind.EXACT or item.type is not FieldType.STRING):
        raise malformed(found.name, f"{item.key}: only a text of an exact source can be an existing variation")
    if any(letter in f"{item.description}{found.title}{found.version}" for letter in '"\\\n'):
        raise malformed(found.name, f"{item.key}: no quotes, backslashes or line ends in descriptions")
