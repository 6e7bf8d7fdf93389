"""INFO/CSQ in Ensembl VEP's layout, and the compiled writer of one entry.

An entry is one (allele, transcript). `%3D` stands for `=`, `&` joins terms and flags, and no value
holds a comma, semicolon, pipe or blank. PICK is 1 on one entry of each allele; FLAGS there says
`more_severe_elsewhere` where another transcript of the allele has a more severe impact.
"""

from __future__ import annotations

from typing import Any, Final

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.reading import ALT_BASES, ALT_RESIDUES, REF_BASES, REF_RESIDUES, starts_with
from annotations.genomics.consequence.terms import IMPACTS, TERMS, VARIANT_CLASSES
from annotations.genomics.output.text import join_words, put_byte, put_number, put_range, put_span, put_word
from annotations.genomics.reference import layout

CSQ_FIELDS: Final = (
    "Allele", "Consequence", "IMPACT", "SYMBOL", "Gene", "Feature_type", "Feature", "BIOTYPE",
    "EXON", "INTRON", "HGVSc", "HGVSp", "cDNA_position", "CDS_position", "Protein_position",
    "Amino_acids", "Codons", "Existing_variation", "ALLELE_NUM", "DISTANCE", "STRAND", "FLAGS",
    "PICK", "VARIANT_CLASS", "SYMBOL_SOURCE", "HGNC_ID", "CANONICAL", "MANE", "MANE_SELECT",
    "MANE_PLUS_CLINICAL", "ENSP", "SOURCE", "HGVS_OFFSET", "HGVSg",
)  # fmt: skip

(
    CLASS_SNV, CLASS_INSERTION, CLASS_DELETION, CLASS_INDEL, CLASS_SUBSTITUTION, CLASS_DUPLICATION,
    CLASS_INVERSION, CLASS_COPY_NUMBER, CLASS_BREAKPOINT,
) = range(len(VARIANT_CLASSES))  # fmt: skip

TERM_WORDS, TERM_OFFSETS = join_words(TERMS)
IMPACT_WORDS, IMPACT_OFFSETS = join_words(IMPACTS)
CLASS_WORDS, CLASS_OFFSETS = join_words(VARIANT_CLASSES)
_ELSEWHERE_WORDS, _ELSEWHERE_OFFSETS = join_words(("more_severe_elsewhere",))
_PIPE: Final = 124
_AMPERSAND: Final = 38
_DASH: Final = 45
_SLASH: Final = 47
_LOWER: Final = 32
"""Added to a capital letter: its small one."""
_IDENTITY: Final = layout.TEXT["csq_identity"]
_STRAND: Final = layout.TEXT["csq_strand"]
_TAGS: Final = layout.TEXT["csq_tags"]
_HGVSC: Final = layout.TEXT["hgvsc_prefix"]
_HGVSP: Final = layout.TEXT["hgvsp_prefix"]
FIXED_ROOM: Final = 1024
"""Bytes that the parts of an entry without a length of their own can take, and to spare."""


def header_line() -> str:
    """The ##INFO line of CSQ."""
    return (
        '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations by allele and'
        f' transcript. Format: {"|".join(CSQ_FIELDS)}">'
    )


@compiled
def entry_room(text_offsets: Any, transcript: int, pair: Any, allele_size: int, name_size: int) -> int:
    """An upper bound of an entry's bytes. allele_size: letters of ALT; name_size: of HGVSg and Existing_variation."""
    room = FIXED_ROOM + 3 * allele_size + name_size
    if transcript >= 0:
        room += pair.hgvsp_length + pair.amino_acids_length + pair.codons_length
        for column in (_IDENTITY, _STRAND, _TAGS, _HGVSC, _HGVSP):
            room += text_offsets[column, transcript + 1] - text_offsets[column, transcript]
    return room


@compiled
def put_terms(out: Any, at: int, terms: int, impact: int) -> int:
    """`Consequence|IMPACT`."""
    first = True
    bit = 0
    while terms:
        if terms & 1:
            if not first:
                at = put_byte(out, at, _AMPERSAND)
            first = False
            at = put_word(out, at, TERM_WORDS, TERM_OFFSETS, bit)
        terms >>= 1
        bit += 1
    at = put_byte(out, at, _PIPE)
    return put_word(out, at, IMPACT_WORDS, IMPACT_OFFSETS, impact)


@compiled
def put_pipes(out: Any, at: int, count: int) -> int:
    """Empty fields."""
    for i in range(count):
        out[at + i] = _PIPE
    return at + count


@compiled
def put_column(out: Any, at: int, text: Any, text_offsets: Any, column: int, transcript: int) -> int:
    """A transcript's cell of a text column."""
    return put_span(out, at, text, text_offsets[column, transcript], text_offsets[column, transcript + 1])


@compiled
def put_part(out: Any, at: int, first: int, last: int, count: int) -> int:
    """`2/7`, `2-3/7` or nothing, and the pipe behind it."""
    if first > 0:
        at = put_range(out, at, first, last)
        at = put_number(out, put_byte(out, at, _SLASH), count)
    return put_byte(out, at, _PIPE)


@compiled
def put_ordered(out: Any, at: int, first: int, last: int) -> int:
    """A range of positions and the pipe behind it."""
    return put_byte(out, put_range(out, at, first, last), _PIPE)


@compiled
def put_amino_acids(out: Any, at: int, site: Any, window: Any) -> int:
    """`K/R`, or `K` alone where nothing changes; `-` for no residue."""
    ref, ref_size = window[REF_RESIDUES], site.ref_residues
    alt, alt_size = window[ALT_RESIDUES], site.alt_residues
    at = put_span(out, at, ref, 0, ref_size) if ref_size > 0 else put_byte(out, at, _DASH)
    if ref_size == alt_size and starts_with(alt, alt_size, ref, ref_size):
        return at
    at = put_byte(out, at, _SLASH)
    return put_span(out, at, alt, 0, alt_size) if alt_size > 0 else put_byte(out, at, _DASH)


@compiled
def put_codons(out: Any, at: int, site: Any, window: Any, letters: Any) -> int:
    """`aAg/aGg`: the window's bases, what changes in capitals; `-` for none."""
    changed = site.cds_start % 3
    at = put_cased(out, at, window[REF_BASES], site.ref_bases, changed, changed + site.ref_length, letters)
    at = put_byte(out, at, _SLASH)
    return put_cased(out, at, window[ALT_BASES], site.alt_bases, changed, changed + site.alt_length, letters)


@compiled
def put_cased(out: Any, at: int, bases: Any, size: int, first: int, last: int, letters: Any) -> int:
    """bases[:size], those of [first, last) in capitals; `-` for none."""
    if size == 0:
        return put_byte(out, at, _DASH)
    for i in range(size):
        letter = letters[bases[i]]
        out[at + i] = letter if first <= i < last else letter + _LOWER
    return at + size


@compiled
def put_within(
    out: Any,
    at: int,
    text: Any,
    text_offsets: Any,
    transcript: Any,
    pair: Any,
    notes: Any,
    change: int,
    change_end: int,
) -> int:
    """EXON| to Codons| of an overlapped transcript; moves the pair's spans from
    notes to out. notes[change:change_end] is the c. name behind its prefix."""
    row = pair.transcript
    parts = transcript.exon_to - transcript.exon_from
    at = put_part(out, at, pair.exon_first, pair.exon_last, parts)
    at = put_part(out, at, pair.intron_first, pair.intron_last, parts - 1)
    pair.hgvsc_from = at
    if change_end > change:
        at = put_column(out, at, text, text_offsets, _HGVSC, row)
        at = put_span(out, at, notes, change, change_end)
    pair.hgvsc_length = at - pair.hgvsc_from
    at = put_byte(out, at, _PIPE)
    source, pair.hgvsp_from = pair.hgvsp_from, at
    if pair.hgvsp_length > 0:
        at = put_column(out, at, text, text_offsets, _HGVSP, row)
        at = put_span(out, at, notes, source, source + pair.hgvsp_length)
    pair.hgvsp_length = at - pair.hgvsp_from
    at = put_byte(out, at, _PIPE)
    at = put_ordered(out, at, pair.cdna_first, pair.cdna_last)
    at = put_ordered(out, at, pair.cds_first, pair.cds_last)
    at = put_ordered(out, at, pair.protein_first, pair.protein_last)
    source, pair.amino_acids_from = pair.amino_acids_from, at
    at = put_span(out, at, notes, source, source + pair.amino_acids_length)
    at = put_byte(out, at, _PIPE)
    source, pair.codons_from = pair.codons_from, at
    at = put_span(out, at, notes, source, source + pair.codons_length)
    return put_byte(out, at, _PIPE)


@compiled
def put_tail(out: Any, at: int, text: Any, text_offsets: Any, pair: Any, variant_class: int) -> int:
    """STRAND to HGVS_OFFSET, and the pipe behind it."""
    row = pair.transcript
    at = put_column(out, at, text, text_offsets, _STRAND, row)
    if pair.hides:
        if out[at - 1] != _PIPE:
            at = put_byte(out, at, _AMPERSAND)
        at = put_word(out, at, _ELSEWHERE_WORDS, _ELSEWHERE_OFFSETS, 0)
    at = put_byte(out, at, _PIPE)
    if pair.picked:
        at = put_byte(out, at, 49)
    at = put_byte(out, at, _PIPE)
    at = put_word(out, at, CLASS_WORDS, CLASS_OFFSETS, variant_class)
    at = put_column(out, at, text, text_offsets, _TAGS, row)
    if pair.hgvs_offset != 0:
        at = put_number(out, at, pair.hgvs_offset)
    return put_byte(out, at, _PIPE)


@compiled
def put_intergenic(out: Any, at: int, existing: Any, first: int, last: int, alt_index: int, variant_class: int) -> int:
    """|SYMBOL … HGVS_OFFSET| of an allele that no transcript is near. existing[first:last]: see put_existing."""
    at = put_existing(out, put_pipes(out, at, 15), existing, first, last, alt_index)
    at = put_byte(out, put_pipes(out, at, 3), 49)
    at = put_word(out, put_byte(out, at, _PIPE), CLASS_WORDS, CLASS_OFFSETS, variant_class)
    return put_pipes(out, at, 10)


@compiled
def put_identity(out: Any, at: int, text: Any, text_offsets: Any, transcript: int) -> int:
    """|SYMBOL|…|BIOTYPE|."""
    return put_column(out, at, text, text_offsets, _IDENTITY, transcript)


@compiled
def put_existing(out: Any, at: int, existing: Any, first: int, last: int, alt_index: int) -> int:
    """Existing_variation|ALLELE_NUM|: existing[first:last] is what sources call the allele."""
    at = put_byte(out, put_span(out, at, existing, first, last), _PIPE)
    return put_byte(out, put_number(out, at, alt_index), _PIPE)


@compiled
def put_distance(out: Any, at: int, distance: int) -> int:
    """DISTANCE|, empty below 0."""
    if distance >= 0:
        at = put_number(out, at, distance)
    return put_byte(out, at, _PIPE)
