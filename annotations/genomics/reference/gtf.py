"""GTF of Ensembl, GENCODE and RefSeq -> gene models.

In GTF the stop codon stands beside the CDS, not in it: the two are joined. Some programs write it in
both. The oldest Ensembl files have no biotype attributes; there the second column is the biotype.
"""

from __future__ import annotations

from pathlib import Path

from annotations.genomics.reference.genes import (
    Gene,
    GeneModels,
    Row,
    Transcript,
    read_rows,
    unversioned,
    with_version,
)
from annotations.genomics.reference.pieces import Pieces, ascending

Key = tuple[str, str]


class _Features:
    """The rows of one file, by what they are to a transcript."""

    def __init__(self, path: Path) -> None:
        self.header: dict[str, str] = {}
        self.genes: dict[str, Row] = {}
        self.transcripts: dict[Key, Row] = {}
        self.exons: Pieces[Key] = Pieces()
        self.cds: Pieces[Key] = Pieces()
        self.stops: Pieces[Key] = Pieces()
        for row in read_rows(path, self.header):
            self._keep(row)

    def _keep(self, row: Row) -> None:
        key = row.contig, row.attributes.get("transcript_id", "")
        if row.type == "gene":
            self.genes[row.attributes.get("gene_id", "")] = row
        elif not key[1]:
            return
        elif row.type in ("transcript", "mRNA"):
            self.transcripts.setdefault(key, row)
        elif row.type == "exon":
            self.exons.add(key, row)
        elif row.type == "CDS":
            self.cds.add(key, row)
        elif row.type == "stop_codon":
            self.stops.add(key, row)


def read_gtf(path: Path) -> GeneModels:
    """Raises AnnotationError(genes_malformed) for a line that is no GTF."""
    features = _Features(path)
    keys = dict.fromkeys([*features.exons, *features.cds])
    return GeneModels(tuple(_transcript(key, features) for key in keys), {}, features.header)


def _transcript(key: Key, features: _Features) -> Transcript:
    coding = sorted(features.cds.of(key), key=lambda cds: cds.start)
    pieces = features.exons.of(key) or coding
    first = features.transcripts.get(key) or pieces[0].row
    exons = ascending(pieces)
    leading = (coding[0] if first.strand > 0 else coding[-1]) if coding else None
    stop = [piece for piece in features.stops.of(key) if not any(cds.start <= piece.start < cds.end for cds in coding)]
    protein = leading.row.attributes if leading else {}
    has_ccds = "ccds_id" in first.attributes or "ccdsid" in first.attributes
    return Transcript(
        contig=first.contig,
        start=exons[0][0],
        end=exons[-1][1],
        strand=first.strand,
        transcript_id=_own_name(first, "transcript"),
        biotype=_biotype(first, bool(coding)),
        gene=_gene(first, features.genes.get(first.attributes.get("gene_id", ""))),
        exons=exons,
        cds=ascending(coding + stop) if coding else (),
        phase=leading.phase if leading else 0,
        protein_id=with_version(protein.get("protein_id", ""), protein.get("protein_version", "")),
        tags=frozenset(first.tags) | ({"CCDS"} if has_ccds else set()),
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
