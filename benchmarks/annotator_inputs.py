"""Files for benchmarks: variants made on a reference, the same every time.

genome: spread evenly over the contig, as a whole genome's variants are: 85 % SNVs, 7 % deletions,
6 % insertions, 2 % with two ALTs. exome: in and within 50 bp of exons of coding transcripts, with
25 % indels.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from annotations.genomics.output.bgzf import BlockCutter, pack_block
from annotations.genomics.reference import layout
from annotations.genomics.reference.load import Reference
from annotations.genomics.vcf.containers import BGZF_END

LETTERS = np.frombuffer(b"ACGTN", np.uint8)
FLANK = 50


def make_input(path: Path, reference: Reference, *, mix: str, alleles: int, samples: int, seed: int = 19) -> Path:
    """Write a sorted VCF of about that many alleles on the reference's first contig, packed, at path."""
    if path.exists():
        return path
    random = np.random.default_rng(seed)
    places = choose_places(reference, mix, alleles, random)
    return _pack(path, lines_of(reference, places, mix, samples, random))


def make_family(path: Path, reference: Reference, alleles: int) -> Path:
    """Write about that many alleles spread over the first contig, of a child and its parents, packed, at path."""
    if path.exists():
        return path
    random = np.random.default_rng(19)
    places = choose_places(reference, "genome", alleles, random)
    return _pack(path, _family_lines(reference, places, random))


def repeat_records(source: Path, path: Path, times: int) -> Path:
    """Write a file with each of the source's records that many times, one after the other, packed, at path."""
    if path.exists():
        return path
    with gzip.open(source, "rb") as given:
        return _pack(path, (line if line.startswith(b"#") else line * times for line in given))


def _pack(path: Path, parts: Iterable[bytes]) -> Path:
    """Write a text that comes in parts, packed, at path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    with beside.open("wb") as stream:
        cutter = BlockCutter()
        for part in parts:
            stream.writelines(pack_block(block) for block in cutter.cut(np.frombuffer(part, np.uint8)))
        stream.writelines(pack_block(block) for block in cutter.finish())
        stream.write(BGZF_END)
    beside.rename(path)
    return path


def choose_places(reference: Reference, mix: str, alleles: int, random: np.random.Generator) -> np.ndarray:
    """int64, ascending and different: 0-based places on the first contig where the base is known."""
    sequence = reference.sequence(0)
    if mix == "genome":
        candidates = np.flatnonzero(sequence < 4)[100:-100]
    else:
        is_near = np.zeros(len(sequence), bool)
        coding = (reference.transcripts["contig"] == 0) & (reference.transcripts["flags"] & layout.CODING > 0)
        for transcript in reference.transcripts[coding]:
            for exon in reference.exons[transcript["exon_from"] : transcript["exon_to"]]:
                is_near[max(exon["start"] - FLANK, 0) : exon["end"] + FLANK] = True
        candidates = np.flatnonzero(is_near & (sequence < 4))
    count = min(alleles, len(candidates) // 2)
    return np.sort(random.choice(candidates, count, replace=False))


def lines_of(reference: Reference, places: np.ndarray, mix: str, samples: int, random: np.random.Generator):
    """The file's text in parts."""
    yield header_of(reference, samples).encode()
    genotypes = "\tGT:DP:GQ" + "\t0/1:30:99" * samples if samples else ""
    for first in range(0, len(places), 20_000):
        yield "".join(records_of(reference, places[first : first + 20_000], mix, genotypes, random)).encode()


def _family_lines(reference: Reference, places: np.ndarray, random: np.random.Generator):
    """The text in parts; sample1 has what sample2 and sample3 hand on, and one allele in 100,000 anew."""
    yield header_of(reference, 3).encode()
    for first in range(0, len(places), 20_000):
        part = places[first : first + 20_000]
        parents = (random.random((part.size, 4)) < random.beta(0.3, 1.0, part.size)[:, None]).astype(int)
        child = parents[:, [0, 2]] | (random.random((part.size, 2)) < 1e-5)
        calls = (
            "\tGT:DP\t{}|{}:30\t{}|{}:28\t{}|{}:31\n".format(*codes) for codes in np.hstack([child, parents]).tolist()
        )
        records = records_of(reference, part, "genome", "", random)
        yield "".join(record[:-1] + call for record, call in zip(records, calls, strict=True)).encode()


def header_of(reference: Reference, samples: int) -> str:
    """Up to the line of the columns."""
    contig = reference.contigs[0]
    head = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={contig.name},length={contig.length}>",
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">',
        '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">',
        '##INFO=<ID=AN,Number=1,Type=Integer,Description="Alleles in all">',
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">',
    ]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if samples:
        columns += ["FORMAT", *(f"sample{number}" for number in range(1, samples + 1))]
    return "\n".join([*head, "\t".join(columns)]) + "\n"


def records_of(reference: Reference, places: np.ndarray, mix: str, genotypes: str, random: np.random.Generator):
    """One line for each place: mostly SNVs, then deletions, insertions, two alleles, as the mix has them."""
    name, sequence, letters = reference.contigs[0].name, reference.sequence(0), "ACGTN"
    shares = (0.85, 0.92, 0.98) if mix == "genome" else (0.73, 0.86, 0.98)
    kinds, sizes = random.random(places.size), np.minimum(random.geometric(0.4, places.size), 30)
    turns, counts = random.integers(1, 4, places.size), random.integers(1, 500, places.size)
    for place, kind, size, turn, count in zip(
        places.tolist(), kinds.tolist(), sizes.tolist(), turns.tolist(), counts.tolist(), strict=True
    ):
        codes = sequence[place : place + size + 1].tolist()
        ref, alt = letters[codes[0]], letters[(codes[0] + turn) % 4]
        if shares[0] <= kind < shares[1]:
            ref, alt = "".join(letters[code] for code in codes), ref
        elif shares[1] <= kind < shares[2]:
            alt = ref + "".join(letters[(code + turn + at) % 4] for at, code in enumerate(codes[1:]))
        elif kind >= shares[2]:
            alt = f"{alt},{letters[(codes[0] + turn % 3 + 1) % 4]}" if turn < 3 else f"{alt},{ref}{alt}"
        info = f"AC={count};AF={count / 6000:.4g};AN=6000;DP={20 + turn * 10}"
        yield f"{name}\t{place + 1}\t.\t{ref}\t{alt}\t{100 + size}\tPASS\t{info}{genotypes}\n"
