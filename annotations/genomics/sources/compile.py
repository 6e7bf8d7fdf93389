"""Compiles declared sources into a reference that is being built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annotations.genomics.errors import AnnotationError
from annotations.genomics.sources.coverage import compile_callable
from annotations.genomics.sources.declaration import Declaration, SourceKind, find_declaration
from annotations.genomics.sources.exact import compile_exact
from annotations.genomics.sources.layout import FOLDER, save
from annotations.genomics.sources.places import compile_gene, compile_overlap
from annotations.genomics.sources.score import compile_score

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

Given = Sequence[tuple[str, Path]]
"""(a shipped declaration's name or the path of one's own, a data file), in the order of outputs."""


def compile_sources(given: Given, reference: Reference, callables: Given = ()) -> list[dict[str, Any]]:
    """Write the sources into reference.folder; their entries for the manifest.

    A name given with several files is one source. callables: BED files of what a source could have
    seen, by its name. Raises AnnotationError for a declaration or a file that cannot be used, and
    where two sources want one key.
    """
    files: dict[str, list[Path]] = {}
    for name, path in given:
        files.setdefault(name, []).append(path)
    covered = dict(callables)
    declarations = {name: find_declaration(name) for name in files}
    check_keys(list(declarations.values()))
    _check_callables(covered, declarations)
    described = []
    for number, (name, paths) in enumerate(files.items()):
        folder = reference.folder / FOLDER / str(number)
        folder.mkdir(parents=True)
        described.append(compile_source(declarations[name], paths, reference, folder, covered.get(name)))
    return described


def _check_callables(covered: dict[str, Path], declarations: dict[str, Declaration]) -> None:
    for name in covered:
        if name not in declarations or not declarations[name].status:
            raise AnnotationError(
                "source_not_callable",
                f"A callable file is given for {name}, which is no source here whose declaration has a status.",
                value=name,
            )


def check_keys(declarations: list[Declaration]) -> None:
    """Raises AnnotationError(source_key_twice) where two sources, or one and the tables, want one key."""
    from annotations.genomics.output.tables import SCHEMA  # Arrow takes a while to import

    taken = set(SCHEMA.names)
    for declaration in declarations:
        keys = [field.key for field in declaration.fields]
        if declaration.status and declaration.status not in keys:
            keys.append(declaration.status)
        for key in keys:
            if key.lower() in taken:
                raise AnnotationError(
                    "source_key_twice",
                    f"Source {declaration.name} wants the key {key}, which another or a table's own column has.",
                    field=key,
                )
            taken.add(key.lower())


def compile_source(
    declaration: Declaration, paths: Sequence[Path], reference: Reference, folder: Path, covered: Path | None = None
) -> dict[str, Any]:
    """Write one source into folder; its entry for the manifest."""
    for path in [*paths, *([covered] if covered else [])]:
        if not path.is_file():
            raise AnnotationError("no_input", f"There is no file {path} for source {declaration.name}.")
    made = _COMPILERS[declaration.kind](declaration, paths, reference)
    arrays, columns = made.arrays, made.columns
    if made.found is not None:
        columns = [column for column, field in zip(columns, declaration.fields, strict=True) if field.key in made.found]
    if covered:
        arrays = arrays | compile_callable(covered, declaration.name, reference)
    save(folder, arrays, columns)
    version = made.headers.get(declaration.version_header, declaration.version)
    return {
        "key": declaration.name,
        "version": "".join(letter for letter in version if letter.isprintable() and letter not in '"\\'),
        "counts": made.counts,
        "declaration": _without(declaration.content, made.found),
        "files": [_describe(path) for path in paths],
        **({"callable": _describe(covered)} if covered else {}),
    }


_COMPILERS: Final = {
    SourceKind.EXACT: compile_exact,
    SourceKind.OVERLAP: compile_overlap,
    SourceKind.GENE: compile_gene,
    SourceKind.SCORE: compile_score,
}


def _without(content: Mapping[str, Any], found: frozenset[str] | None) -> dict[str, Any]:
    """The declaration less the optional fields that no file has."""
    if found is None:
        return dict(content)
    return {**content, "fields": [row for row in content["fields"] if row["key"] in found]}


def _describe(path: Path) -> dict[str, Any]:
    from annotations.genomics.reference.manifest import digest_file

    return {"file": path.name, "sha256": digest_file(path), "bytes": path.stat().st_size}
