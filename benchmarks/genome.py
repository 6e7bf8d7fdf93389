"""A made genome of the human one's size: how long it takes to build, to open, and what annotating on it needs.

python -m benchmarks.genome [--scale 0.1]

3.1 billion bases in 24 contigs, 250,000 transcripts with nine exons each, the same every time. Each
step runs in a process of its own, so that its peak memory is its own. Exit code 1 where a limit is broken.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from annotations.genomics.reference.aliases import KNOWN_CONTIGS
from annotations.genomics.reference.load import Reference, load_reference
from benchmarks.annotator import Measure, measure

BASES, TRANSCRIPTS, EXONS, EXON_BASES, INTRON_BASES = 3_100_000_000, 250_000, 9, 150, 1_500
ALLELES = 200_000
LINE = 60
LIMITS = {"build": (600.0, 6_000), "open": (1.0, 1_500), "annotate": (float("inf"), 1_500)}  # seconds, MB


def contig_lengths(scale: float) -> dict[str, int]:
    """Contigs as long as GRCh38's, scaled to BASES × scale in all; named so that no public contig is meant."""
    known = [contig for contig in KNOWN_CONTIGS if contig.assembly == "GRCh38" and contig.name != "MT"]
    share = BASES * scale / sum(contig.length for contig in known)
    return {f"made{contig.name}": int(contig.length * share) // LINE * LINE for contig in known}


def write_sequence(path: Path, lengths: dict[str, int]) -> None:
    """Random bases, a line of 60 after the other."""
    random = np.random.default_rng(1)
    with path.open("wb") as out:
        for name, length in lengths.items():
            out.write(f">{name}\n".encode())
            for start in range(0, length, LINE << 20):
                count = min(LINE << 20, length - start) // LINE
                lines = np.full((count, LINE + 1), 10, np.uint8)
                lines[:, :LINE] = np.frombuffer(b"ACGT", np.uint8)[random.integers(0, 4, (count, LINE), np.uint8)]
                out.write(lines.tobytes())


def write_genes(path: Path, lengths: dict[str, int], transcripts: int) -> None:
    """A gene with five transcripts at even distances, on both strands in turn."""
    total, number = sum(lengths.values()), 0
    with path.open("w") as out:
        out.write("##gff-version 3\n")
        for name, length in lengths.items():
            genes = round(transcripts / 5 * length / total)
            span = EXONS * (EXON_BASES + INTRON_BASES)
            for gene in range(genes):
                start = 1 + gene * (length - span - 10) // max(genes, 1)
                number += 1
                out.writelines(gene_lines(name, start, number))


def gene_lines(contig: str, start: int, number: int) -> Iterator[str]:
    """The lines of one gene: its transcripts share most exons, as real ones do."""
    strand, end = "+-"[number % 2], start + EXONS * (EXON_BASES + INTRON_BASES)
    gene = f"G{number}"

    def line(kind: str, first: int, last: int, attributes: str, phase: str = ".") -> str:
        return f"{contig}\tmade\t{kind}\t{first}\t{last}\t.\t{strand}\t{phase}\t{attributes}\n"

    yield line("gene", start, end, f"ID=gene:{gene};Name={gene};biotype=protein_coding;gene_id={gene}")
    for copy in range(5):
        name = f"T{number}x{copy}"
        attributes = f"ID=transcript:{name};Parent=gene:{gene};biotype=protein_coding;transcript_id={name};version=1"
        yield line("mRNA", start, end, attributes)
        for exon in range(EXONS):
            first = start + exon * (EXON_BASES + INTRON_BASES) + 3 * copy
            last = first + EXON_BASES - 1
            yield line("exon", first, last, f"Parent=transcript:{name}")
            yield line("CDS", first, last, f"ID=CDS:P{name};Parent=transcript:{name};protein_id=P{name}", "0")


def write_alleles(path: Path, reference: Reference) -> None:
    """SNVs at even distances over all contigs, every tenth a deletion."""
    total = sum(contig.length for contig in reference.contigs)
    with gzip.open(path, "wt", compresslevel=1) as out:
        out.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for index, contig in enumerate(reference.contigs):
            codes = reference.sequence(index)
            step = max(total // ALLELES, 1)
            for number, place in enumerate(range(100, contig.length - 100, step)):
                letters = "".join("ACGTN"[code] for code in codes[place : place + 3].tolist())
                ref, alt = (letters, letters[0]) if number % 10 == 0 else (letters[0], "CGTA"[codes[place]])
                out.write(f"{contig.name}\t{place + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n")


def run(folder: Path, scale: float) -> int:
    """Make, build, open, annotate; the exit code."""
    lengths, transcripts = contig_lengths(scale), int(TRANSCRIPTS * scale)
    fasta, genes, vcf = folder / "made.fa", folder / "made.gff3", folder / "made.vcf.gz"
    write_sequence(fasta, lengths)
    write_genes(genes, lengths, transcripts)
    print(f"{sum(lengths.values()):,} bases, {transcripts:,} transcripts", flush=True)
    os.environ["GAS_REFERENCES_DIR"] = str(folder)
    program = [sys.executable, "-m", "annotations.genomics"]
    inputs = ["--assembly", "made", "--fasta", str(fasta), "--genes", str(genes)]
    is_good = judge("build", measure([*program, "reference", "build", "made", *inputs]))
    fasta.unlink()
    began = time.monotonic()
    reference = load_reference(folder / "made")
    took = time.monotonic() - began
    is_good &= judge("open", Measure(took, took, 0, 0))
    write_alleles(vcf, reference)
    reference.release_pages()
    measure([*program, "warm"])  # the compiler's memory is not the annotation's
    outputs = ["--output", str(folder / "out.vcf.gz"), "--parquet", str(folder / "out.parquet")]
    is_good &= judge("annotate", measure([*program, "annotate", str(vcf), "--reference", "made", *outputs]))
    return 0 if is_good else 1


def judge(name: str, found: Measure) -> bool:
    """Print a step's figures; whether they keep its limits."""
    seconds, megabytes = LIMITS[name]
    is_good = found.wall < seconds and found.megabytes < megabytes
    print(
        f"{name:10} {found.wall:8.1f} s ({found.cpu:.1f} s of CPU)  {found.megabytes:8,.0f} MB   "
        f"limit {seconds:g} s, {megabytes:,} MB{'' if is_good else '   BROKEN'}",
        flush=True,
    )
    return is_good


def main() -> int:
    """Everything in a folder that is deleted afterwards; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scale", type=float, default=1.0, help="of the genome and its transcripts")
    scale = parser.parse_args().scale
    with tempfile.TemporaryDirectory(prefix="gas-genome-", dir=os.environ.get("GAS_VAR_DIR")) as folder:
        return run(Path(folder), scale)


if __name__ == "__main__":
    sys.exit(main())
