"""Numbers as a VCF writes them: QUAL, and the allele frequencies of the file itself."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.vcf.alleles import info_value
from annotations.genomics.vcf.records import INFO, Bytes, Int32s, Int64s

AF_KEY: Final = np.frombuffer(b"AF=", np.uint8)
AC_KEY: Final = np.frombuffer(b"AC=", np.uint8)
AN_KEY: Final = np.frombuffer(b"AN=", np.uint8)


@compiled
def read_decimal(text: Bytes, start: int, end: int) -> float:
    """A number such as 12, 0.5, .5, 1e-05; -1.0 where it is none, or negative."""
    i = start
    value = 0.0
    scale = 1.0
    digits = 0
    is_fraction = False
    while i < end and (48 <= text[i] <= 57 or (text[i] == 46 and not is_fraction)):
        if text[i] == 46:
            is_fraction = True
        else:
            value = value * 10.0 + (text[i] - 48)
            digits += 1
            if is_fraction:
                scale *= 10.0
        i += 1
    if digits == 0:
        return -1.0
    value /= scale
    if i < end and (text[i] == 101 or text[i] == 69):
        i += 1
        is_small = i < end and text[i] == 45
        if i < end and (text[i] == 45 or text[i] == 43):
            i += 1
        power = 0
        while i < end and 48 <= text[i] <= 57 and power < 400:
            power = power * 10 + int(text[i] - 48)
            i += 1
        value = value * 10.0**-power if is_small else value * 10.0**power
    return value if i == end else -1.0


@compiled
def list_decimal(text: Bytes, start: int, end: int, index: int) -> float:
    """The index-th number of the comma list that begins at start; -1.0 without one."""
    for _ in range(index):
        while start < end and text[start] != 44 and text[start] != 59:
            start += 1
        if start >= end or text[start] != 44:
            return -1.0
        start += 1
    stop = start
    while stop < end and text[stop] != 44 and text[stop] != 59:
        stop += 1
    return read_decimal(text, start, stop)


@compiled
def allele_frequency(
    text: Bytes, start: int, end: int, index: int, af_key: Bytes, ac_key: Bytes, an_key: Bytes
) -> float:
    """AF of the index-th ALT from the INFO text[start:end], else AC / AN; -1.0 where not known."""
    at = info_value(text, start, end, af_key)
    if at >= 0:
        frequency = list_decimal(text, at, end, index)
        if 0.0 <= frequency <= 1.0:
            return frequency
    count_at = info_value(text, start, end, ac_key)
    total_at = info_value(text, start, end, an_key)
    if count_at < 0 or total_at < 0:
        return -1.0
    count = list_decimal(text, count_at, end, index)
    total = list_decimal(text, total_at, end, 0)
    return count / total if total > 0.0 and 0.0 <= count <= total else -1.0


@compiled
def allele_frequencies(
    text: Bytes, fields: Int64s, record: Int32s, alt_index: Int32s,
    af_key: Bytes, ac_key: Bytes, an_key: Bytes, out: Any,
) -> None:  # fmt: skip
    """out (float64[a]): the frequency of each allele; NaN where the file does not give one."""
    for i in range(record.size):
        row = fields[record[i]]
        frequency = allele_frequency(text, row[INFO], row[8] - 1, alt_index[i] - 1, af_key, ac_key, an_key)
        out[i] = frequency if frequency >= 0.0 else np.nan
