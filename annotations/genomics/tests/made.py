"""Files for tests: small references and VCFs, written where a test wants them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from annotations.genomics.output.bgzf import pack_block
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.vcf.containers import BGZF_END

PROJECT = Path(__file__).resolve().parents[3]
BENCH = PROJECT.parent / "shared" / "data" / "bench"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def build_mitochondrion(folder: Path, name: str = "mito") -> Path:
    """A reference of the real chrM, its 37 genes and its own code: built in a moment."""
    source = PROJECT / "reference"
    inputs = BuildInputs(
        name, "GRCh38", [source / "GRCh38.chrM.fa"], [source / "GRCh38.chrM.ensembl113.gff3"], {"chrM": 2}
    )
    return build_reference(inputs, folder)


def build_sequence(folder: Path, name: str, sequences: dict[str, str], genes: Iterable[str] = ()) -> Path:
    """A reference of these sequences; genes: GFF3 lines, without any a lone gene on the first contig."""
    folder.mkdir(parents=True, exist_ok=True)
    fasta, gff = folder / f"{name}.fa", folder / f"{name}.gff3"
    fasta.write_text("".join(f">{contig}\n{bases}\n" for contig, bases in sequences.items()))
    lines = list(genes) or simple_gene(next(iter(sequences)), 101, 160)
    gff.write_text("\n".join(["##gff-version 3", *lines]) + "\n")
    return build_reference(BuildInputs(name, "made", [fasta], [gff], {}), folder)


def simple_gene(contig: str, first: int, last: int) -> list[str]:
    """GFF3 lines of a gene with one exon that is all CDS, on the forward strand."""
    rows = (
        ("gene", "ID=gene:G1;Name=G1;biotype=protein_coding;gene_id=G1"),
        ("mRNA", "ID=transcript:T1;Parent=gene:G1;biotype=protein_coding;transcript_id=T1;version=1"),
        ("exon", "Parent=transcript:T1"),
        ("CDS", "ID=CDS:P1;Parent=transcript:T1;protein_id=P1"),
    )
    return [
        f"{contig}\tmade\t{kind}\t{first}\t{last}\t.\t+\t{'0' if kind == 'CDS' else '.'}\t{attributes}"
        for kind, attributes in rows
    ]


def vcf_text(
    records: Iterable[str], *, header: Iterable[str] = (), columns: str = COLUMNS, version: str = "4.2"
) -> str:
    """A VCF; records: lines without line ends."""
    return "\n".join([f"##fileformat=VCFv{version}", *header, columns, *records]) + "\n"


def pack_bgzf(data: bytes, block: int = 65280) -> bytes:
    """The bytes as BGZF."""
    blocks = [pack_block(memoryview(data[at : at + block])) for at in range(0, len(data), block)]
    return b"".join(blocks) + BGZF_END


def unpack_gzip(data: bytes) -> bytes:
    """All members of a gzip or BGZF file, by zlib: not by the code under test."""
    out = []
    while data:
        unpacker = zlib.decompressobj(31)
        out.append(unpacker.decompress(data))
        data = unpacker.unused_data
    return b"".join(out)


def bgzf_sizes(data: bytes) -> list[int]:
    """Unpacked sizes of a BGZF file's blocks, read from the blocks' own fields."""
    sizes, at = [], 0
    while at < len(data):
        size = struct.unpack_from("<H", data, at + 16)[0] + 1
        sizes.append(struct.unpack_from("<I", data, at + size - 4)[0])
        at += size
    return sizes
