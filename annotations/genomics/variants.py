"""Annotating a few variants in a notebook: no files, one dictionary for each answer."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from annotations.genomics.errors import AnnotationError
from annotations.genomics.output.csq import CSQ_FIELDS
from annotations.genomics.reference.load import Reference
from annotations.genomics.scratch import Scratch
from annotations.genomics.vcf.limits import DEFAULT_LIMITS
from annotations.genomics.vcf.parse import Chunk, Parser
from annotations.genomics.vcf.skips import SKIP_REASONS, Skip

Variant = tuple[str, int, str, str]
"""(contig, pos, ref, alt): pos is 1-based, alt as in a VCF (several with commas)."""

_COLUMNS = 8


def annotate_variants(reference: Reference, variants: Iterable[Variant]) -> list[list[dict[str, str]]]:
    """For each variant its CSQ entries, as dictionaries by output.csq.CSQ_FIELDS.

    Raises AnnotationError(variant_skipped) for a variant that a file's record would be skipped for.
    """
    rows = [(str(contig), str(pos), ".", ref, alt, ".", ".", ".") for contig, pos, ref, alt in variants]
    return annotate_rows(reference, ["\t".join(row) for row in rows])


def annotate_rows(reference: Reference, lines: list[str]) -> list[list[dict[str, str]]]:
    """The same for whole VCF lines of eight columns, without line ends."""
    if not lines:
        return []
    parser = Parser(reference, DEFAULT_LIMITS, _COLUMNS, False, {})
    data = "".join(f"{line}\n" for line in lines).encode()
    records, alleles = parser.parse(Chunk(0, 1, data))
    for line, skip in zip(lines, records.skip.tolist(), strict=True):
        if skip:
            reason = SKIP_REASONS[Skip(skip)].reason
            raise AnnotationError("variant_skipped", f"{line}: {reason}.", value=line)
    pairs = Scratch(reference).annotate(records, alleles)
    ends = pairs.record_text.tolist()
    texts = [bytes(pairs.text[start:end]).decode() for start, end in pairwise(ends)]
    return [
        [dict(zip(CSQ_FIELDS, entry.split("|"), strict=True)) for entry in text.split(",") if text] for text in texts
    ]
