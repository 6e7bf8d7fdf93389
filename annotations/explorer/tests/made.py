"""Tables of results, made row by row in the schema that the annotator writes."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa

from annotations.genomics.consequence.terms import IMPACTS, TERMS, impact_name
from annotations.genomics.output.parquet import ParquetSink
from annotations.genomics.output.tables import SCHEMA

_TEXT = pa.dictionary(pa.int32(), pa.string())
SOURCES = [
    pa.field("kgp_af", pa.float64()),
    pa.field("clinvar_clnsig", _TEXT),
    pa.field("gnomad_e_af", pa.float64()),
    pa.field("gnomad_e_status", _TEXT),
    pa.field("gnomad_pli", pa.float64()),
    pa.field("dbsnp_id", _TEXT),
]


def allele(contig: str, pos: int, ref: str, alt: str, *transcripts: dict[str, Any], **fields: Any) -> list[dict]:
    """The rows of one allele: the first transcript is the picked one."""
    worst = min((t["consequence"].split("&")[0] for t in transcripts), key=TERMS.index)
    shared = {
        "contig": contig,
        "contig_index": {"chr1": 0, "chr19": 1, "chrM": 2, "chrX": 3}[contig],
        "pos": pos,
        "ref": ref,
        "alt": alt,
        "alt_index": 1,
        "variant_class": "SNV" if len(ref) == len(alt) == 1 else "insertion" if len(ref) < len(alt) else "deletion",
        "worst_consequence": worst,
        "worst_impact": _impact(worst),
    } | fields
    return [
        shared
        | {
            "picked": number == 0,
            "impact": _impact(transcript["consequence"].split("&")[0]),
            "is_worst": transcript["consequence"].split("&")[0] == worst,
            "hides_more_severe": number == 0
            and IMPACTS.index(_impact(worst)) < IMPACTS.index(_impact(transcript["consequence"].split("&")[0])),
        }
        | transcript
        for number, transcript in enumerate(transcripts)
    ]


def _impact(term: str) -> str:
    return impact_name(1 << TERMS.index(term))


def table(alleles: list[list[dict]], groups: int = 1) -> bytes:
    """The table as Parquet, in as many row groups of whole alleles."""
    schema = pa.schema([*SCHEMA, *SOURCES])
    stream = io.BytesIO()
    sink = ParquetSink(stream, schema, {})
    row = 0
    size = -(-len(alleles) // groups) or 1
    for first in range(0, len(alleles), size):
        rows = []
        for number, one in enumerate(alleles[first : first + size]):
            for fields in one:
                rows.append({"allele_row": first + number, "line": first + number + 10, "row": row} | fields)
                row += 1
        sink.write(pa.RecordBatch.from_pylist(rows, schema=schema))
    sink.finish()
    return stream.getvalue()


def transcript(consequence: str, gene: str | None = None, **fields: Any) -> dict[str, Any]:
    """One row's own fields."""
    ids = {"gene_symbol": gene, "gene_id": f"ENSG_{gene}", "transcript_id": f"ENST_{gene}.1"} if gene else {}
    return {"consequence": consequence, "gene_symbol": gene} | ids | fields
