"""GTF of Ensembl, GENCODE and RefSeq -> gene models.

In GTF the stop codon stands beside the CDS, not in it: the two are joined. Some programs write it in
both. The oldest Ensembl files have no biotype attributes; there the second column is the biotype.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from annotations.genomics.reference.genes import (
    Gene,
    GeneModels,
    Row,
    Transcript,
    ascending,
    read_rows,
    unversioned,
    with_version,
)

Key = tuple[str, str]
_CODING_SEGMENTS = frozenset(("transcript", "exon", "CDS", "stop_codon", "mRNA"))


def read_gtf(path: Path) -> GeneModels:
    """Raises AnnotationError(genes_malformed) for a line that is no GTF."""
    header: dict[str, str] = {}
    genes: dict[str, Row] = {}
    parts: dict[Key, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in read_rows(path, header):
        if row.type == "gene":
            genes[row.attributes.get("gene_id", "")] = row
        elif row.type in _CODING_SEGMENTS and row.attributes.get("transcript_id"):
            parts[row.contig, row.attributes["transcript_id"]][row.type].append(row)
    transcripts = tuple(_transcript(rows, genes) for rows in parts.values() if rows["exon"] or rows["CDS"])
    return GeneModels(transcripts, {}, header)


def _transcript(rows: dict[str, list[Row]], genes: dict[str, Row]) -> Transcript:
    exon_rows = rows["exon"] or rows["CDS"]
    first = (rows["transcript"] or rows["mRNA"] or exon_rows)[0]
    exons = ascending(exon_rows)
    coding = sorted(rows["CDS"], key=lambda row: row.start)
    leading = (coding[0] if first.strand > 0 else coding[-1]) if coding else None
    stop = [row for row in rows["stop_codon"] if not any(cds.start <= row.start < cds.end for cds in coding)]
    tags = frozenset(first.tags)
    protein = leading.attributes if leading else {}
    return Transcript(
        contig=first.contig,
        start=exons[0][0],
        end=exons[-1][1],
        strand=first.strand,
        transcript_id=_own_name(first, "transcript"),
        biotype=_biotype(first, bool(coding)),
        gene=_gene(first, genes.get(first.attributes.get("gene_id", ""))),
        exons=exons,
        cds=ascending(coding + stop) if coding else (),
        phase=leading.phase if leading else 0,
        protein_id=with_version(protein.get("protein_id", ""), protein.get("protein_version", "")),
        tags=tags | ({"CCDS"} if "ccds_id" in first.attributes or "ccdsid" in first.attributes else set()),
        source="RefSeq" if "RefSeq" in first.source or first.source == "Gnomon" else "Ensembl",
        differs="not identical" in first.attributes.get("note", "") or "exception" in first.attributes,
    )


def _own_name(row: Row, kind: str) -> str:
    return with_version(row.attributes[f"{kind}_id"], row.attributes.get(f"{kind}_version", ""))


def _biotype(row: Row, has_cds: bool) -> str:
    named = row.attributes.get("transcript_biotype") or row.attributes.get("transcript_type")
    if named:
        return "protein_coding" if named == "mRNA" else named
    if row.attributes.get("gene_source") or row.source not in ("ensembl", "havana", "ensembl_havana"):
        legacy = row.source not in ("BestRefSeq", "Gnomon", "RefSeq", "Curated Genomic")
        if legacy and "gene_biotype" in row.attributes:
            return row.source
    return row.attributes.get("gene_biotype") or ("protein_coding" if has_cds else "misc_RNA")


def _gene(row: Row, gene_row: Row | None) -> Gene:
    attributes = {**(gene_row.attributes if gene_row else {}), **row.attributes}
    gene_id = attributes.get("gene_id", "")
    reference = attributes.get("db_xref", "")
    if reference.startswith("GeneID:"):
        gene_id = reference.removeprefix("GeneID:")
    symbol = attributes.get("gene_name") or attributes.get("gene", "")
    hgnc = attributes.get("hgnc_id", "")
    return Gene(
        gene_id=unversioned(gene_id),
        gene_symbol=symbol,
        symbol_source="HGNC" if hgnc else "",
        hgnc_id=hgnc,
    )
