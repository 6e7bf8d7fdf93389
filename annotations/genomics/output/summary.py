"""The summary of a run as JSON: what the input was, the receipt, the counts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from itertools import pairwise
from typing import Any, Final

import numpy as np

from annotations.genomics.consequence.phasing import Together
from annotations.genomics.consequence.terms import IMPACTS, TERMS, VARIANT_CLASSES
from annotations.genomics.output.bins import DENSITY_STEP, FREQUENCY_EDGES, INDEL_LIMIT, QUALITY_BINS, QUALITY_STEP
from annotations.genomics.output.tally import Tally, density_offsets
from annotations.genomics.reference.load import Reference
from annotations.genomics.reference.manifest import FILE_NAME
from annotations.genomics.request import Receipt
from annotations.genomics.vcf.reader import VcfReader
from annotations.genomics.vcf.records import Int64s

FORMAT: Final = 1
TOP_GENES: Final = 50


def reference_digest(reference: Reference) -> str:
    """SHA-256 of the manifest, which names every input's own."""
    return hashlib.sha256((reference.folder / FILE_NAME).read_bytes()).hexdigest()


def write_summary(
    reader: VcfReader, reference: Reference, receipt: Receipt, tally: Tally, phased: list[Together]
) -> bytes:
    """The summary's text: the same for the same input, reference and version."""
    counts = asdict(receipt)
    content = {
        "format": FORMAT,
        "input": _describe_input(reader),
        "reference": _describe_reference(reference),
        "records": {
            "total": counts.pop("records"),
            "annotated": counts.pop("annotated"),
            "skipped": sum(receipt.skipped.values()),
            "skipped_by_reason": counts.pop("skipped"),
        },
        "receipt": counts,
        **_describe_counts(tally, reference),
        **_describe_sources(tally, reference),
        **_describe_phased(phased, reference),
    }
    return (json.dumps(content, indent=1) + "\n").encode()


def _describe_input(reader: VcfReader) -> dict[str, Any]:
    header = reader.header
    return {
        "version": header.version,
        "packing": reader.packed.container.value,
        "bytes": reader.packed.bytes_total,
        "samples": len(header.samples),
        "assembly_named": header.assembly_hint,
    }


def _describe_reference(reference: Reference) -> dict[str, Any]:
    return {
        "name": reference.name,
        "assembly": reference.assembly,
        "digest": reference_digest(reference),
        "inputs": reference.manifest["inputs"],
    }


def _describe_sources(tally: Tally, reference: Reference) -> dict[str, Any]:
    """Alleles of which each source says something; nothing for a reference without sources."""
    counts = zip(reference.sources, tally.sources.tolist(), strict=True)
    rows = [
        {
            "key": source.declaration.name,
            "title": source.declaration.title,
            "version": source.version,
            "alleles": count,
        }
        for source, count in counts
    ]
    return {"sources": rows} if rows else {}


def _describe_phased(phased: list[Together], reference: Reference) -> dict[str, Any]:
    """Alleles that one haplotype carries in one codon: what they make together is not said of either."""
    rows = [
        {
            "contig": pair.first.name.decode(),
            "lines": [pair.first.line, pair.second.line],
            "alleles": [
                f"{one.pos} {one.ref}>{one.alts[alt - 1]}"
                for one, alt in ((pair.first, pair.first_alt), (pair.second, pair.second_alt))
            ],
            "gene_symbol": reference.text_value("gene_symbol", pair.codon[0]),
            "transcript_id": reference.text_value("transcript_id", pair.codon[0]),
            "codon": pair.codon[1],
            "samples": pair.samples,
        }
        for pair in phased
    ]
    return {"phased_codons": rows} if rows else {}


def _describe_counts(tally: Tally, reference: Reference) -> dict[str, Any]:
    transitions, transversions = tally.ti_tv.tolist()
    return {
        "consequences": _named(TERMS, tally.terms),
        "picked_consequences": _named(TERMS, tally.picked_terms),
        "all_consequences": _named(TERMS, tally.all_terms),
        "impacts": _named(IMPACTS, tally.impacts, keep_zero=True),
        "picked_impacts": _named(IMPACTS, tally.picked_impacts, keep_zero=True),
        "picked_hiding_more_severe": int(tally.hiding[0]),
        "classes": _named(VARIANT_CLASSES, tally.classes),
        "transitions": transitions,
        "transversions": transversions,
        "ti_tv": round(transitions / transversions, 3) if transversions else None,
        "indel_lengths": {
            str(length): int(count)
            for length, count in zip(range(-INDEL_LIMIT, INDEL_LIMIT + 1), tally.indels, strict=True)
            if count
        },
        "frequencies": _frequencies(tally.frequencies),
        "frequency_column": "allele_frequency",  # of the tables; those of older results have none
        "qualities": _qualities(tally.qualities),
        "contigs": _contigs(tally.density, reference),
        "density_step": DENSITY_STEP,
        "top_genes": _top_genes(tally, reference),
    }


def _named(names: tuple[str, ...], counts: Int64s, *, keep_zero: bool = False) -> dict[str, int]:
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count or keep_zero}


def _frequencies(counts: Int64s) -> list[dict[str, Any]]:
    """Bins of the spectrum: above `above` up to `up_to`; the last, without bounds, is not known."""
    bounds = list(pairwise((0.0, *FREQUENCY_EDGES, 1.0)))
    bins: list[dict[str, Any]] = [
        {"above": above, "up_to": up_to, "alleles": int(count)}
        for (above, up_to), count in zip(bounds, counts[:-1], strict=True)
    ]
    return [*bins, {"above": None, "up_to": None, "alleles": int(counts[-1])}]


def _qualities(counts: Int64s) -> list[dict[str, Any]]:
    """Bins of QUAL that hold something: from `from` (inclusive) on; the last, None, is '.'."""
    bins: list[dict[str, Any]] = [
        {"from": place * QUALITY_STEP, "alleles": int(count)}
        for place, count in enumerate(counts[:QUALITY_BINS])
        if count
    ]
    return [*bins, {"from": None, "alleles": int(counts[QUALITY_BINS])}]


def _contigs(density: Int64s, reference: Reference) -> list[dict[str, Any]]:
    """Alleles of each contig that has any, in the reference's order, and by megabase."""
    bounds = pairwise(density_offsets(reference).tolist())
    parts = [density[start:end] for start, end in bounds]
    return [
        {"contig": contig.name, "length": contig.length, "alleles": int(part.sum()), "density": part.tolist()}
        for contig, part in zip(reference.contigs, parts, strict=True)
        if part.any()
    ]


def _top_genes(tally: Tally, reference: Reference) -> list[dict[str, Any]]:
    """Genes with most alleles of HIGH or MODERATE impact on their picked transcript, then most at all."""
    order = np.lexsort((np.arange(tally.genes.size), -tally.genes, -tally.severe_genes))[:TOP_GENES]
    first = np.full(tally.genes.size, -1, np.int64)
    numbers = reference.transcripts["gene"]
    first[numbers[::-1]] = np.arange(numbers.size)[::-1]
    return [
        {
            "gene_id": reference.text_value("gene_id", int(first[gene])),
            "gene_symbol": reference.text_value("gene_symbol", int(first[gene])),
            "alleles": int(tally.genes[gene]),
            "severe": int(tally.severe_genes[gene]),
        }
        for gene in order.tolist()
        if tally.genes[gene]
    ]
