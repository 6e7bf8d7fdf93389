"""Around the compiled loop: the reference as it takes it, and one worker's buffers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotations.genomics.consequence.pairs import PAIR, Pairs
from annotations.genomics.consequence.reading import SITE
from annotations.genomics.hgvs.edits import EDIT
from annotations.genomics.kernel import (
    FULL,
    NOTES_FULL,
    NOTHING_FULL,
    ROW_COUNT,
    ROWS_FULL,
    TEXT_AT,
    TEXT_FULL,
    Genes,
    Input,
    Work,
    annotate_alleles,
)
from annotations.genomics.output.text import join_words
from annotations.genomics.reference.load import Reference
from annotations.genomics.vcf.records import Alleles, Bytes, Int64s, Records


def prepare_genes(reference: Reference) -> Genes:
    """The reference as the compiled loop takes it."""
    prefixes, offsets = join_words(
        tuple(f"{c.accession}:{'m' if c.is_mitochondrial else 'g'}." for c in reference.contigs)
    )
    return Genes(
        reference.contig_rows, reference.all_sequence, reference.transcripts, reference.exons,
        reference.mature, reference.spliced, reference.bins, reference.bin_transcripts,
        reference.text, reference.text_offsets, prefixes, offsets,
    )  # fmt: skip


@dataclass
class Scratch:
    """The buffers of one worker thread, for one reference; they grow as chunks need."""

    reference: Reference
    rows: int = 1 << 14
    text_bytes: int = 1 << 23
    note_bytes: int = 1 << 16
    _genes: Genes = field(init=False)
    _buffers: dict[str, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._genes = prepare_genes(self.reference)
        genes = int(self.reference.transcripts["gene"].max(initial=-1)) + 1
        longest = int(self.reference.transcripts["length"].max(initial=0))
        self._buffers = {
            "rows": np.zeros(self.rows, PAIR),
            "text": np.empty(self.text_bytes, np.uint8),
            "notes": np.empty(self.note_bytes, np.uint8),
            "sites": np.zeros(1, SITE),
            "edits": np.zeros(1, EDIT),
            "winners": np.full(genes, -1, np.int64),
            "state": np.zeros(6, np.int64),
        }
        self._longest = longest
        self._fit_letters(1 << 10)

    def _fit_letters(self, letters: int) -> None:
        """Room for alleles of this many letters."""
        if "alt" in self._buffers and self._buffers["alt"].size >= letters:
            return
        for name in ("ref", "alt", "alt_reverse", "rotated", "rotated_along"):
            self._buffers[name] = np.empty(letters, np.uint8)
        self._buffers["window"] = np.empty((4, letters + self._longest + 8), np.uint8)

    def _grow(self, full: int) -> None:
        name = {TEXT_FULL: "text", ROWS_FULL: "rows", NOTES_FULL: "notes"}[full]
        old = self._buffers[name]
        self._buffers[name] = np.concatenate([old, np.empty_like(old)])

    def annotate(self, records: Records, alleles: Alleles, existing: tuple[Bytes, Int64s] | None = None) -> Pairs:
        """Annotate a chunk. The answer's arrays are views, good until the next call.

        existing: text and spans (int64[m, 2]) of what CSQ says as Existing_variation of each allele.
        """
        if existing is None:
            existing = np.empty(0, np.uint8), np.zeros((len(alleles), 2), np.int64)
        given = Input(
            records.text, records.fields, records.contig, alleles.record, alleles.alt_index, alleles.kind,
            alleles.start, alleles.end, alleles.ref_from, alleles.ref_to, alleles.alt_from, alleles.alt_to,
            *existing,
        )  # fmt: skip
        count = len(alleles)
        lengths = [given.ref_to - given.ref_from, given.alt_to - given.alt_from]
        self._fit_letters(max(int(size.max(initial=0)) for size in lengths))
        buffers = self._buffers
        buffers["record_text"] = np.zeros(len(records) + 1, np.int64)
        buffers["allele_rows"] = np.zeros(count + 1, np.int64)
        buffers["hgvsg"] = np.zeros((count, 2), np.int64)
        buffers["variant_class"] = np.zeros(count, np.uint8)
        state = buffers["state"]
        state[:] = 0
        while True:
            annotate_alleles(self._genes, given, Work(**buffers))
            if state[FULL] == NOTHING_FULL:
                break
            self._grow(int(state[FULL]))
        return Pairs(
            rows=buffers["rows"][: state[ROW_COUNT]],
            text=buffers["text"][: state[TEXT_AT]],
            record_text=buffers["record_text"],
            allele_rows=buffers["allele_rows"],
            hgvsg=buffers["hgvsg"],
            variant_class=buffers["variant_class"],
        )
