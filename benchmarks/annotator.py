"""`python -m benchmarks.annotator [--quick]`: how fast the annotator is, beside the floor and its peers.

Everything is measured in one run on the same files, each program as a process of its own: CPU
seconds (user and system), wall seconds, largest resident size. The floor is pysam (htslib) reading
and writing the same file. Compiled code is in the cache before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.load import load_reference
from benchmarks.annotator_inputs import make_input

PROJECT = Path(__file__).resolve().parents[1]
WORK = PROJECT / "benchmarks" / "work"
BENCH = PROJECT.parent / "shared" / "data" / "bench"
EMBED = PROJECT / "reference"
FLOOR = """
import sys, pysam
with pysam.VariantFile(sys.argv[1]) as given, pysam.VariantFile(sys.argv[2], "wz", header=given.header) as out:
    for record in given:
        out.write(record)
"""


@dataclass(frozen=True)
class Measure:
    """One run of one program."""

    cpu: float
    wall: float
    megabytes: float


def measure(command: list[str]) -> Measure:
    """Run to the end; raises where it fails."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as stderr:
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=stderr, env=os.environ | {"PYTHONPATH": str(PROJECT)}
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            stderr.seek(0)
            raise RuntimeError(f"{command}: {stderr.read()[-2000:]!r}")
    return Measure(usage.ru_utime + usage.ru_stime, time.perf_counter() - begun, usage.ru_maxrss / 1000)


def median(command: list[str], times: int) -> Measure:
    """Medians of several runs."""
    runs = [measure(command) for _ in range(times)]
    return Measure(*(statistics.median(getattr(run, name) for run in runs) for name in ("cpu", "wall", "megabytes")))


def ours(source: Path, reference: Path, threads: int) -> list[str]:
    """The complete answer: VCF with index, Parquet, summary, list of skipped records."""
    os.environ["GAS_REFERENCES_DIR"] = str(reference.parent)
    files = {"output": "out.vcf.gz", "parquet": "out.parquet", "summary": "out.json", "skipped": "skipped.tsv"}
    options = [f"--{name}={WORK / file}" for name, file in files.items()]
    return [sys.executable, "-m", "annotations.genomics", "annotate", str(source), f"--reference={reference.name}",
            f"--threads={threads}", *options]  # fmt: skip


def peers(source: Path) -> dict[str, list[str]]:
    """Other programs that are on the PATH."""
    found: dict[str, list[str]] = {}
    output = str(WORK / "peer.vcf.gz")
    genes = str(EMBED / "GRCh38.chr19.ensembl113.gff3.gz")
    if shutil.which("bcftools"):
        found["bcftools view (copies)"] = ["bcftools", "view", "-Oz1", "-o", output, str(source)]
        fasta = WORK / "chr19.fa"
        if not fasta.exists():
            import pysam

            bases = pysam.FastaFile(str(EMBED / "GRCh38.chr19.fa.gz")).fetch("chr19")
            fasta.write_text(">chr19\n" + "\n".join(bases[at : at + 60] for at in range(0, len(bases), 60)) + "\n")
        shape = ["-p", "a", "--unify-chr-names", "chr,-,chr", "-Oz1"]
        found["bcftools csq"] = ["bcftools", "csq", *shape, "-f", str(fasta), "-g", genes, "-o", output, str(source)]
    if shutil.which("vep"):
        shape = ["--hgvs", "--symbol", "--numbers", "--vcf", "--force_overwrite"]
        fasta = WORK / "chr19.fa"
        found["VEP"] = ["vep", *shape, "--gff", genes, "--fasta", str(fasta), "-i", str(source), "-o", output]
    if shutil.which("snpEff"):
        found["SnpEff"] = ["snpEff", "ann", "-noStats", "GRCh38.chr19", str(source)]
    return found


def demo(folder: Path) -> Path:
    """The reference that ships with the project, built once."""
    if not (folder / "demo").is_dir():
        fasta = [EMBED / "GRCh38.chr19.fa.gz", EMBED / "GRCh38.chrM.fa"]
        genes = [EMBED / "GRCh38.chr19.ensembl113.gff3.gz", EMBED / "GRCh38.chrM.ensembl113.gff3"]
        build_reference(BuildInputs("demo", "GRCh38", fasta, genes, {"chrM": 2}), folder)
    return folder / "demo"


def show(name: str, found: Measure, alleles: int, floor: Measure | None) -> None:
    """One line of the table."""
    ratio = f"{found.cpu / floor.cpu:6.1f}" if floor else "      "
    print(
        f"  {name:28} {alleles / found.cpu:10,.0f} {alleles / found.wall:10,.0f} {found.cpu:8.2f} {found.wall:8.2f}"
        f" {found.megabytes:7.0f} {ratio}",
        flush=True,
    )


def compare(title: str, source: Path, alleles: int, reference: Path, times: int) -> None:
    """All programs on one file."""
    print(f"\n{title}: {alleles:,} alleles, {source.stat().st_size / 1e6:.1f} MB")
    print(f"  {'':28} {'per CPU s':>10} {'per wall s':>10} {'CPU s':>8} {'wall s':>8} {'MB':>7} {'x floor':>6}")
    floor = median([sys.executable, "-c", FLOOR, str(source), str(WORK / "floor.vcf.gz")], times)
    show("pysam reads and writes", floor, alleles, floor)
    single = median(ours(source, reference, 1), times)
    show("GAS, 1 thread", single, alleles, floor)
    double = median(ours(source, reference, 2), times)
    show("GAS, 2 threads", double, alleles, floor)
    print(f"  two threads are {single.wall / double.wall:.2f} times as fast as one")
    for name, command in peers(source).items():
        try:
            show(name, median(command, times), alleles, floor)
        except RuntimeError as error:
            print(f"  {name}: does not run here: {str(error)[-200:]}")


def main() -> None:
    """Make the inputs, warm up, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200,000 alleles only, once each")
    parser.add_argument("--times", type=int, default=3, help="runs of which the median is shown")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    reference = demo(WORK / "references")
    measure([sys.executable, "-m", "annotations.genomics", "warm"])
    opened = load_reference(reference)
    times = 1 if options.quick else options.times
    small = make_input(WORK / "genome_1000.vcf.gz", opened, mix="genome", alleles=1000, samples=0)
    started = median(ours(small, reference, 1), max(times, 3))
    print(f"1,000 records, start to finish: {started.wall:.2f} s wall, {started.cpu:.2f} s CPU")
    for size in (200_000,) if options.quick else (200_000, 1_000_000, 2_000_000):
        for mix in ("genome", "exome"):
            for samples in (0, 3):
                if size == 1_000_000 and (mix, samples) != ("genome", 0):
                    continue
                path = make_input(
                    WORK / f"{mix}_{size}_{samples}.vcf.gz", opened, mix=mix, alleles=size, samples=samples
                )
                many = 1 if size == 2_000_000 else times
                compare(f"{mix}-like, {samples or 'no'} samples", path, count_alleles(path), reference, many)
    cohort = BENCH / "inputs" / "kgp30x_RYR1_chr19_3202_samples.vcf.gz"
    if cohort.is_file():
        compare("3,202 samples", cohort, count_alleles(cohort), reference, times)
    for name in ("vep", "snpEff", "bcftools"):
        if not shutil.which(name):
            print(f"{name} is not on the PATH; docs/performance.md says how to install it")


def count_alleles(path: Path) -> int:
    """ALT alleles of a file."""
    import pysam

    with pysam.VariantFile(str(path)) as records:
        return sum(len(record.alts or ()) for record in records)


if __name__ == "__main__":
    main()
