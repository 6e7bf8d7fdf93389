"""The list of skipped records: one line each, with its place, the reason and what to do."""

from __future__ import annotations

from typing import Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.output.text import join_words, put_byte, put_number, put_span, put_word
from annotations.genomics.vcf.records import ALT, CHROM, ID, POS, REF, Bytes, Int64s, Records
from annotations.genomics.vcf.skips import SKIP_REASONS, Skip

HEADER: Final = b"#line\tcontig\tpos\tref\talt\tcode\treason\tadvice\n"
_LETTERS: Final = 50  # of REF and ALT that are shown


def _words() -> tuple[Bytes, Int64s]:
    reasons = (SKIP_REASONS.get(skip) for skip in Skip)
    return join_words(tuple(f"\t{r.code}\t{r.reason}\t{r.advice}\n" if r else "" for r in reasons))


_WORDS, _WORD_OFFSETS = _words()
_LONGEST: Final = int(np.diff(_WORD_OFFSETS).max())


@compiled
def fill_skipped(
    text: Bytes, fields: Int64s, number: Int64s, skip: Bytes, words: Bytes, word_offsets: Int64s, out: Bytes
) -> int:
    """Write a line for each record with skip != 0; the bytes written."""
    at = 0
    for i in range(skip.size):
        if skip[i] == 0:
            continue
        at = put_number(out, at, number[i])
        for column in (CHROM, POS, REF, ALT):
            at = put_byte(out, at, 9)
            start, end = fields[i, column], fields[i, column + 1] - 1
            if column >= REF:
                end = min(end, start + _LETTERS)
                if start < end and (text[start] == 61 or text[start] == 43 or text[start] == 45 or text[start] == 64):
                    at = put_byte(out, at, 39)  # = + - @ would be a formula in a spreadsheet
            at = put_span(out, at, text, start, end)
        at = put_word(out, at, words, word_offsets, skip[i])
    return at


def list_skipped(records: Records) -> bytes:
    """Lines of the list for a chunk."""
    count = int(np.count_nonzero(records.skip))
    if count == 0:
        return b""
    left = records.fields[:, ID] - records.fields[:, CHROM]  # CHROM and POS
    size = count * (20 + 2 * _LETTERS + 6 + _LONGEST) + int(left[records.skip != 0].sum())
    out = np.empty(size, np.uint8)
    end = fill_skipped(records.text, records.fields, records.number, records.skip, _WORDS, _WORD_OFFSETS, out)
    return out[:end].tobytes()
