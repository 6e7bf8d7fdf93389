"""The pieces of text that depend on a transcript alone, composed once when a reference is built.

The csq_ pieces are runs of neighbouring CSQ fields (output/csq.py holds the whole layout):
csq_identity `|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|`, csq_strand `STRAND|FLAGS`,
csq_tags `|SYMBOL_SOURCE|HGNC_ID|CANONICAL|MANE|MANE_SELECT|MANE_PLUS_CLINICAL|ENSP|SOURCE|`.
"""

from __future__ import annotations

from annotations.genomics.reference import layout
from annotations.genomics.reference.genes import Transcript

_RESERVED = str.maketrans({",": "&", ";": "%3B", "|": "%7C", "=": "%3D", " ": "_", "\t": "_"})


def encode_value(text: str) -> str:
    """A CSQ value: no comma, semicolon, pipe, equals sign or blank within."""
    return text.translate(_RESERVED)


def describe_flags(flags: int) -> str:
    """The FLAGS field, as VEP writes it, and one of ours for RefSeq's own sequences."""
    names = (
        (layout.CDS_START_NF, "cds_start_NF"),
        (layout.CDS_END_NF, "cds_end_NF"),
        (layout.DIFFERS, "sequence_differs_from_genome"),
    )
    return "&".join(name for bit, name in names if flags & bit)


def compose_labels(transcript: Transcript, flags: int) -> dict[str, str]:
    """Every TEXT_COLUMNS value of one transcript."""
    gene = transcript.gene
    select = transcript.transcript_id if flags & layout.MANE_SELECT else ""
    plus = transcript.transcript_id if flags & layout.MANE_PLUS_CLINICAL else ""
    plain = {
        "transcript_id": transcript.transcript_id,
        "gene_id": gene.gene_id,
        "gene_symbol": gene.gene_symbol,
        "biotype": transcript.biotype,
        "protein_id": transcript.protein_id,
        "symbol_source": gene.symbol_source,
        "hgnc_id": gene.hgnc_id,
        "mane": "MANE_Select" if select else "MANE_Plus_Clinical" if plus else "",
        "mane_select": select,
        "mane_plus_clinical": plus,
        "source": transcript.source,
    }
    safe = {name: encode_value(value) for name, value in plain.items()}
    identity = ("", safe["gene_symbol"], safe["gene_id"], "Transcript", safe["transcript_id"], safe["biotype"], "")
    canonical = "YES" if flags & layout.CANONICAL else ""
    tags = (
        "", safe["symbol_source"], safe["hgnc_id"], canonical, safe["mane"], safe["mane_select"],
        safe["mane_plus_clinical"], safe["protein_id"], safe["source"], "",
    )  # fmt: skip
    return plain | {
        "csq_identity": "|".join(identity),
        "csq_strand": f"{transcript.strand}|{describe_flags(flags)}",
        "csq_tags": "|".join(tags),
        "hgvsc_prefix": _transcript_prefix(transcript, flags, safe["transcript_id"]),
        "hgvsp_prefix": f"{safe['protein_id']}:p." if safe["protein_id"] else "",
    }


def _transcript_prefix(transcript: Transcript, flags: int, name: str) -> str:
    if transcript.hgvs_context:
        name = f"{encode_value(transcript.hgvs_context)}({name})"
    return f"{name}:{'c' if flags & layout.CODING else 'n'}."
