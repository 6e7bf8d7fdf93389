"""Writing text into a byte buffer from compiled code: each function returns where it stopped.

No function checks for room: the kernel makes sure of it before it writes an entry.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.output.copying import copy_bytes
from annotations.genomics.reference.layout import BASES

LETTERS: Final = np.frombuffer(BASES, np.uint8)

_THREE_LETTERS: Final = {
    "A": "Ala", "R": "Arg", "N": "Asn", "D": "Asp", "C": "Cys", "E": "Glu", "Q": "Gln", "G": "Gly",
    "H": "His", "I": "Ile", "L": "Leu", "K": "Lys", "M": "Met", "F": "Phe", "P": "Pro", "S": "Ser",
    "T": "Thr", "W": "Trp", "Y": "Tyr", "V": "Val", "*": "Ter", "X": "Xaa",
}  # fmt: skip


def _residue_names() -> np.ndarray[Any, np.dtype[np.uint8]]:
    names = np.zeros((128, 3), np.uint8)
    for letter, name in _THREE_LETTERS.items():
        names[ord(letter)] = list(name.encode())
    return names


RESIDUE_NAMES: Final = _residue_names()
"""uint8[128, 3]: residue letter -> three-letter name."""


def join_words(words: tuple[str, ...]) -> tuple[Any, Any]:
    """(bytes uint8, offsets int64[words + 1]) for put_word."""
    parts = [word.encode() for word in words]
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return np.frombuffer(b"".join(parts), np.uint8), offsets


@compiled
def put_byte(out: Any, at: int, byte: int) -> int:
    """One byte."""
    out[at] = byte
    return at + 1


@compiled
def put_span(out: Any, at: int, source: Any, start: int, end: int) -> int:
    """Copy source[start:end]."""
    copy_bytes(out, at, source, start, end - start)  # type: ignore[call-arg]
    return at + end - start


@compiled
def put_word(out: Any, at: int, words: Any, offsets: Any, word: int) -> int:
    """One of the words that join_words joined."""
    return put_span(out, at, words, offsets[word], offsets[word + 1])


@compiled
def put_number(out: Any, at: int, value: int) -> int:
    """A decimal number with its sign."""
    if value < 0:
        out[at] = 45
        at += 1
        value = -value
    if value < 10:
        out[at] = 48 + value
        return at + 1
    digits = 1
    rest = value
    while rest >= 10:
        rest //= 10
        digits += 1
    place = at + digits - 1
    while value >= 10:
        out[place] = 48 + value % 10
        value //= 10
        place -= 1
    out[place] = 48 + value
    return at + digits


@compiled
def put_base(out: Any, at: int, code: int) -> int:
    """The letter of a base code."""
    out[at] = LETTERS[code]
    return at + 1


@compiled
def put_residue(out: Any, at: int, letter: int) -> int:
    """The three-letter name of a residue."""
    for i in range(3):
        out[at + i] = RESIDUE_NAMES[letter, i]
    return at + 3


@compiled
def put_range(out: Any, at: int, first: int, last: int) -> int:
    """`3`, `3-5`, `?-5`, `3-?`, or nothing: 0 is an unknown end."""
    if first > 0 and last > 0:
        at = put_number(out, at, first)
        if last != first:
            at = put_number(out, put_byte(out, at, 45), last)
        return at
    if first > 0:
        return put_byte(out, put_byte(out, put_number(out, at, first), 45), 63)
    if last > 0:
        return put_number(out, put_byte(out, put_byte(out, at, 63), 45), last)
    return at
