"""`python -m benchmarks.sources [--scale 0.05]`: what large sources cost an annotation.

A ClinVar of 3 million and a gnomAD-exomes of 20 million sites are made on chromosome 19 (scaled by
--scale) in their publishers' layout and compiled. Then two files are annotated without and with
them: genome-like alleles, of which the sources hold some, and alleles that gnomAD holds all of.
Each run is a process of its own; its largest resident size shows that sources are mapped, not
loaded. The two take turns and are compared pair by pair, so that what else the machine does meets
both: the medians of the pairs' ratios, in CPU and in wall seconds. Exit code 1 where CPU grows by
LIMIT or more. What was made is deleted at the end (--keep leaves it).
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.load import Reference, load_reference
from benchmarks.annotator import EMBED, WORK, Measure, count_alleles, measure, ours
from benchmarks.annotator_inputs import make_input

FOLDER = WORK / "sources"
CLINVAR_SITES = 3_000_000
GNOMAD_SITES = 20_000_000
BLOCK = 3_000_000  # changes drawn at a time
KINDS = 50_000  # of different INFO texts in a file
GROUPS = ("afr", "amr", "asj", "eas", "fin", "mid", "nfe", "remaining", "sas")
SIGNIFICANCES = ("Benign", "Likely_benign", "Uncertain_significance", "Likely_pathogenic", "Pathogenic")
REVIEWS = ("criteria_provided,_single_submitter", "reviewed_by_expert_panel", "no_assertion_criteria_provided")
LIMIT = 0.4  # how much slower sources may make an annotation
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def gnomad_infos(random: np.random.Generator) -> list[str]:
    """INFO texts as gnomAD's exomes have them, of the fields that the declaration takes."""
    found = []
    counts = np.minimum(random.geometric(0.002, (KINDS, 2 + len(GROUPS))), 80_000)
    for number, row in enumerate(counts.tolist()):
        total = 1_461_894 - 2 * (number % 997)
        groups = ";".join(f"AF_{group}={count / 90_000:.5e}" for group, count in zip(GROUPS, row[2:], strict=True))
        found.append(
            f"AC={row[0]};AN={total};AF={row[0] / total:.5e};nhomalt={row[1] % 7};grpmax=nfe;"
            f"AF_grpmax={row[1] / 90_000:.5e};fafmax_faf95_max={row[1] / 99_000:.5e};"
            f"fafmax_faf95_max_gen_anc=nfe;{groups}"
        )
    return found


def clinvar_infos(random: np.random.Generator) -> list[str]:
    """INFO texts as ClinVar has them."""
    return [
        f"ALLELEID={number};CLNDN=Condition_{number % 9000}|not_provided;CLNREVSTAT={REVIEWS[number % 3]};"
        f"CLNSIG={SIGNIFICANCES[turn]}"
        for number, turn in enumerate(random.integers(0, len(SIGNIFICANCES), KINDS).tolist())
    ]


def header_of(infos: list[str]) -> bytes:
    """The header that declares what the first INFO text has."""
    keys = [item.partition("=")[0] for item in infos[0].split(";")]
    lines = [f'##INFO=<ID={key},Number=.,Type=String,Description="made">' for key in keys]
    return ("\n".join(["##fileformat=VCFv4.2", *lines]) + "\n" + COLUMNS).encode()


def site_lines(reference: Reference, sites: int, infos: list[str], seed: int) -> Iterator[bytes]:
    """Sorted lines: substitutions all over the contig, one in ten a deletion of a base instead."""
    random = np.random.default_rng(seed)
    sequence = reference.sequence(0)
    share = sites / (3 * int((sequence < 4).sum()))
    texts, letters = pa.array(infos), pa.array(list("ACGT"))
    for first in range(0, 3 * (len(sequence) - 1), BLOCK):
        drawn = first + np.flatnonzero(random.random(min(BLOCK, 3 * (len(sequence) - 1) - first)) < share)
        place, turn = drawn // 3, drawn % 3 + 1
        known = (sequence[place] < 4) & (sequence[place + 1] < 4)
        place, turn = place[known], turn[known]
        base, after = sequence[place], sequence[place + 1]
        is_deletion = pa.array((turn == 1) & (random.random(place.size) < 0.3))
        ref = letters.take(pa.array(base.astype(np.int32)))
        longer = pc.binary_join_element_wise(ref, letters.take(pa.array(after.astype(np.int32))), "")
        other = letters.take(pa.array(((base + turn) % 4).astype(np.int32)))
        lines = pc.binary_join_element_wise(
            reference.contigs[0].name, pa.array(place + 1).cast(pa.string()),
            pa.array(drawn[known]).cast(pa.string()), pc.if_else(is_deletion, longer, ref),
            pc.if_else(is_deletion, ref, other), ".", "PASS",
            texts.take(pa.array(random.integers(0, len(infos), place.size))), "\t",
        )  # fmt: skip
        yield "".join(f"{line}\n" for line in lines.to_pylist()).encode()


def make_source(path: Path, reference: Reference, sites: int, infos: list[str], seed: int) -> Path:
    """Write a source's VCF."""
    if not path.exists():
        beside = path.with_suffix(".partial")
        with beside.open("wb") as stream:
            stream.write(header_of(infos))
            for part in site_lines(reference, sites, infos, seed):
                stream.write(part)
        beside.rename(path)
    return path


def make_found(path: Path, source: Path, alleles: int, sites: int) -> Path:
    """Every so many-th line of a source, without what it says."""
    step = max(sites // alleles, 1)
    with source.open("rb") as given, path.open("wb") as out:
        out.write(b"##fileformat=VCFv4.2\n" + COLUMNS.encode())
        for number, line in enumerate(line for line in given if not line.startswith(b"#")):
            if number % step == 0:
                out.write(b"\t".join([*line.split(b"\t")[:2], b".", *line.split(b"\t")[3:7], b"."]) + b"\n")
    return path


def build(name: str, sources: list[tuple[str, Path]]) -> tuple[Path, float]:
    """(the reference, seconds)."""
    fasta = [EMBED / "GRCh38.chr19.fa.gz", EMBED / "GRCh38.chrM.fa"]
    genes = [EMBED / "GRCh38.chr19.ensembl113.gff3.gz", EMBED / "GRCh38.chrM.ensembl113.gff3"]
    begun = time.perf_counter()
    inputs = BuildInputs(name, "GRCh38", fasta, genes, {"chrM": 2}, sources)
    return build_reference(inputs, FOLDER / "references"), time.perf_counter() - begun


def show(name: str, found: list[Measure], alleles: int) -> None:
    """One line of the table: medians of several runs."""
    cpu, wall, megabytes = (
        statistics.median(getattr(run, each) for run in found) for each in ("cpu", "wall", "megabytes")
    )
    print(f"  {name:16} {alleles / cpu:10,.0f} per CPU s {cpu:8.2f} s of CPU {wall:8.2f} s {megabytes:6.0f} MB")


def growth(before: list[Measure], after: list[Measure], what: str) -> float:
    """The median, over the pairs, of how much more `after` takes: 0.25 is a quarter."""
    pairs = zip(before, after, strict=True)
    ratio: float = statistics.median(getattr(late, what) / getattr(early, what) for early, late in pairs)
    return ratio - 1


def compare(path: Path, plain: Path, full: Path, times: int) -> bool:
    """Annotate without and with sources in turns and say what it cost; whether that is below the limit."""
    alleles = count_alleles(path)
    runs = [(measure(ours(path, plain, 1)), measure(ours(path, full, 1))) for _ in range(times)]
    before, after = [pair[0] for pair in runs], [pair[1] for pair in runs]
    show("without sources", before, alleles)
    show("with sources", after, alleles)
    cpu, wall = growth(before, after, "cpu"), growth(before, after, "wall")
    busy = statistics.median(run.busy for run in before + after)
    print(f"  {100 * cpu:+.0f} % of CPU, {100 * wall:+.0f} % of wall ({busy:.1f} processors busy with other work)")
    return cpu < LIMIT


def main() -> int:
    """Make, compile, compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the sites")
    parser.add_argument("--alleles", type=int, default=200_000, help="of the files that are annotated")
    parser.add_argument("--times", type=int, default=5, help="pairs of runs of which the median is shown")
    parser.add_argument("--keep", action="store_true", help="leave what was made")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        return _compare(options)
    finally:
        if not options.keep:
            shutil.rmtree(FOLDER)


def prepare(options: argparse.Namespace) -> None:
    """Make the sources and the two references."""
    random = np.random.default_rng(7)
    plain, plain_seconds = build("plain", [])
    opened = load_reference(plain)
    sites = {"clinvar": int(CLINVAR_SITES * options.scale), "gnomad_exomes": int(GNOMAD_SITES * options.scale)}
    infos = {"clinvar": clinvar_infos(random), "gnomad_exomes": gnomad_infos(random)}
    files = {
        name: make_source(FOLDER / f"{name}.vcf", opened, count, infos[name], seed)
        for seed, (name, count) in enumerate(sites.items())
    }
    full, seconds = build("full", list(files.items()))
    size = sum(path.stat().st_size for path in (full / "sources").rglob("*") if path.is_file())
    print(f"compiled {sites} in {seconds - plain_seconds:.0f} s, {size / 1e6:,.0f} MB on disk", flush=True)
    make_input(FOLDER / "genome.vcf.gz", opened, mix="genome", alleles=options.alleles, samples=0)
    make_found(FOLDER / "found.vcf", files["gnomad_exomes"], options.alleles, sites["gnomad_exomes"])


def _compare(options: argparse.Namespace) -> int:
    # In a process of its own: what a parent held when it started a child counts as the child's largest size.
    maker = multiprocessing.get_context("spawn").Process(target=prepare, args=(options,))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit(maker.exitcode)
    plain, full = FOLDER / "references" / "plain", FOLDER / "references" / "full"
    is_good = True
    for title, name in (("genome-like alleles", "genome.vcf.gz"), ("alleles that gnomAD holds", "found.vcf")):
        print(f"{title}: {count_alleles(FOLDER / name):,}", flush=True)
        measure(ours(FOLDER / name, full, 1))  # the pages of the sources are read, and loops compiled
        is_good &= compare(FOLDER / name, plain, full, options.times)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
