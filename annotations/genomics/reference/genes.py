"""Gene models, whatever file they came from.

Coordinates are on the genome, 0-based and half-open, ascending whatever the strand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Final
from urllib.parse import unquote

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.fasta import open_by_content

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a GFF3 or GTF file."""

    contig: str
    source: str
    type: str
    start: int
    end: int
    strand: int
    phase: int
    attributes: dict[str, str]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gene:
    """gene_id without version for Ensembl, the Entrez number for RefSeq."""

    gene_id: str
    gene_symbol: str
    symbol_source: str
    hgnc_id: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """transcript_id and protein_id carry their version where the file gives one.

    phase: bases to skip in the first CDS piece (5'-most) before its first whole codon.
    differs: the file says that the transcript's own sequence is not the genome's.
    hgvs_context: the sequence a c. name is written on where the transcript has no accession.
    """

    contig: str
    start: int
    end: int
    strand: int
    transcript_id: str
    biotype: str
    gene: Gene
    exons: tuple[Span, ...]
    cds: tuple[Span, ...]
    phase: int
    protein_id: str
    tags: frozenset[str]
    source: str
    mature: tuple[Span, ...] = ()
    differs: bool = False
    hgvs_context: str = ""


@dataclass(frozen=True, slots=True)
class GeneModels:
    """What one gene file says. aliases: contig -> its other names; header: release and date."""

    transcripts: tuple[Transcript, ...]
    aliases: dict[str, tuple[str, ...]]
    header: dict[str, str]


_SYMBOL_SOURCES: Final = {
    "HGNC Symbol": "HGNC",
    "NCBI gene (formerly Entrezgene)": "EntrezGene",
    "NCBI gene": "EntrezGene",
    "Uniprot/SPTREMBL": "Uniprot",
}
_DESCRIPTION: Final = re.compile(r"\[Source:([^;\]]+);Acc:([^\]]+)\]")


def describe_source(description: str) -> tuple[str, str]:
    """(symbol_source, hgnc_id) from Ensembl's `[Source:HGNC Symbol;Acc:HGNC:7455]`."""
    match = _DESCRIPTION.search(description)
    if match is None:
        return "", ""
    source, accession = match.groups()
    name = _SYMBOL_SOURCES.get(source, source.replace(" ", "_"))
    return name, accession if accession.startswith("HGNC:") else ""


def unversioned(gene_id: str) -> str:
    """ENSG00000141510.18 -> ENSG00000141510: VEP's Gene column has no version."""
    return gene_id.split(".", maxsplit=1)[0] if gene_id.startswith("ENS") else gene_id


def with_version(name: str, version: str) -> str:
    """ENST00000632506 and 1 -> ENST00000632506.1, unless there is a version already."""
    return f"{name}.{version}" if name and version and "." not in name else name


_USED: Final = {
    name: name
    for name in (
        "Parent", "ID", "Alias", "Name", "Dbxref", "Note", "version", "tag", "description", "exception", "note",
        "gene", "gene_id", "gene_name", "gene_source", "gene_biotype", "hgnc_id", "db_xref", "biotype",
        "transcript_id", "transcript_version", "transcript_type", "transcript_biotype", "ccds_id", "ccdsid",
        "protein_id", "protein_version",
    )
}  # fmt: skip
"""The attributes that gene models are made of. A genome has millions of lines: the others are not kept."""
_GTF_ATTRIBUTE: Final = re.compile(r'\s*([^\s;]+)\s+(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))\s*;?')


def _gff3_attributes(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    attributes = {}
    for item in text.split(";"):
        key, _, value = item.partition("=")
        if used := _USED.get(key.strip()):
            attributes[used] = value.strip()
    tags = tuple(intern(unquote(tag)) for tag in attributes.pop("tag", "").split(",") if tag)
    return attributes, tags


def _gtf_attributes(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    attributes: dict[str, str] = {}
    tags = []
    for key, quoted, bare in _GTF_ATTRIBUTE.findall(text):
        value = quoted or bare
        if key == "tag":
            tags.append(intern(value))
        elif used := _USED.get(key):
            attributes.setdefault(used, value)
    return attributes, tuple(tags)


def read_rows(path: Path, header: dict[str, str]) -> Iterator[Row]:
    """Yield the rows of a GFF3 or GTF file; `header` receives its `#!key value` lines.

    GTF is told by its attributes: `key "value";` instead of `key=value`.
    Raises AnnotationError(genes_malformed) with the line.
    """
    with open_by_content(path) as stream:
        for number, raw in enumerate(stream, 1):
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line.startswith("##FASTA"):
                return
            if line.startswith("#") or not line.strip():
                if line.startswith("#!") or line.startswith("##date"):
                    key, _, value = line.lstrip("#!").partition(" ")
                    header.setdefault(key.strip(":"), value.strip())
                continue
            yield _read_row(path, number, line)


def _read_row(path: Path, number: int, line: str) -> Row:
    columns = line.split("\t")
    if len(columns) != 9 or not (_is_place(columns[3]) and _is_place(columns[4])):
        raise AnnotationError(
            "genes_malformed",
            f"{path.name} line {number} is not GFF3 or GTF: nine columns with numbers in the"
            " fourth and fifth are needed.",
            line=number,
        )
    text = columns[8]
    is_gff3 = "=" in text.split(";")[0] and '"' not in text.split("=")[0]
    attributes, tags = _gff3_attributes(text) if is_gff3 else _gtf_attributes(text)
    return Row(
        contig=intern(columns[0]),
        source=intern(columns[1]),
        type=intern(columns[2]),
        start=int(columns[3]) - 1,
        end=int(columns[4]),
        strand=-1 if columns[6] == "-" else 1,
        phase=int(columns[7]) if columns[7] in ("0", "1", "2") else 0,
        attributes=attributes,
        tags=tags,
    )


def _is_place(text: str) -> bool:
    """A position that a contig can have: it takes 31 bits."""
    return text.isdecimal() and int(text) < 2**31


def is_gtf(path: Path) -> bool:
    """True where the first feature's attributes are written as GTF writes them."""
    for row in read_rows(path, {}):
        return "ID" not in row.attributes and "gene_id" in row.attributes and "Parent" not in row.attributes
    return False
