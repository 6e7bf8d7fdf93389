"""The answer's VCF lines: the sources' values and CSQ are added to INFO, every other byte is as it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.output.text import put_span
from annotations.genomics.vcf.records import ID, INFO, Alleles, Bytes, Int32s, Int64s, Records


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
def put_other_info(out: Bytes, at: int, text: Bytes, start: int, end: int, keys: Bytes, key_offsets: Int64s) -> int:
    """Copy the INFO text[start:end] less the items of these keys (each with its "="); nothing for '.'."""
    begun = at
    first = start
    while first <= end:
        stop = first
        while stop < end and text[stop] != 59:
            stop += 1
        is_kept = stop > first and not (end - start == 1 and text[start] == 46)
        for k in range(key_offsets.size - 1):
            size = key_offsets[k + 1] - key_offsets[k]
            same = stop - first >= size
            p = 0
            while same and p < size:
                same = text[first + p] == keys[key_offsets[k] + p]
                p += 1
            is_kept = is_kept and not same
        if is_kept:
            if at > begun:
                out[at] = 59
                at += 1
            at = put_span(out, at, text, first, stop)
        first = stop + 1
    return at


@compiled
def fill_lines(
    text: Bytes,
    fields: Int64s,
    line_end: Int64s,
    own_csq: Int64s,
    csq: Bytes,
    csq_offsets: Int64s,
    known: Bytes,
    known_offsets: Int64s,
    replaced: Bytes,
    replaced_offsets: Int64s,
    ids: Bytes,
    id_offsets: Int64s,
    out: Bytes,
    offsets: Int64s,
) -> None:
    """Write all records to out; offsets (int64[n + 1]): where each line begins, and the end."""
    at = 0
    for i in range(line_end.size):
        offsets[i] = at
        info = fields[i, INFO]
        info_end = fields[i, INFO + 1] - 1
        after = fields[i, 0]
        if id_offsets[i] < id_offsets[i + 1] and fields[i, ID + 1] - fields[i, ID] == 2 and text[fields[i, ID]] == 46:
            at = put_span(out, at, text, after, fields[i, ID])
            at = put_span(out, at, ids, id_offsets[i], id_offsets[i + 1])
            after = fields[i, ID + 1] - 1
        at = put_span(out, at, text, after, info)
        begun = at
        if replaced_offsets.size > 1:
            at = put_other_info(out, at, text, info, info_end, replaced, replaced_offsets)
        else:
            at = put_info(out, at, text, info, info_end, own_csq[i])
        if known_offsets[i] < known_offsets[i + 1]:
            if at > begun:
                out[at] = 59
                at += 1
            at = put_span(out, at, known, known_offsets[i], known_offsets[i + 1])
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


@dataclass(frozen=True, slots=True)
class Added:
    """What is added to INFO: csq[csq_offsets[i] : csq_offsets[i + 1]] is the CSQ value of record i.

    known: whole items of the sources, likewise; without sources empty, with offsets of 0.
    replaced, replaced_offsets: keys (with "=") whose items go, one after the other; none: only CSQ.
    ids: what an empty ID becomes, likewise by record.
    """

    csq: Bytes
    csq_offsets: Int64s
    known: Bytes
    known_offsets: Int64s
    replaced: Bytes
    replaced_offsets: Int64s
    ids: Bytes
    id_offsets: Int64s


@compiled
def put_ids(
    record: Int32s, existing: Bytes, spans: Int64s, out: Bytes, offsets: Int64s
) -> None:  # fmt: skip
    """Write the names of each record's alleles to out, each once, joined with a semicolon."""
    at = 0
    first = 0
    for i in range(offsets.size - 1):
        offsets[i] = at
        stop = first
        while stop < record.size and record[stop] == i:
            stop += 1
        for a in range(first, stop):
            size = spans[a, 1] - spans[a, 0]
            is_new = size > 0
            for b in range(first, a):
                same = spans[b, 1] - spans[b, 0] == size
                for k in range(size if same else 0):
                    same = same and existing[spans[a, 0] + k] == existing[spans[b, 0] + k]
                is_new = is_new and not same
            if not is_new:
                continue
            if at > offsets[i]:
                out[at] = 59
                at += 1
            for k in range(spans[a, 0], spans[a, 1]):
                out[at] = 59 if existing[k] == 38 else existing[k]
                at += 1
        first = stop
    offsets[offsets.size - 1] = at


def join_ids(records: Records, alleles: Alleles, existing: Bytes, spans: Int64s) -> tuple[Bytes, Int64s]:
    """(text, offsets int64[n + 1]): what sources call each record's alleles (spans: int64[m, 2] of existing)."""
    offsets = np.empty(len(records) + 1, np.int64)
    out = np.empty(existing.size + len(alleles), np.uint8)
    put_ids(alleles.record, existing, spans, out, offsets)
    return out[: int(offsets[-1])], offsets


def no_ids(records: Records) -> tuple[Bytes, Int64s]:
    """The same where an empty ID stays empty."""
    return np.empty(0, np.uint8), np.zeros(len(records) + 1, np.int64)


def lines_size(records: Records, added: Added) -> int:
    """Upper bound of the bytes that fill_lines writes."""
    size = records.text.size + added.csq_offsets[-1] - added.csq_offsets[0] + added.known_offsets[-1]
    size += added.id_offsets[-1]
    return int(size + 9 * len(records))


def compose_lines(records: Records, added: Added, out: Bytes) -> tuple[Bytes, Int64s]:
    """The records' lines with what is added, and where each begins (int64[n + 1]).

    out: at least lines_size bytes; the lines are a view of it.
    """
    offsets = np.empty(len(records) + 1, np.int64)
    fill_lines(
        records.text, records.fields, records.line_end, records.own_csq, added.csq, added.csq_offsets,
        added.known, added.known_offsets, added.replaced, added.replaced_offsets,
        added.ids, added.id_offsets, out, offsets,
    )  # fmt: skip
    return out[: int(offsets[-1])], offsets
