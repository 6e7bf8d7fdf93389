"""`python -m benchmarks.annotator [--quick]`: how fast the annotator is, beside the floor and its peers.

Everything is measured in one run on the same files, each program as a process of its own: CPU
seconds (user and system), wall seconds, largest resident size. The floor is pysam (htslib) reading
and writing the same file. Compiled code is in the cache before the clock starts. The programs take
turns, so that what else the machine does meets all of them; `busy` is how many of its processors
were at work for others meanwhile, and where that is much, wall seconds say little.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.load import Reference, load_reference
from benchmarks.annotator_inputs import make_input, repeat_records

PROJECT = Path(__file__).resolve().parents[1]
WORK = PROJECT / "benchmarks" / "work"
BENCH = PROJECT.parent / "shared" / "data" / "bench"
EMBED = PROJECT / "reference"
LAUNCHER = PROJECT / "benchmarks" / "launch.py"
STAT = Path("/proc/stat")
FLOOR_NAME = "pysam reads and writes"
FLOOR = """
import sys, pysam
with pysam.VariantFile(sys.argv[1]) as given, pysam.VariantFile(sys.argv[2], "wz", header=given.header) as out:
    for record in given:
        out.write(record)
"""


@dataclass(frozen=True)
class Measure:
    """One run of one program, or medians of several. busy: processors that worked for others."""

    cpu: float
    wall: float
    megabytes: float
    busy: float


def measure(command: list[str]) -> Measure:
    """Run to the end; raises RuntimeError where it fails."""
    before = processor_seconds()
    run = subprocess.run(
        [sys.executable, "-S", str(LAUNCHER), *command],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{command}: {run.stderr[-2000:]!r}")
    used = json.loads(run.stdout)
    others = (processor_seconds() - before - used["cpu"]) / used["wall"]
    return Measure(used["cpu"], used["wall"], used["megabytes"], max(others, 0.0))


def processor_seconds() -> float:
    """What all processors have worked since the machine started; 0 where it cannot be told."""
    if not STAT.is_file():
        return 0.0
    user, nice, system, _idle, _waiting, *interrupts = STAT.read_text().split("\n", 1)[0].split()[1:8]
    return sum(map(int, (user, nice, system, *interrupts))) / os.sysconf("SC_CLK_TCK")


def medians(commands: dict[str, list[str]], times: int) -> dict[str, Measure]:
    """Medians of several runs of each program, in turns. What does not run here says so and is left out."""
    runs: dict[str, list[Measure]] = {name: [] for name in commands}
    for _ in range(times):
        for name in list(runs):
            try:
                runs[name].append(measure(commands[name]))
            except RuntimeError as error:
                print(f"  {name}: does not run here: {str(error)[-200:]}")
                del runs[name]
    return {
        name: Measure(*(statistics.median(getattr(run, each.name) for run in found) for each in fields(Measure)))
        for name, found in runs.items()
    }


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
        shape = ["-p", "a", "-Oz1"]
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


def show(name: str, found: Measure, alleles: int, floor: Measure) -> None:
    """One line of the table."""
    print(
        f"  {name:28} {alleles / found.cpu:10,.0f} {alleles / found.wall:10,.0f} {found.cpu:8.2f} {found.wall:8.2f}"
        f" {found.megabytes:7.0f} {found.cpu / floor.cpu:7.1f} {found.busy:5.1f}",
        flush=True,
    )


def compare(title: str, source: Path, reference: Path, times: int) -> None:
    """All programs on one file."""
    alleles = count_alleles(source)
    print(f"\n{title}: {alleles:,} alleles, {source.stat().st_size / 1e6:.1f} MB, medians of {times}")
    print(f"  {'':28} {'per CPU s':>10} {'per wall s':>10} {'CPU s':>8} {'wall s':>8} {'MB':>7} {'x floor':>7} busy")
    own = {
        FLOOR_NAME: [sys.executable, "-c", FLOOR, str(source), str(WORK / "floor.vcf.gz")],
        "GAS, 1 thread": ours(source, reference, 1),
        "GAS, 2 threads": ours(source, reference, 2),
    }
    found = medians(own, times)
    found |= medians(peers(source), 1)
    for name, used in found.items():
        show(name, used, alleles, found[FLOOR_NAME])
    single, double = found["GAS, 1 thread"], found["GAS, 2 threads"]
    print(f"  two threads are {single.wall / double.wall:.2f} times as fast as one")


def compare_cohort(small: Path, reference: Path, times: int) -> None:
    """3,202 samples carried through, beside copying; once more with every record eight times."""
    cohort = BENCH / "inputs" / "kgp30x_RYR1_chr19_3202_samples.vcf.gz"
    if not cohort.is_file():
        return
    compare("3,202 samples", cohort, reference, times)
    many = repeat_records(cohort, WORK / "cohort_8.vcf.gz", 8)
    compare("3,202 samples, every record eight times", many, reference, 1)
    start = medians({"start": ours(small, reference, 1)}, times)["start"].cpu
    print(f"  of which starting and 1,000 records without samples take {start:.2f} s of CPU")


def show_start(reference: Path, opened: Reference, times: int) -> Path:
    """How long nothing and little take; the file with little."""
    for count in (1, 1000):
        source = make_input(WORK / f"genome_{count}_0.vcf.gz", opened, mix="genome", alleles=count, samples=0)
        used = medians({"start": ours(source, reference, 1)}, times)["start"]
        print(f"{count:,} records, start to finish: {used.wall:.2f} s wall, {used.cpu:.2f} s CPU, busy {used.busy:.1f}")
    return source


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
    small = show_start(reference, opened, max(times, 3))
    for size in (200_000,) if options.quick else (200_000, 1_000_000, 2_000_000):
        for mix, samples in (("genome", 0), ("genome", 3), ("exome", 0), ("exome", 3)):
            if size == 1_000_000 and (mix, samples) != ("genome", 0):
                continue
            path = WORK / f"{mix}_{size}_{samples}.vcf.gz"
            make_input(path, opened, mix=mix, alleles=size, samples=samples)
            compare(f"{mix}-like, {samples or 'no'} samples", path, reference, 1 if size == 2_000_000 else times)
    compare_cohort(small, reference, times)
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
