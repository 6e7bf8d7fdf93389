"""Annotates a chunk: the compiled loop over alleles and transcripts, and the buffers it works in.

Each allele is done in two steps: first every transcript near it is judged into rows of PAIR, with
protein names, residues and codons as notes; then one row is picked and all are written out.
Nothing is allocated here. Where a buffer is full the loop says which and stops before the allele;
Scratch makes that buffer larger and goes on from there.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.coding import coding_terms
from annotations.genomics.consequence.consequences import impact_of, judge_allele_within, judge_outside
from annotations.genomics.consequence.mapping import map_stretch, touches
from annotations.genomics.consequence.picking import pick_row
from annotations.genomics.consequence.structural import judge_structural
from annotations.genomics.consequence.terms import INTERGENIC
from annotations.genomics.hgvs import edits
from annotations.genomics.hgvs.genomic import put_genomic_name, put_structural_name
from annotations.genomics.hgvs.proteins import put_protein_name
from annotations.genomics.hgvs.transcripts import put_transcript_name
from annotations.genomics.output import csq
from annotations.genomics.output.text import LETTERS, put_byte, put_span, put_word
from annotations.genomics.reference.layout import BASE_CODES, BIN_SHIFT, COMPLEMENT, REACH
from annotations.genomics.vcf.records import ALT, Kind

_SEQUENCE, _DEL, _DUP, _INV = int(Kind.SEQUENCE), int(Kind.DEL), int(Kind.DUP), int(Kind.INV)
_INS, _CNV, _BND = int(Kind.INS), int(Kind.CNV), int(Kind.BND)
_DASH: Final = 45
_PIPE: Final = 124
_COMMA: Final = 44

# The entries of the state array (six of int64):
ALLELE: Final = 0  # the next to be done
TEXT_AT: Final = 1
ROW_COUNT: Final = 2
RECORD: Final = 3  # record_text is filled up to here
FULL: Final = 4  # which buffer is too small, below
NOTES_AT: Final = 5
NOTHING_FULL, TEXT_FULL, ROWS_FULL, NOTES_FULL = range(4)

_NOTE_ROOM: Final = 1024


class Genes(NamedTuple):
    """The reference's arrays (reference/layout.py), and the prefixes of g. names by contig."""

    contig_rows: Any
    sequence: Any
    transcripts: Any
    exons: Any
    mature: Any
    spliced: Any
    bins: Any
    bin_transcripts: Any
    text: Any
    text_offsets: Any
    prefixes: Any
    prefix_offsets: Any


class Input(NamedTuple):
    """Columns of vcf.records.Records and Alleles; existing, existing_spans as in sources.match.LookedUp."""

    text: Any
    fields: Any
    contig: Any
    record: Any
    alt_index: Any
    kind: Any
    start: Any
    end: Any
    ref_from: Any
    ref_to: Any
    alt_from: Any
    alt_to: Any
    existing: Any
    existing_spans: Any


class Work(NamedTuple):
    """Buffers; alt_reverse: the reverse complement of alt; see Pairs for the rest."""

    rows: Any
    text: Any
    notes: Any
    ref: Any
    alt: Any
    alt_reverse: Any
    rotated: Any
    rotated_along: Any
    window: Any
    sites: Any
    edits: Any
    winners: Any
    record_text: Any
    allele_rows: Any
    hgvsg: Any
    variant_class: Any
    state: Any


@compiled
def annotate_alleles(genes: Genes, given: Input, work: Work) -> None:
    """Do the alleles from state[ALLELE] on; state[FULL] tells whether a buffer stopped it."""
    state = work.state
    state[FULL] = NOTHING_FULL
    for allele in range(state[ALLELE], given.record.size):
        record = given.record[allele]
        while state[RECORD] <= record:
            work.record_text[state[RECORD]] = state[TEXT_AT]
            state[RECORD] += 1
        text_at, row_count = state[TEXT_AT], state[ROW_COUNT]
        work.allele_rows[allele] = row_count
        annotate_allele(genes, given, work, allele)
        if state[FULL] != NOTHING_FULL:
            state[TEXT_AT], state[ROW_COUNT], state[ALLELE] = text_at, row_count, allele
            return
    while state[RECORD] < work.record_text.size:
        work.record_text[state[RECORD]] = state[TEXT_AT]
        state[RECORD] += 1
    work.allele_rows[given.record.size] = state[ROW_COUNT]
    state[ALLELE] = given.record.size


@compiled
def annotate_allele(genes: Genes, given: Input, work: Work, allele: int) -> None:
    """Judge one allele on every transcript near it, pick, and write its entries."""
    kind = given.kind[allele]
    work.hgvsg[allele, 0] = work.hgvsg[allele, 1] = 0
    work.variant_class[allele] = class_of(kind, given, allele)
    if kind > _BND:
        return
    state = work.state
    first = state[ROW_COUNT]
    start, end = given.start[allele], given.end[allele]
    ref_length = given.ref_to[allele] - given.ref_from[allele]
    alt_length = given.alt_to[allele] - given.alt_from[allele]
    if work.notes.size < 4 * alt_length + _NOTE_ROOM:
        state[FULL] = NOTES_FULL
        return
    contig = given.contig[given.record[allele]]
    offset, length = genes.contig_rows[contig, 0], genes.contig_rows[contig, 1]
    sequence = genes.sequence[offset : offset + length]
    ahead = behind = 0
    if kind == _SEQUENCE:
        decode(given, allele, ref_length, alt_length, work)
        if ref_length == 0 or alt_length == 0:
            letters, size = (work.ref, ref_length) if alt_length == 0 else (work.alt, alt_length)
            ahead = edits.shift_length(sequence, start, end, letters, size, True)
            behind = edits.shift_length(sequence, start, end, letters, size, False)
    name_end = name_allele(genes, work, contig, sequence, kind, start, end, ref_length, alt_length, ahead)
    state[NOTES_AT] = name_end
    judge_transcripts(genes, work, allele, contig, kind, start, end, ref_length, alt_length, ahead, behind)
    if state[FULL] == NOTHING_FULL:
        if state[ROW_COUNT] == first:
            add_intergenic(work, allele)
        else:
            pick_row(work.rows, first, state[ROW_COUNT], genes.transcripts, work.winners)
        write_entries(genes, given, work, allele, sequence, first, name_end, ahead, behind)


@compiled
def class_of(kind: int, given: Input, allele: int) -> int:
    """VARIANT_CLASS as an index."""
    if kind == _SEQUENCE:
        ref_length = given.ref_to[allele] - given.ref_from[allele]
        alt_length = given.alt_to[allele] - given.alt_from[allele]
        if ref_length == 0:
            return csq.CLASS_INSERTION
        if alt_length == 0:
            return csq.CLASS_DELETION
        if ref_length != alt_length:
            return csq.CLASS_INDEL
        return csq.CLASS_SNV if ref_length == 1 else csq.CLASS_SUBSTITUTION
    if kind == _DEL:
        return csq.CLASS_DELETION
    if kind == _DUP:
        return csq.CLASS_DUPLICATION
    if kind == _INV:
        return csq.CLASS_INVERSION
    if kind == _INS:
        return csq.CLASS_INSERTION
    return csq.CLASS_BREAKPOINT if kind == _BND else csq.CLASS_COPY_NUMBER


@compiled
def decode(given: Input, allele: int, ref_length: int, alt_length: int, work: Work) -> None:
    """Letters of the trimmed allele -> base codes."""
    for i in range(ref_length):
        work.ref[i] = BASE_CODES[given.text[given.ref_from[allele] + i]]
    for i in range(alt_length):
        code = BASE_CODES[given.text[given.alt_from[allele] + i]]
        work.alt[i] = code
        work.alt_reverse[alt_length - 1 - i] = COMPLEMENT[code]


@compiled
def name_allele(
    genes: Genes, work: Work, contig: int, sequence: Any, kind: int,
    start: int, end: int, ref_length: int, alt_length: int, ahead: int,
) -> int:  # fmt: skip
    """HGVSg at the start of the notes; returns its length, 0 without a name."""
    prefix = put_word(work.notes, 0, genes.prefixes, genes.prefix_offsets, contig)
    at = prefix
    if kind == _SEQUENCE:
        at = put_genomic_name(
            work.notes, prefix, sequence, start, end, work.ref, work.alt,
            ref_length, alt_length, ahead, work.rotated, work.edits[0],
        )  # fmt: skip
    elif kind == _DEL:
        at = put_structural_name(work.notes, prefix, start, end, edits.DELETION)
    elif kind == _DUP:
        at = put_structural_name(work.notes, prefix, start, end, edits.DUPLICATION)
    elif kind == _INV:
        at = put_structural_name(work.notes, prefix, start, end, edits.INVERSION)
    return at if at > prefix else 0


@compiled
def judge_transcripts(
    genes: Genes, work: Work, allele: int, contig: int, kind: int,
    start: int, end: int, ref_length: int, alt_length: int, ahead: int, behind: int,
) -> None:  # fmt: skip
    """A row for every transcript within REACH, in the reference's order."""
    state = work.state
    base = genes.contig_rows[contig, 2]
    first_bin, last_bin = start >> BIN_SHIFT, max(start, end - 1) >> BIN_SHIFT
    for place in range(first_bin, last_bin + 1):
        for member in range(genes.bins[base + place], genes.bins[base + place + 1]):
            number = genes.bin_transcripts[member]
            transcript = genes.transcripts[number]
            if not touches(start, end, transcript.start - REACH, transcript.end + REACH):
                continue
            if place > first_bin and max(transcript.start - REACH - 1, 0) >> BIN_SHIFT < place:
                continue  # met in an earlier bin
            if state[ROW_COUNT] >= work.rows.size:
                state[FULL] = ROWS_FULL
                return
            pair = work.rows[state[ROW_COUNT]]
            clear_pair(pair, allele, number)
            if not touches(start, end, transcript.start, transcript.end):
                judge_outside(transcript, start, end, pair)
            elif kind == _SEQUENCE:
                moved = ahead if transcript.strand > 0 else behind
                judge_sequence(genes, work, transcript, start, end, ref_length, alt_length, moved, pair)
                if state[FULL] != NOTHING_FULL:
                    return
            else:
                judge_structural(transcript, genes.exons, genes.mature, start, end, kind, work.alt, work.sites[0], pair)
            pair.impact = impact_of(pair.consequence)
            state[ROW_COUNT] += 1


@compiled
def clear_pair(pair: Any, allele: int, number: int) -> None:
    """No value of an earlier use of the row is left."""
    pair.allele, pair.transcript = allele, number
    pair.consequence = pair.picked = pair.hides = pair.within = pair.hgvs_offset = 0
    pair.distance = -1
    pair.exon_first = pair.exon_last = pair.intron_first = pair.intron_last = 0
    pair.cdna_first = pair.cdna_last = pair.cds_first = pair.cds_last = 0
    pair.protein_first = pair.protein_last = 0
    pair.hgvsc_from = pair.hgvsp_from = pair.amino_acids_from = pair.codons_from = 0
    pair.hgvsc_length = pair.hgvsp_length = pair.amino_acids_length = pair.codons_length = 0


@compiled
def add_intergenic(work: Work, allele: int) -> None:
    """The one row of an allele that no transcript is near."""
    pair = work.rows[work.state[ROW_COUNT]]
    clear_pair(pair, allele, -1)
    pair.consequence, pair.impact, pair.picked = INTERGENIC, 3, 1
    work.state[ROW_COUNT] += 1


@compiled
def judge_sequence(
    genes: Genes, work: Work, transcript: Any, start: int, end: int,
    ref_length: int, alt_length: int, moved: int, pair: Any,
) -> None:  # fmt: skip
    """Terms of an allele on a transcript it overlaps; residues, codons and protein name as notes."""
    site, window = work.sites[0], work.window
    forward = transcript.strand > 0
    along = work.alt if forward else work.alt_reverse
    if not judge_allele_within(
        transcript, genes.exons, genes.mature, genes.spliced, start, end,
        work.ref, work.alt, along, ref_length, alt_length, site, window, pair,
    ):  # fmt: skip
        return
    state, notes = work.state, work.notes
    room = _NOTE_ROOM + 6 * (site.ref_bases + site.alt_bases + alt_length)
    if notes.size < state[NOTES_AT] + room:
        state[FULL] = NOTES_FULL
        return
    at = state[NOTES_AT]
    if site.has_window:
        pair.amino_acids_from = at
        at = csq.put_amino_acids(notes, at, site, window)
        pair.amino_acids_length = at - pair.amino_acids_from
        pair.codons_from = at
        at = csq.put_codons(notes, at, site, window, LETTERS)
        pair.codons_length = at - pair.codons_from
    is_frameshift, is_told = site.is_frameshift != 0, site.has_window != 0
    terms = pair.consequence
    if moved > 0:
        shift = moved if forward else -moved
        if ref_length == 0:
            edits.rotate(along, alt_length, moved, True, work.rotated_along)
            along = work.rotated_along
        site.cdna_start, site.cdna_end = map_stretch(transcript, genes.exons, start + shift, end + shift)
        terms = coding_terms(transcript, genes.spliced, site, along, window, ref_length, alt_length)
        if not is_told:  # as given it crosses an exon's edge, so that no frame could be read
            is_frameshift = site.is_frameshift != 0
    pair.hgvsp_from = at
    at = put_protein_name(notes, at, transcript, genes.spliced, site, along, window, terms, is_frameshift)
    pair.hgvsp_length = at - pair.hgvsp_from
    state[NOTES_AT] = at


@compiled
def write_entries(
    genes: Genes, given: Input, work: Work, allele: int, sequence: Any,
    first: int, name_end: int, ahead: int, behind: int,
) -> None:  # fmt: skip
    """Write the CSQ entries of rows[first:], one allele's; notes[:name_end] is HGVSg."""
    state, out = work.state, work.text
    at = state[TEXT_AT]
    alt_index, variant_class = given.alt_index[allele], work.variant_class[allele]
    letters, letters_end = find_letters(given, allele)
    known, known_end = given.existing_spans[allele, 0], given.existing_spans[allele, 1]
    follows = at > work.record_text[state[RECORD] - 1]
    for row in range(first, state[ROW_COUNT]):
        pair = work.rows[row]
        number = pair.transcript
        room = csq.entry_room(genes.text_offsets, number, pair, letters_end - letters, name_end + known_end - known)
        if out.size - at < room:
            state[FULL] = TEXT_FULL
            return
        if follows:
            at = put_byte(out, at, _COMMA)
        follows = True
        at = put_span(out, at, given.text, letters, letters_end) if letters < letters_end else put_byte(out, at, _DASH)
        at = csq.put_terms(out, put_byte(out, at, _PIPE), pair.consequence, pair.impact)
        if number < 0:
            at = csq.put_intergenic(out, at, given.existing, known, known_end, alt_index, variant_class)
        else:
            at = csq.put_identity(out, at, genes.text, genes.text_offsets, number)
            if pair.within:
                at = write_within(genes, given, work, allele, sequence, pair, at, ahead, behind)
            else:
                at = csq.put_pipes(out, at, 9)
            at = csq.put_existing(out, at, given.existing, known, known_end, alt_index)
            at = csq.put_distance(out, at, pair.distance)
            at = csq.put_tail(out, at, genes.text, genes.text_offsets, pair, variant_class)
        if row == first:
            work.hgvsg[allele, 0], work.hgvsg[allele, 1] = at, at + name_end
        at = put_span(out, at, work.notes, 0, name_end)
    state[TEXT_AT] = at


@compiled
def find_letters(given: Input, allele: int) -> tuple[int, int]:
    """Span of what the Allele field shows: the trimmed letters, or the ALT as it stands."""
    kind = given.kind[allele]
    if kind == _SEQUENCE:
        return given.alt_from[allele], given.alt_to[allele]
    at = given.fields[given.record[allele], ALT]
    for _ in range(given.alt_index[allele] - 1):
        while given.text[at] != _COMMA:
            at += 1
        at += 1
    end = at
    while given.text[end] != _COMMA and given.text[end] != 9:
        end += 1
    return at, end


@compiled
def write_within(
    genes: Genes, given: Input, work: Work, allele: int, sequence: Any, pair: Any,
    at: int, ahead: int, behind: int,
) -> int:  # fmt: skip
    """EXON to Codons of an overlapped transcript, with its c. or n. name."""
    transcript = genes.transcripts[pair.transcript]
    change = change_end = work.state[NOTES_AT]
    if given.kind[allele] == _SEQUENCE:
        moved = ahead if transcript.strand > 0 else behind
        ref_length = given.ref_to[allele] - given.ref_from[allele]
        alt_length = given.alt_to[allele] - given.alt_from[allele]
        change_end = put_transcript_name(
            work.notes, change, transcript, genes.exons, sequence, given.start[allele], given.end[allele],
            work.ref, work.alt, ref_length, alt_length, moved, work.rotated, work.edits[0],
        )  # fmt: skip
        if change_end > change:
            pair.hgvs_offset = moved * transcript.strand
    return csq.put_within(
        work.text, at, genes.text, genes.text_offsets, transcript, pair, work.notes, change, change_end
    )
