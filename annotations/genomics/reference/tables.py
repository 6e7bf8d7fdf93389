"""Gene models -> the rows of layout.py."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from annotations.genomics.consequence.codons import CODE_NUMBERS, MITOCHONDRIAL, STOP, TABLES
from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import layout
from annotations.genomics.reference.contigs import Contigs
from annotations.genomics.reference.genes import GeneModels, Span, Transcript
from annotations.genomics.reference.labels import compose_labels

Codes = np.ndarray[tuple[int], np.dtype[np.uint8]]


class _Tables:
    """The arrays as they grow, transcript by transcript: bytes, not objects, for a genome has millions of rows."""

    def __init__(self, transcripts: int) -> None:
        self.transcripts = np.empty(transcripts, layout.TRANSCRIPT)
        self.exons = array("i")
        self.mature = array("i")
        self.spliced = bytearray()
        self.genes: dict[tuple[int, str], int] = {}
        self.text = [bytearray() for _ in layout.TEXT_COLUMNS]
        self.text_ends = [array("q", [0]) for _ in layout.TEXT_COLUMNS]

    def exon_rows(self) -> int:
        """How many exons there are so far."""
        return len(self.exons) // 3

    def mature_rows(self) -> int:
        """How many mature spans there are so far."""
        return len(self.mature) // 2

    def add_labels(self, labels: dict[str, str]) -> None:
        """The next transcript's text."""
        for name, text, ends in zip(layout.TEXT_COLUMNS, self.text, self.text_ends, strict=True):
            text.extend(labels[name].encode())
            ends.append(len(text))


class _Bases:
    """The base codes of one contig at a time: a whole genome mapped would all be resident in the end."""

    def __init__(self, path: Path, contigs: Contigs) -> None:
        self._path, self._contigs = path, contigs
        self._held = -1
        self._codes: Codes = np.empty(0, np.uint8)

    def of(self, contig: int) -> Codes:
        """uint8[length of the contig]."""
        if contig != self._held:
            self._codes = np.empty(0, np.uint8)  # two at once are one too many
            place = self._contigs[contig]
            self._codes = np.fromfile(self._path, np.uint8, place.length, offset=place.offset)
            self._held = contig
        return self._codes


def write_tables(models: Sequence[GeneModels], contigs: Contigs, folder: Path) -> dict[str, int]:
    """Write every array but the sequence; returns how many rows of each kind there are.

    Raises AnnotationError(genes_elsewhere) where no transcript lies on a contig of the FASTA.
    """
    found = _sorted_transcripts(models, contigs)
    bases = _Bases(folder / "sequence.bin", contigs)
    tables = _Tables(len(found))
    for number, (contig, transcript) in enumerate(found):
        _add(tables, number, contig, transcript, contigs, bases)
    _save(tables, contigs, folder)
    coding = int((tables.transcripts["flags"] & layout.CODING > 0).sum())
    return {"transcripts": len(found), "coding": coding, "genes": len(tables.genes)}


def _sorted_transcripts(models: Sequence[GeneModels], contigs: Contigs) -> list[tuple[int, Transcript]]:
    found = []
    for model in models:
        for transcript in model.transcripts:
            index = _find_contig(transcript, model, contigs)
            if index < 0:
                continue
            if transcript.end > contigs[index].length:
                raise AnnotationError(
                    "genes_outside_contig",
                    f"{transcript.transcript_id} ends at {transcript.end}, beyond {contigs[index].name}"
                    f" ({contigs[index].length} bases): the genes belong to another assembly.",
                    value=transcript.transcript_id,
                )
            found.append((index, transcript))
    if not found and any(model.transcripts for model in models):
        raise AnnotationError("genes_elsewhere", "None of the genes lies on a contig of the FASTA.")
    found.sort(key=lambda item: (item[0], item[1].start, item[1].end, item[1].transcript_id))
    return found


def _find_contig(transcript: Transcript, model: GeneModels, contigs: Contigs) -> int:
    for name in (transcript.contig, *model.aliases.get(transcript.contig, ())):
        index = contigs.find(name)
        if index >= 0:
            return index
    return -1


def _add(tables: _Tables, number: int, contig: int, transcript: Transcript, contigs: Contigs, bases: _Bases) -> None:
    spans, slips = split_at_slips(transcript.exons, transcript.cds)
    exons = _place_exons(spans, transcript.strand)
    length = sum(end - start for start, end in spans)
    cds_start = cds_end = coding_start = coding_end = spliced_from = -1
    padding = 0
    flags = _flags(transcript, spans) | (layout.DIFFERS if slips and not transcript.hgvs_context else 0)
    code = contigs[contig].codon_table
    if transcript.cds:
        coding_start, coding_end = transcript.cds[0][0], max(end for _, end in transcript.cds)
        cds_start, cds_end = _place_cds(exons, transcript, coding_start, coding_end)
        padding = (3 - transcript.phase) % 3
        spliced = _splice(bases.of(contig), spans, transcript.strand)
        missing = _missing_stop(spliced, cds_end, padding + cds_end - cds_start, code)
        spliced = np.concatenate([spliced, np.zeros(missing, np.uint8)])
        length, cds_end = length + missing, cds_end + missing
        flags |= _completeness(transcript, padding, cds_end - cds_start)
        spliced_from = len(tables.spliced)
        tables.spliced += spliced.tobytes()
    gene = tables.genes.setdefault((contig, transcript.gene.gene_id), len(tables.genes))
    exon_from, mature_from = tables.exon_rows(), tables.mature_rows()
    tables.exons.extend(chain.from_iterable(exons))
    tables.mature.extend(chain.from_iterable(transcript.mature))
    tables.transcripts[number] = (
        contig, transcript.start, transcript.end, transcript.strand, exon_from, tables.exon_rows(), length,
        cds_start, cds_end, coding_start, coding_end, padding, code, flags, _pick_rank(transcript, flags),
        gene, mature_from, tables.mature_rows(), spliced_from,
    )  # fmt: skip
    tables.add_labels(compose_labels(transcript, flags))


def split_at_slips(exons: Sequence[Span], cds: Sequence[Span]) -> tuple[tuple[Span, ...], bool]:
    """Cut exons where the CDS steps back or leaps within one (ribosomal slippage).

    Returns the pieces, ascending, and whether there was a slip that the exons did not show.
    """
    pieces = list(exons)
    slipped = False
    for (first, end), (start, last) in pairwise(cds):
        for number, (exon_start, exon_end) in enumerate(pieces):
            if exon_start <= first and last <= exon_end and end != start:
                pieces[number : number + 1] = [(exon_start, end), (start, exon_end)]
                slipped = True
                break
    return tuple(pieces), slipped


def _place_exons(spans: Sequence[Span], strand: int) -> list[tuple[int, int, int]]:
    """(start, end, cdna of the exon's 5' end), ascending on the genome."""
    placed = []
    cdna = 0
    for start, end in spans if strand > 0 else reversed(spans):
        placed.append((start, end, cdna))
        cdna += end - start
    return placed if strand > 0 else placed[::-1]


def _place_cds(
    exons: Sequence[tuple[int, int, int]], transcript: Transcript, coding_start: int, coding_end: int
) -> tuple[int, int]:
    """cdna start and end of the CDS, which must begin and end within exons."""
    left = right = None
    for start, end, cdna in exons:
        if start <= coding_start < end and left is None:
            left = cdna + (coding_start - start if transcript.strand > 0 else end - coding_start)
        if start < coding_end <= end:
            right = cdna + (coding_end - start if transcript.strand > 0 else end - coding_end)
    if left is None or right is None:
        raise AnnotationError(
            "genes_cds_outside_exons",
            f"The CDS of {transcript.transcript_id} does not begin and end within its exons.",
            value=transcript.transcript_id,
        )
    return (left, right) if transcript.strand > 0 else (right, left)


def _splice(sequence: Codes, spans: Sequence[Span], strand: int) -> Codes:
    joined = np.concatenate([sequence[start:end] for start, end in spans])
    return joined if strand > 0 else layout.COMPLEMENT[joined[::-1]]


def _missing_stop(spliced: Codes, cds_end: int, length: int, code: int) -> int:
    """How many As polyadenylation adds to finish the stop codon: mitochondria only, 0 elsewhere."""
    rest = length % 3
    if CODE_NUMBERS[code] not in MITOCHONDRIAL or rest == 0 or cds_end != len(spliced):
        return 0
    last = [*spliced[cds_end - rest :].tolist(), *[0] * (3 - rest)]
    is_stop = max(last) < 4 and TABLES[code][last[0] * 16 + last[1] * 4 + last[2]] == STOP
    return 3 - rest if is_stop else 0


def _flags(transcript: Transcript, spans: Sequence[Span]) -> int:
    introns = [start - end for (_, end), (start, _) in pairwise(spans)]
    tags = transcript.tags
    bits = (
        (layout.CODING, bool(transcript.cds)),
        (layout.NMD, transcript.biotype == "nonsense_mediated_decay"),
        (layout.FRAMESHIFT_INTRON, any(0 < n <= layout.FRAMESHIFT_INTRON_LENGTH for n in introns)),
        (layout.CANONICAL, "Ensembl_canonical" in tags or "RefSeq_Select" in tags),
        (layout.MANE_SELECT, "MANE_Select" in tags),
        (layout.MANE_PLUS_CLINICAL, "MANE_Plus_Clinical" in tags),
        (layout.DIFFERS, transcript.differs),
    )
    return sum(bit for bit, holds in bits if holds)


def _completeness(transcript: Transcript, padding: int, length: int) -> int:
    """Incomplete ends: what the tags say, and what phase and length prove where there are none."""
    start_nf = bool(padding) or "cds_start_NF" in transcript.tags
    end_nf = (padding + length) % 3 != 0 or "cds_end_NF" in transcript.tags
    return (layout.CDS_START_NF if start_nf else 0) | (layout.CDS_END_NF if end_nf else 0)


def _pick_rank(transcript: Transcript, flags: int) -> int:
    """Smaller is picked first: MANE Select, Plus Clinical, canonical, CCDS or basic."""
    tags = transcript.tags
    basic = bool(tags & {"CCDS", "gencode_basic", "basic"})
    wins = (flags & layout.MANE_SELECT, flags & layout.MANE_PLUS_CLINICAL, flags & layout.CANONICAL, basic)
    return sum(0 if won else 8 >> place for place, won in enumerate(wins))


def _save(tables: _Tables, contigs: Contigs, folder: Path) -> None:
    bins, members = index_bins(tables.transcripts, contigs)
    text, offsets = _join_text(tables)
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "transcripts": tables.transcripts,
        "exons": np.frombuffer(tables.exons, np.int32).view(layout.EXON),
        "mature": np.frombuffer(tables.mature, np.int32).view(layout.SPAN),
        "spliced": np.frombuffer(tables.spliced, np.uint8),
        "bins": bins,
        "bin_transcripts": members,
        "text": text,
        "text_offsets": offsets,
    }
    for name, array_ in arrays.items():
        np.save(folder / f"{name}.npy", array_)


def bin_counts(contigs: Contigs) -> np.ndarray[Any, np.dtype[np.int64]]:
    """int64[contigs + 1]: the first bin of each contig, and how many there are in all."""
    counts = [(contig.length >> layout.BIN_SHIFT) + 1 for contig in contigs]
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def index_bins(
    transcripts: np.ndarray[Any, Any], contigs: Contigs
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int32]]]:
    """For each bin of the genome the transcripts within REACH of it, ascending.

    An insertion just outside the reach still looks one base further, hence REACH + 1.
    """
    first, lengths = bin_counts(contigs), np.array([contig.length for contig in contigs], np.int64)
    contig = transcripts["contig"]
    reach = layout.REACH + 1
    low = np.maximum(0, transcripts["start"].astype(np.int64) - reach) >> layout.BIN_SHIFT
    high = np.minimum(lengths[contig], transcripts["end"].astype(np.int64) + reach) >> layout.BIN_SHIFT
    counts = high - low + 1
    members = np.repeat(np.arange(len(transcripts), dtype=np.int32), counts)
    within = np.arange(members.size) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.repeat(first[contig] + low, counts) + within
    offsets = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=int(first[-1])))]).astype(np.int64)
    return offsets, members[np.argsort(place, kind="stable")]


def _join_text(tables: _Tables) -> tuple[Codes, np.ndarray[Any, np.dtype[np.int64]]]:
    sizes = [len(text) for text in tables.text]
    begins = np.cumsum([0, *sizes[:-1]])
    offsets = np.stack([begin + np.array(ends) for begin, ends in zip(begins, tables.text_ends, strict=True)])
    return np.frombuffer(b"".join(tables.text), np.uint8), offsets
