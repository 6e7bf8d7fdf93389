"""The answer's VCF lines: the input's lines with CSQ added to INFO, every other byte as it was."""

from __future__ import annotations

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.output.copying import copy_bytes
from annotations.genomics.vcf.records import INFO, Bytes, Int64s, Records


@compiled
def put_span(out: Bytes, at: int, text: Bytes, start: int, end: int) -> int:
    """Copy text[start:end] to out[at:]; where it ends there."""
    copy_bytes(out, at, text, start, end - start)  # type: ignore[call-arg]
    return at + end - start


@compiled
def put_info(out: Bytes, at: int, text: Bytes, start: int, end: int, own_csq: int) -> int:
    """Copy the INFO text[start:end] less its CSQ at own_csq (-1: none); nothing for '.'."""
    if own_csq < 0:
        if end - start == 1 and text[start] == 46:
            return at
        return put_span(out, at, text, start, end)
    after = own_csq
    while after < end and text[after] != 59:
        after += 1
    if own_csq > start:
        at = put_span(out, at, text, start, own_csq - 1)
        return put_span(out, at, text, after, end)
    return put_span(out, at, text, min(after + 1, end), end)


@compiled
def fill_lines(
    text: Bytes,
    fields: Int64s,
    line_end: Int64s,
    own_csq: Int64s,
    csq: Bytes,
    csq_offsets: Int64s,
    out: Bytes,
    offsets: Int64s,
) -> None:
    """Write all records to out; offsets (int64[n + 1]): where each line begins, and the end."""
    at = 0
    for i in range(line_end.size):
        offsets[i] = at
        info = fields[i, INFO]
        info_end = fields[i, INFO + 1] - 1
        at = put_span(out, at, text, fields[i, 0], info)
        begun = at
        at = put_info(out, at, text, info, info_end, own_csq[i])
        if csq_offsets[i] < csq_offsets[i + 1]:
            if at > begun:
                out[at] = 59
                at += 1
            out[at] = 67
            out[at + 1] = 83
            out[at + 2] = 81
            out[at + 3] = 61
            at = put_span(out, at + 4, csq, csq_offsets[i], csq_offsets[i + 1])
        elif at == begun:
            out[at] = 46
            at += 1
        at = put_span(out, at, text, info_end, line_end[i])
        out[at] = 10
        at += 1
    offsets[line_end.size] = at


def lines_size(records: Records, csq_offsets: Int64s) -> int:
    """Upper bound of the bytes that fill_lines writes."""
    return int(records.text.size + csq_offsets[-1] - csq_offsets[0] + 8 * len(records))


def compose_lines(records: Records, csq: Bytes, csq_offsets: Int64s, out: Bytes) -> tuple[Bytes, Int64s]:
    """The records' lines with their CSQ, and where each begins (int64[n + 1]).

    csq[csq_offsets[i] : csq_offsets[i + 1]]: CSQ value of record i, empty for none. out: at least
    lines_size bytes; the lines are a view of it.
    """
    offsets = np.empty(len(records) + 1, np.int64)
    fill_lines(records.text, records.fields, records.line_end, records.own_csq, csq, csq_offsets, out, offsets)
    return out[: int(offsets[-1])], offsets
