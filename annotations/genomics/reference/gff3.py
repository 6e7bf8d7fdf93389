"""GFF3 of Ensembl, GENCODE/MANE and RefSeq -> gene models.

A transcript is whatever exons or CDS name as their parent. Where the parent of a CDS is a gene
(viruses, bacteria, RefSeq's mitochondrion) there is no transcript level, and each CDS ID is one.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote

from annotations.genomics.reference.genes import (
    Gene,
    GeneModels,
    Row,
    Span,
    Transcript,
    describe_source,
    read_rows,
    unversioned,
    with_version,
)
from annotations.genomics.reference.pieces import Piece, Pieces, ascending

_SEQUENCE_TYPES = frozenset(
    ("region", "chromosome", "scaffold", "supercontig", "biological_region", "match", "cDNA_match")
)
_GENE_TYPES = frozenset(("gene", "ncRNA_gene", "pseudogene", "bidirectional_promoter_lncRNA"))
_PRECURSORS = frozenset(("primary_transcript", "miRNA_primary_transcript", "pre_miRNA"))
_BIOTYPES = {"mRNA": "protein_coding", "lnc_RNA": "lncRNA", "primary_transcript": "miRNA"}
_DIFFERENCES = ("annotated by transcript or proteomic data", "transcription discrepancy")


class _Features:
    """The rows of one file, by what they are to a transcript."""

    def __init__(self, path: Path) -> None:
        self.header: dict[str, str] = {}
        self.aliases: dict[str, tuple[str, ...]] = {}
        self.by_id: dict[str, Row] = {}
        self.exons: Pieces[str] = Pieces()
        self.cds: Pieces[str] = Pieces()
        self.mature: Pieces[str] = Pieces()
        mirnas: list[tuple[str, Row]] = []  # sorted out when every precursor was seen, wherever it stands
        for row in read_rows(path, self.header):
            self._keep(row, mirnas)
        for parent, row in mirnas:
            if self._is_precursor(parent):
                self.mature.add(parent, row)
            elif name := row.attributes.get("ID", ""):
                self.by_id.setdefault(name, row)

    def _keep(self, row: Row, mirnas: list[tuple[str, Row]]) -> None:
        parents = [p for p in row.attributes.get("Parent", "").split(",") if p]
        name = row.attributes.get("ID", "")
        if row.type in ("chromosome", "region", "scaffold", "supercontig"):
            if "Alias" in row.attributes and row.start == 0:
                own = name.partition(":")[2] if row.type != "region" else ""
                names = [*row.attributes["Alias"].split(","), own]
                self.aliases[row.contig] = tuple(unquote(alias) for alias in names if alias)
        elif row.type == "exon":
            for parent in parents:
                self.exons.add(parent, row)
        elif row.type == "CDS":
            for parent in parents or [name]:
                self.cds.add(parent, row)
        elif row.type == "miRNA" and parents:
            mirnas.append((parents[0], row))
        elif name and row.type not in _SEQUENCE_TYPES:
            self.by_id.setdefault(name, row)

    def _is_precursor(self, name: str) -> bool:
        row = self.by_id.get(name)
        return row is not None and row.type in _PRECURSORS


def read_gff3(path: Path) -> GeneModels:
    """Raises AnnotationError(genes_malformed) for a line that is no GFF3."""
    features = _Features(path)
    mature_ids = {piece.row.attributes.get("ID", "") for name in features.mature for piece in features.mature.of(name)}
    transcripts = []
    for name in dict.fromkeys([*features.exons, *features.cds]):
        if name in mature_ids:
            continue
        row = features.by_id.get(name)
        if row is None or _is_gene(row):
            transcripts += _without_transcript_level(name, row, features)
        else:
            transcripts.append(_transcript(name, row, features))
    return GeneModels(tuple(transcripts), features.aliases, features.header)


def _is_gene(row: Row) -> bool:
    return "Parent" not in row.attributes and (row.type in _GENE_TYPES or row.type.endswith("gene"))


def _transcript(name: str, row: Row, features: _Features) -> Transcript:
    attributes = row.attributes
    coding = sorted(features.cds.of(name), key=lambda cds: cds.start)
    exons = ascending(features.exons.of(name) or coding)
    leading = (coding[0] if row.strand > 0 else coding[-1]) if coding else None
    transcript_id = with_version(attributes.get("transcript_id") or attributes.get("Name") or name,
                                 attributes.get("version", ""))  # fmt: skip
    protein_id = leading.row.attributes.get("protein_id") or attributes.get("protein_id", "") if leading else ""
    gene_row = features.by_id.get(attributes.get("Parent", "").split(",")[0])
    return Transcript(
        contig=row.contig,
        start=exons[0][0],
        end=exons[-1][1],
        strand=row.strand,
        transcript_id=unquote(transcript_id),
        biotype=_biotype(row, gene_row),
        gene=_gene(gene_row or row),
        exons=exons,
        cds=ascending(coding),
        phase=leading.phase if leading else 0,
        protein_id=protein_id,
        tags=_tags(row),
        source=_source(row),
        mature=ascending(features.mature.of(name)),
        differs=_differs(row),
    )


def _without_transcript_level(name: str, gene_row: Row | None, features: _Features) -> list[Transcript]:
    """One transcript for each CDS ID of a gene; its pieces stay apart (ribosomal slippage)."""
    by_id: dict[str, list[Piece]] = defaultdict(list)
    for cds in features.cds.of(name):
        by_id[cds.row.attributes.get("ID", name)].append(cds)
    transcripts = []
    for cds_id, pieces in by_id.items():
        spans, own = ascending(pieces), pieces[0].row
        protein = own.attributes.get("protein_id") or own.attributes.get("Name") or cds_id
        transcripts.append(_bare(pieces, spans, spans, protein, "protein_coding", gene_row or own))
    pieces = features.exons.of(name)
    if not by_id and pieces:
        own = gene_row or pieces[0].row
        biotype = own.attributes.get("gene_biotype") or own.attributes.get("biotype") or own.type
        transcripts.append(_bare(pieces, ascending(pieces), (), own.attributes.get("Name") or name, biotype, own))
    return transcripts


def _bare(
    pieces: list[Piece], exons: tuple[Span, ...], cds: tuple[Span, ...], name: str, biotype: str, gene_row: Row
) -> Transcript:
    """A transcript whose exons are given by a gene or its CDS alone; named on the contig."""
    is_forward = pieces[0].row.strand > 0
    first = min(pieces, key=lambda piece: piece.start) if is_forward else max(pieces, key=lambda piece: piece.end)
    return Transcript(
        contig=first.row.contig,
        start=exons[0][0],
        end=max(end for _, end in exons),
        strand=first.row.strand,
        transcript_id=name,
        biotype=biotype,
        gene=_gene(gene_row),
        exons=exons,
        cds=cds,
        phase=first.phase,
        protein_id=name if cds else "",
        tags=frozenset(),
        source=_source(first.row),
        hgvs_context=first.row.contig,
    )


def _biotype(row: Row, gene_row: Row | None) -> str:
    attributes = row.attributes
    named = attributes.get("biotype") or attributes.get("transcript_type") or attributes.get("transcript_biotype")
    if named:
        return named
    if row.type == "transcript" and gene_row is not None:
        return gene_row.attributes.get("gene_biotype", "transcript")
    return _BIOTYPES.get(row.type, row.type)


def _tags(row: Row) -> frozenset[str]:
    """Ensembl, GENCODE and RefSeq spell the same tags in three ways."""
    tags = {tag.replace(" ", "_") for tag in row.tags}
    if "ccdsid" in row.attributes or "CCDS:" in row.attributes.get("Dbxref", ""):
        tags.add("CCDS")
    return frozenset(tags)


def _differs(row: Row) -> bool:
    exception = row.attributes.get("exception", "")
    note = unquote(row.attributes.get("Note", ""))
    return any(words in exception for words in _DIFFERENCES) or "compared to this genomic sequence" in note


def _source(row: Row) -> str:
    known = {"RefSeq": "RefSeq", "BestRefSeq": "RefSeq", "Gnomon": "RefSeq", "Curated Genomic": "RefSeq"}
    return known.get(unquote(row.source).split("%2C")[0], "RefSeq" if "RefSeq" in row.source else "Ensembl")


def _gene(row: Row) -> Gene:
    attributes = row.attributes
    symbol_source, hgnc_id = describe_source(unquote(attributes.get("description", "")))
    gene_id = attributes.get("gene_id") or attributes.get("ID", "")
    for reference in unquote(attributes.get("Dbxref", "")).split(","):
        if reference.startswith("GeneID:"):
            gene_id = reference.removeprefix("GeneID:")
        if reference.startswith("HGNC:"):
            symbol_source, hgnc_id = "HGNC", reference.removeprefix("HGNC:")
    hgnc_id = attributes.get("hgnc_id", hgnc_id)
    symbol = attributes.get("gene_name") or attributes.get("gene") or attributes.get("Name", "")
    if hgnc_id and not symbol_source:
        symbol_source = "HGNC"
    return Gene(unversioned(gene_id), unquote(symbol), symbol_source, hgnc_id)
