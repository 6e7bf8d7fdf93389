"""Builds a reference: FASTA and genes -> the arrays of layout.py. The same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotations.genomics.consequence.codons import CODE_NUMBERS, CODES
from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import aliases, installed, manifest
from annotations.genomics.reference.contigs import Contig, Contigs
from annotations.genomics.reference.fasta import read_fasta
from annotations.genomics.reference.genes import GeneModels, is_gtf
from annotations.genomics.reference.gff3 import read_gff3
from annotations.genomics.reference.gtf import read_gtf
from annotations.genomics.reference.layout import BASE_CODES
from annotations.genomics.reference.tables import write_tables


@dataclass(frozen=True)
class BuildInputs:
    """What a reference is made of. codon_tables: contig name -> NCBI number (default 1; 2 for rCRS).

    sources: (name of a declaration, data file), see sources/declaration.py; callables: (name, BED
    file of what that source could have seen).
    """

    name: str
    assembly: str
    fasta: Sequence[Path]
    genes: Sequence[Path]
    codon_tables: dict[str, int]
    sources: Sequence[tuple[str, Path]] = ()
    callables: Sequence[tuple[str, Path]] = ()


def build_reference(inputs: BuildInputs, folder: Path) -> Path:
    """Build <folder>/<name> beside its place and rename it there; returns the new folder.

    Raises AnnotationError where an input cannot be read, a contig is named twice, or genes lie
    on no contig of the FASTA; nothing is left behind then.
    """
    target = folder / inputs.name
    beside = folder / f".{inputs.name}.building"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        models = [(read_gtf if is_gtf(path) else read_gff3)(path) for path in inputs.genes]
        contigs = _write_sequence(inputs, models, beside)
        counts = write_tables(models, contigs, beside)
        manifest.write(beside, inputs.name, inputs.assembly, _describe(inputs, models), contigs, counts)
        if inputs.sources or inputs.callables:
            manifest.add_sources(beside, _compile_sources(inputs, beside))
        installed.write_checksums(beside)
        _put_in_place(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def _compile_sources(inputs: BuildInputs, folder: Path) -> list[dict[str, Any]]:
    from annotations.genomics.reference.load import load_reference  # numba takes a while to import
    from annotations.genomics.sources.compile import compile_sources

    return compile_sources(inputs.sources, load_reference(folder), inputs.callables)


def _put_in_place(beside: Path, target: Path) -> None:
    """Rename; an older build steps aside first and goes when the new one stands."""
    old = target.parent / f".{target.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    beside.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _describe(inputs: BuildInputs, models: Sequence[GeneModels]) -> list[manifest.Input]:
    described = [manifest.describe_input("fasta", path, {}) for path in inputs.fasta]
    for path, model in zip(inputs.genes, models, strict=True):
        described.append(manifest.describe_input("genes", path, model.header))
    return described


def _write_sequence(inputs: BuildInputs, models: Sequence[GeneModels], folder: Path) -> Contigs:
    declared = {name: names for model in models for name, names in model.aliases.items()}
    contigs: list[Contig] = []
    names: set[str] = set()
    offset = 0
    table = bytes(BASE_CODES.clip(max=4))
    with (folder / "sequence.bin").open("wb") as out:
        for path in inputs.fasta:
            for name, letters in read_fasta(path):
                contig = _describe_contig(name, letters, offset, declared, inputs.codon_tables)
                if names & set(contig.aliases):
                    raise AnnotationError("reference_contig_twice", f"The FASTA files hold {name} twice.", field=name)
                names |= set(contig.aliases)
                out.write(letters.translate(table))
                contigs.append(contig)
                offset += contig.length
    _check_codon_tables(inputs.codon_tables, names)
    return Contigs(tuple(contigs))


def _describe_contig(
    name: str, letters: bytes, offset: int, declared: dict[str, tuple[str, ...]], codon_tables: dict[str, int]
) -> Contig:
    length = len(letters)
    if length == 0 or length >= 2**31:
        raise AnnotationError("reference_contig_length", f"Contig {name} has {length} bases.", field=name)
    own = set(aliases.contig_aliases(name, length, ()))
    said = next((names for key, names in declared.items() if key in own or own & set(names)), ())
    known = aliases.find_known(name, length)
    is_mitochondrial = (known is not None and known.name == "MT") or name in aliases.spellings("MT")
    all_names = aliases.contig_aliases(name, length, said)
    code = next((codon_tables[key] for key in all_names if key in codon_tables), 2 if is_mitochondrial else 1)
    if code not in CODES:
        raise AnnotationError("codon_table_unknown", f"Genetic code {code} is not among {sorted(CODES)}.")
    return Contig(
        name=name,
        length=length,
        md5=hashlib.md5(letters, usedforsecurity=False).hexdigest(),
        offset=offset,
        codon_table=CODE_NUMBERS.index(code),
        accession=aliases.hgvs_accession(name, length, said),
        is_mitochondrial=is_mitochondrial,
        aliases=all_names,
    )


def _check_codon_tables(codon_tables: dict[str, int], names: set[str]) -> None:
    for name in codon_tables:
        if name not in names:
            raise AnnotationError(
                "codon_table_contig", f"--codon-table names {name}, which the FASTA does not hold.", field=name
            )
