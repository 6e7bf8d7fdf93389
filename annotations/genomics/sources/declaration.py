"""What a source is: one small TOML file, read strictly.

title, home, licence        words for people
kind                        exact (by allele), overlap (by place), gene
version | version_header    its version, or the ##header line of its VCF that says it
columns                     overlap and gene: names of the file's columns, in order
join                        gene: the column that holds the gene, called gene_symbol or gene_id
[[fields]]                  what is taken from it:
  key                       name in INFO, capitals; in tables it is in small letters
  from                      INFO key of the VCF, "ID" for its ID column; or a column
  type                      Integer, Float or String
  description               for the ##INFO line
  by_allele                 exact: the value is a list, one for each ALT (Number=A in effect)
  scale                     numbers are multiplied by it, such as "0.01" for percent
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from annotations.genomics.errors import AnnotationError

SHIPPED: Final = Path(__file__).resolve().parent / "declared"
_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]{2,63}")
_RESERVED: Final = frozenset({"CSQ", "ANN", "END", "SVLEN", "SVTYPE", "IMPACT", "STRAND", "DISTANCE"})


class SourceKind(StrEnum):
    """How a source is matched."""

    EXACT = "exact"
    OVERLAP = "overlap"
    GENE = "gene"


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

    @property
    def column(self) -> str:
        """Its name in tables."""
        return self.key.lower()


@dataclass(frozen=True, slots=True)
class Declaration:
    """A source without its data. name: the file's, without `.toml`."""

    name: str
    title: str
    kind: SourceKind
    fields: tuple[Field, ...]
    home: str = ""
    licence: str = ""
    version: str = ""
    version_header: str = ""
    columns: tuple[str, ...] = ()
    join: str = ""


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
        found = Declaration(name=name, kind=kind, fields=tuple(_parse_field(row) for row in rows), **given)
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
    needed = {
        SourceKind.EXACT: (),
        SourceKind.OVERLAP: ("contig", "start", "end"),
        SourceKind.GENE: (found.join,),
    }[found.kind]
    for column in needed:
        if column not in found.columns:
            raise malformed(found.name, f"columns lacks {column or 'the one that join names'}")
    if found.kind is SourceKind.GENE and found.join not in ("gene_symbol", "gene_id"):
        raise malformed(found.name, "join must be gene_symbol or gene_id")
    for field in found.fields:
        if not _KEY.fullmatch(field.key) or field.key in _RESERVED:
            raise malformed(
                found.name, f"the key {field.key!r} is not three or more capitals, digits and _, or is taken"
            )
        if found.columns and field.origin not in found.columns:
            raise malformed(found.name, f"{field.key} is from {field.origin!r}, which is not among its columns")
        if field.type is FieldType.STRING and field.scale is not None:
            raise malformed(found.name, f"{field.key} is text and cannot be scaled")
        if any(letter in f"{field.description}{found.title}{found.version}" for letter in '"\\\n'):
            raise malformed(found.name, f"{field.key}: no quotes, backslashes or line ends in descriptions")
