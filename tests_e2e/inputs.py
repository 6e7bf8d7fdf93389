"""Small real inputs, cut from the sample that ships with the project."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from tests_e2e.emulators.loopback import PROJECT

SAMPLE = PROJECT / "reference" / "sample.HCC1395.chr19.vcf.gz"
BENCH_INPUTS = PROJECT.parent / "shared" / "data" / "bench" / "inputs"


@cache
def sample_lines() -> tuple[list[bytes], list[bytes]]:
    """The header lines and the records of the sample."""
    lines = gzip.decompress(SAMPLE.read_bytes()).splitlines(keepends=True)
    return [line for line in lines if line.startswith(b"#")], [line for line in lines if not line.startswith(b"#")]


def small_vcf(records: int = 20) -> bytes:
    """The first records of the sample, uncompressed."""
    header, body = sample_lines()
    return b"".join(header + body[:records])


def sample_records() -> int:
    """How many records the sample has."""
    return len(sample_lines()[1])


def read_bench(name: str) -> bytes | None:
    """One of the benchmark's inputs, or None where they are not beside the project."""
    file: Path = BENCH_INPUTS / name
    return file.read_bytes() if file.exists() else None
