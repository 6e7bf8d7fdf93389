"""A source that somebody brings as a file alone: the declaration is made from what the file says.

A VCF gives its ID and the keys that its header declares, by allele where they are Number=A; a BED
with names gives the names by place. Keys begin with the name that its owner chose: LAB_AF, LAB_ID.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.fasta import open_by_content
from annotations.genomics.sources.compile import check_keys, compile_source
from annotations.genomics.sources.declaration import OWN_KEY, Declaration, FieldType, SourceKind, parse_declaration
from annotations.genomics.sources.layout import load
from annotations.genomics.vcf.limits import DEFAULT_LIMITS
from annotations.genomics.vcf.reader import VcfReader

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

MAX_FIELDS: Final = 12
MAX_BYTES: Final = 500_000_000
"""Of the file unpacked."""
MAX_LINE: Final = 1 << 20
MAX_REGIONS: Final = 500_000
_BLOCK: Final = 1 << 20
_INFO: Final = re.compile(r'##INFO=<ID=([^,]+),Number=([^,]+),Type=(Integer|Float|String),Description="(.*?)"')
_BED: Final = ("contig", "start", "end", "name")

Own = Sequence[tuple[str, Path]]
"""(the name its owner gave it, its file)."""


def with_own_sources(reference: Reference, own: Own, folder: Path) -> Reference:
    """The reference with these sources behind its own, compiled into folder.

    Raises AnnotationError where a file cannot be used, or a key is that of another source.
    """
    declarations = [declare(key, path) for key, path in own]
    check_keys([*(source.declaration for source in reference.sources), *declarations])
    made = []
    for number, (declaration, (_, path)) in enumerate(zip(declarations, own, strict=True)):
        place = folder / str(number)
        place.mkdir()
        entry = compile_source(declaration, [path], reference, place)
        version = f"sha256 {entry['files'][0]['sha256'][:12]}"
        made.append(load(place, parse_declaration(entry["key"], entry["declaration"]), version))
    return replace(reference, sources=(*reference.sources, *made))


def check(key: str, path: Path, reference: Reference, folder: Path) -> dict[str, Any]:
    """What the file holds, after a trial: {kind, keys, counts}. Raises AnnotationError where it is of no use."""
    declaration = declare(key, path)
    check_keys([*(source.declaration for source in reference.sources), declaration])
    counts = compile_source(declaration, [path], reference, folder)["counts"]
    held = counts.get("alleles", counts.get("regions", 0))
    if not held:
        raise AnnotationError(
            "source_holds_nothing",
            f"Nothing in the file lies on {reference.assembly} ({reference.name}): check that it is of this assembly, "
            "and that REF and the contigs' names are right.",
        )
    return {"kind": declaration.kind.value, "keys": [field.key for field in declaration.fields], "counts": counts}


def declare(key: str, path: Path) -> Declaration:
    """The declaration that a VCF or BED file brings with it."""
    if not OWN_KEY.fullmatch(key):
        raise AnnotationError("source_key", f"{key!r} is not three to twelve capitals and digits.", value=key)
    if not path.is_file():
        raise AnnotationError("no_input", f"There is no file {path.name} for source {key}.")
    first = _check_unpacked(path)
    content: dict[str, Any] = {"title": f"{key}, a source of the user", "version": "own"}
    if first.startswith(b"##fileformat=VCF"):
        content |= {"kind": SourceKind.EXACT.value, "fields": _vcf_fields(key, path)}
    else:
        _check_bed(path)
        described = "Regions that the allele lies in, joined with &"
        row = {"key": key, "from": "name", "type": FieldType.STRING.value, "description": described}
        content |= {"kind": SourceKind.OVERLAP.value, "columns": list(_BED), "fields": [row]}
    return parse_declaration(key, content)


def _check_unpacked(path: Path) -> bytes:
    """The first bytes, after all of it was read once: neither a bomb nor a line without an end."""
    size, in_line, first = 0, 0, b""
    try:
        with open_by_content(path) as stream:
            while block := stream.read(_BLOCK):
                first = first or block[:16]
                size += len(block)
                at = block.rfind(b"\n")
                in_line = in_line + len(block) if at < 0 else len(block) - at
                if size > MAX_BYTES:
                    raise AnnotationError("source_too_large", f"The file is larger than {MAX_BYTES:,} bytes unpacked.")
                if in_line > MAX_LINE:
                    raise AnnotationError("source_line", "The file has a line of more than a million letters.")
                if b"\0" in block:
                    raise AnnotationError("source_not_text", "The file is no text, so neither a VCF nor a BED file.")
    except (OSError, EOFError, zlib.error) as error:
        raise AnnotationError("source_damaged", f"The file cannot be unpacked ({error}): send it again.") from None
    return first


def _vcf_fields(key: str, path: Path) -> list[dict[str, Any]]:
    with VcfReader(path, DEFAULT_LIMITS) as reader:
        declared = [found.groups() for line in reader.header.lines if (found := _INFO.match(line))]
    rows: list[dict[str, Any]] = [
        {"key": f"{key}_ID", "from": "ID", "type": "String", "description": "ID of the allele"}
    ]
    taken = {f"{key}_ID"}
    for name, number, kind, description in declared:
        own = f"{key}_{re.sub('[^A-Z0-9]', '_', name.upper())}"[:64]
        if len(rows) == MAX_FIELDS:
            break
        if own in taken or number == "0":
            continue
        taken.add(own)
        rows.append({
            "key": own, "from": name, "type": kind if number in ("1", "A") else "String",
            "description": re.sub(r'["\\]', "", description)[:200], "by_allele": number == "A", "optional": True,
        })  # fmt: skip
    return rows


def _check_bed(path: Path) -> None:
    """Contig, start, end and a name in each line, and not too many of them."""
    count = 0
    with open_by_content(path) as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith((b"#", b"track", b"browser")) or not line.strip():
                continue
            count += 1
            cells = line.split(b"\t")
            if len(cells) < len(_BED) or not (cells[1].isdigit() and cells[2].isdigit()):
                raise AnnotationError(
                    "source_not_bed",
                    f"Line {number} is neither of a VCF nor of a BED file, which has contig, start, end and name "
                    "with tabs between.",
                    line=number,
                )
            if count > MAX_REGIONS:
                raise AnnotationError("source_too_large", f"The file has more than {MAX_REGIONS:,} regions.")
