"""The compiled kernel's buffers and the flags it is compiled with."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from annotations.genomics.compiled import compiled
from annotations.genomics.consequence.pairs import Pairs
from annotations.genomics.kernel import annotate_alleles
from annotations.genomics.scratch import Scratch
from annotations.genomics.tests.references import mitochondrion
from annotations.genomics.vcf.limits import DEFAULT_LIMITS
from annotations.genomics.vcf.parse import Chunk, Parser

LINES = [
    "chrM\t3310\t.\tC\tT\t.\t.\t.",
    "chrM\t4000\t.\tA\tATTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT\t.\t.\t.",
    "chrM\t8530\t.\tA\tG,C\t.\t.\t.",
    "chrM\t13000\t.\tG\tGAA\t.\t.\t.",
]


def annotate(scratch: Scratch) -> Pairs:
    parser = Parser(mitochondrion(), DEFAULT_LIMITS, 8, False, {})
    records, alleles = parser.parse(Chunk(0, 1, "".join(f"{line}\n" for line in LINES).encode()))
    assert records.skip.tolist() == [0, 0, 0, 0]
    return scratch.annotate(records, alleles)


def test_buffers_that_are_too_small_grow_and_change_nothing() -> None:
    roomy = annotate(Scratch(mitochondrion()))
    tight = annotate(Scratch(mitochondrion(), rows=1, text_bytes=64, note_bytes=64))
    assert bytes(tight.text) == bytes(roomy.text)
    assert tight.rows.tobytes() == roomy.rows.tobytes()
    assert tight.record_text.tolist() == roomy.record_text.tolist()


def test_a_scratch_used_again_leaves_nothing_of_the_first_use() -> None:
    scratch = Scratch(mitochondrion())
    first = bytes(annotate(scratch).text)
    assert bytes(annotate(scratch).text) == first


def test_rows_say_what_the_text_says() -> None:
    pairs = annotate(Scratch(mitochondrion()))
    text = bytes(pairs.text).decode()
    entries = [entry for start, end in zip(pairs.record_text, pairs.record_text[1:], strict=False)
               for entry in text[start:end].split(",")]  # fmt: skip
    assert len(entries) == len(pairs.rows) == pairs.allele_rows[-1]
    for entry, row in zip(entries, pairs.rows, strict=True):
        fields = entry.split("|")
        start, length = int(row["hgvsc_from"]), int(row["hgvsc_length"])
        assert text[start : start + length] == fields[10]
        start, length = int(row["hgvsp_from"]), int(row["hgvsp_length"])
        assert text[start : start + length] == fields[11]
        assert fields[22] == ("1" if row["picked"] else "")
        assert fields[6] == mitochondrion().text_value("transcript_id", int(row["transcript"]))
    picked = [
        int(pairs.rows["picked"][a:b].sum()) for a, b in zip(pairs.allele_rows, pairs.allele_rows[1:], strict=False)
    ]
    assert picked == [1, 1, 1, 1, 1]


def test_loops_are_compiled_without_reference_counting() -> None:
    options: dict[str, Any] = annotate_alleles.targetoptions  # type: ignore[attr-defined]
    assert options["_nrt"] is False
    assert options["nogil"] is True


def test_a_loop_that_allocates_does_not_compile() -> None:
    @compiled
    def allocate(size: int) -> int:
        return np.zeros(size).size

    with pytest.raises(numba.core.errors.NumbaError):
        allocate(3)
