# ruff: noqa: SIM102 (compiled loops: many arrays, plain comparisons)
"""The compiled loops that find lines and fields in a chunk's text.

Each function fills arrays that its caller (parse.py) has sized, and reports trouble as a number:
nothing here allocates or raises.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.genomics.compiled import compiled
from annotations.genomics.vcf.records import Bytes, Int64s

Words = npt.NDArray[np.uint64]


class Trouble(IntEnum):
    """Why scan_lines stopped: state[STATE_TROUBLE]."""

    NONE = 0
    FEW_COLUMNS = 1
    POS_INVALID = 2
    HEADER_LINE = 3
    LONG_LINE = 4


# scan_lines' state: int64[5]
STATE_RECORDS: Final = 0
STATE_CHANGES: Final = 1
STATE_NUMBER: Final = 2  # 1-based number of the next line; at trouble, of the line at fault
STATE_TROUBLE: Final = 3
STATE_AT: Final = 4  # where the line at fault begins

POS_LIMIT: Final = (1 << 31) - 1


@compiled
def count_bytes(text: Bytes, counts: Int64s) -> None:
    """counts: int64[4]: tabs, LFs, bytes below 32 other than these and CR, bytes above 126."""
    tabs = 0
    lines = 0
    controls = 0
    high = 0
    for i in range(text.size):
        byte = text[i]
        tabs += byte == 9
        lines += byte == 10
        controls += (byte < 32) & (byte != 9) & (byte != 10) & (byte != 13)
        high += byte > 126
    counts[0] = tabs
    counts[1] = lines
    counts[2] = controls
    counts[3] = high


@compiled
def find_line_feed(text: Bytes, words: Words, start: int) -> int:
    """Index of the first LF at or after start, which must exist. words: text as uint64."""
    i = start
    while i & 7:
        if text[i] == 10:
            return i
        i += 1
    word = i >> 3
    feeds = np.uint64(0x0A0A0A0A0A0A0A0A)
    ones = np.uint64(0x0101010101010101)
    tops = np.uint64(0x8080808080808080)
    while word < words.size:
        value = words[word] ^ feeds
        if (value - ones) & ~value & tops:
            break
        word += 1
    i = word << 3
    while text[i] != 10:
        i += 1
    return i


@compiled
def read_number(text: Bytes, start: int, end: int) -> int:
    """A decimal number without sign in text[start:end]; -1 where it is none or too large."""
    if end - start < 1 or end - start > 10:
        return -1
    value = 0
    for i in range(start, end):
        digit = int(text[i]) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value if value <= POS_LIMIT else -1


@compiled
def same_bytes(text: Bytes, start: int, end: int, other: int, other_end: int) -> bool:
    """text[start:end] == text[other:other_end]."""
    if end - start != other_end - other:
        return False
    for i in range(end - start):
        if text[start + i] != text[other + i]:
            return False
    return True


@compiled
def split_fields(text: Bytes, start: int, row: Int64s, csq: Int64s, record: int) -> int:
    """Fill row (int64[9]) with where the eight columns begin; the place where scanning stopped.

    Returns the index of the separator after INFO (TAB or LF), or -1 - columns found where the
    line ends early. csq[record] becomes the place of "CSQ=" in INFO, -1 without one.
    """
    row[0] = start
    csq[record] = -1
    column = 0
    i = start
    while True:
        byte = text[i]
        if byte == 9 or byte == 10:
            column += 1
            row[column] = i + 1
            if column == 8:
                return i
            if byte == 10:
                return -1 - column
        elif byte == 61 and column == 7 and text[i - 1] == 81:
            key = i - 3
            if text[i - 2] == 83 and text[key] == 67:
                if key == row[7] or text[key - 1] == 59:
                    csq[record] = key
        i += 1


@compiled
def scan_lines(
    text: Bytes,
    words: Words,
    line_limit: int,
    fields: Int64s,
    line_end: Int64s,
    number: Int64s,
    pos: Int64s,
    csq: Int64s,
    changes: Int64s,
    state: Int64s,
) -> None:
    """Find the records of whole lines: see records.Records for what is filled.

    changes: indexes of records whose CHROM is not that of the record before. state: see above;
    STATE_NUMBER holds the number of the first line on entry. Empty lines are passed over.
    """
    n = 0
    change = 0
    line = state[2]
    p = 0
    while p < text.size:
        if text[p] == 10 or (text[p] == 13 and text[p + 1] == 10):
            p += 1 if text[p] == 10 else 2
            line += 1
            continue
        state[2] = line
        state[4] = p
        if text[p] == 35:
            state[3] = 3
            return
        stop = split_fields(text, p, fields[n], csq, n)
        if stop < 0:
            state[3] = 1
            return
        feed = stop if text[stop] == 10 else find_line_feed(text, words, stop)
        last = feed - 1 if text[feed - 1] == 13 else feed
        fields[n, 8] = min(fields[n, 8], last + 1)
        if feed - p > line_limit:
            state[3] = 4
            return
        pos[n] = read_number(text, fields[n, 1], fields[n, 2] - 1)
        if pos[n] < 0:
            state[3] = 2
            return
        if n == 0 or not same_bytes(text, p, fields[n, 1], fields[n - 1, 0], fields[n - 1, 1]):
            changes[change] = n
            change += 1
        line_end[n] = last
        number[n] = line
        n += 1
        line += 1
        p = feed + 1
    state[0] = n
    state[1] = change
    state[2] = line
    state[3] = 0


@compiled
def cut_lines(text: Bytes, words: Words, start: int, lines: int, size: int) -> int:
    """Where to cut text[start:] after at most `lines` lines or about `size` bytes; -1: needs more text."""
    if text.size == 0:
        return -1
    end = text.size
    while text[end - 1] != 10:
        end -= 1
        if end <= start:
            return -1
    at = start
    found = 0
    while at < end:
        at = find_line_feed(text, words, at) + 1
        found += 1
        if found == lines or at - start >= size:
            return at
    return -1
