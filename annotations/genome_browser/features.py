"""What the genome browser can show: whether there is anything, and the genes in the shape that igv.js draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from annotations import references
from annotations.genomics.reference.outline import Outline, Outlines
from annotations.models import Output, OutputKind

MAX_BASES = 5_000_000


def is_browsable(reference_name: str, outputs: Iterable[Output]) -> bool:
    """The annotated VCF is at hand with its index, and so is the reference."""
    at_hand = {output.kind for output in outputs if output.is_at_hand}
    return {OutputKind.VCF, OutputKind.VCF_INDEX} <= at_hand and references.find(reference_name) is not None


def genes_between(outlines: Outlines, contig: int, start: int, end: int) -> list[dict[str, Any]]:
    """Transcripts that overlap [start, end)."""
    name = outlines.contigs[contig].name
    return [_feature(name, outline) for outline in outlines.between(contig, start, end)]


def _feature(contig: str, outline: Outline) -> dict[str, Any]:
    feature: dict[str, Any] = {
        "chr": contig,
        "start": outline.start,
        "end": outline.end,
        "name": outline.gene_symbol or outline.gene_id,
        "id": outline.transcript_id,
        "biotype": outline.biotype,
        "strand": "-" if outline.strand < 0 else "+",
        "exons": [_exon(exon, outline.coding) for exon in outline.exons],
    }
    if outline.coding:
        feature["cdStart"], feature["cdEnd"] = outline.coding
    return feature


def _exon(exon: tuple[int, int], coding: tuple[int, int] | None) -> dict[str, Any]:
    """utr: nothing of it is coded; cdStart, cdEnd: where the CDS begins or ends within it."""
    start, end = exon
    drawn: dict[str, Any] = {"start": start, "end": end}
    if coding is None or end <= coding[0] or start >= coding[1]:
        return drawn | {"utr": True}
    if start < coding[0]:
        drawn["cdStart"] = coding[0]
    if coding[1] < end:
        drawn["cdEnd"] = coding[1]
    return drawn
