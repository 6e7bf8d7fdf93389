"""What a run of the annotator is asked for, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from annotations.genomics.vcf.limits import DEFAULT_LIMITS, Limits

CHUNK_RECORDS: Final = 2000
"""Records that a thread takes at a time: enough to make calls cheap, few enough to bound memory."""

Progress = Callable[[int, int, int], None]
"""Called about once a second with records done, bytes read of the input, bytes in all."""


@dataclass(frozen=True, slots=True)
class Request:
    """reference: folder of a built one. output: the annotated VCF; the other files are optional.

    is_overwriting: replace CSQ that the input has already. fills_ids: an empty ID becomes what
    sources call the alleles. sources: names of the reference's sources to use, None for all.
    own_sources: VCF or BED files that the user brings, by the name that their keys begin with.
    """

    input: Path
    reference: Path
    output: Path
    tsv: Path | None = None
    parquet: Path | None = None
    summary: Path | None = None
    skipped: Path | None = None
    threads: int = 1
    is_overwriting: bool = False
    fills_ids: bool = False
    sources: tuple[str, ...] | None = None
    own_sources: tuple[tuple[str, Path], ...] = ()
    chunk_records: int = CHUNK_RECORDS
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Receipt:
    """records == annotated + sum of skipped. Counts of records, unless named otherwise.

    skipped: by code of skips.SKIP_REASONS. carried: ALT alleles of annotated records that have no
    annotation of their own, by what they are. phased_codons: pairs of alleles that one haplotype
    carries in one codon. index: suffix of the VCF's index, "" without.
    """

    records: int
    annotated: int
    skipped: dict[str, int]
    carried: dict[str, int]
    alleles: int
    pairs: int
    ref_compared: int
    ref_mismatches: int
    is_sorted: bool
    phased_codons: int
    index: str
