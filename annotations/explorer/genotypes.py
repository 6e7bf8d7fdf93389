"""The file `genotypes`: what each sample has of each allele, read from the annotated VCF.

Made when somebody first asks for a genotype, for most never do. One row for each row of `alleles`,
in the same order: `of_allele` and a column `s0`, `s1` … of codes (see Genotype) for each sample;
and `samples`, their names. Columns of single bytes that repeat take little room however many there
are, and a filter reads those of its samples only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from annotations.explorer.annotated import (
    NotOfOneResultError,
    Progress,
    TooManySamplesError,
    named,
    split_header,
    unpacked,
)
from annotations.explorer.whole import database_at
from annotations.genomics.vcf.calls import Lines, place_alleles
from annotations.genomics.vcf.records import Bytes

MAX_SAMPLES: Final = 5000
_ALLELES_AT_ONCE: Final = 50_000
_CODES_AT_ONCE: Final = 8 << 20


def write_genotypes(vcf: BinaryIO, alleles: Path, target: Path, progress: Progress) -> None:
    """Make `target` for the table `alleles` from the annotated VCF; progress hears the bytes that are read.

    progress may raise to stop it; what is written so far is the caller's to delete.
    Raises TooManySamplesError, NotOfOneResultError.
    """
    parts = unpacked(vcf, progress)
    header, rest = split_header(parts)
    samples = named(header)
    if len(samples) > MAX_SAMPLES:
        raise TooManySamplesError
    with database_at(target) as connection:
        connection.execute(f"ATTACH '{alleles}' AS source (READ_ONLY)")
        names = pa.table({"number": pa.array(range(len(samples)), pa.int32()), "name": pa.array(samples, pa.string())})
        connection.from_arrow(names).create("samples")
        _fill(connection, _whole_lines(rest, parts), len(samples))


def _whole_lines(rest: bytes, parts: Iterator[bytes]) -> Iterator[Lines]:
    for part in parts:
        rest += part
        cut = rest.rfind(b"\n") + 1
        if cut:
            yield Lines(rest[:cut])
            rest = rest[cut:]
    if rest:
        yield Lines(rest if rest.endswith(b"\n") else rest + b"\n")


# --- Codes --------------------------------------------------------------------------------------
def _fill(connection: Any, parts: Iterator[Lines], samples: int) -> None:
    """Make the table `genotypes`, in the order of the alleles."""
    schema = pa.schema([("of_allele", pa.int64()), *((f"s{number}", pa.uint8()) for number in range(samples))])
    connection.from_arrow(schema.empty_table()).create("genotypes")
    is_ordered = connection.execute("SELECT coalesce(bool_and(allele = allele_row), true) FROM source.alleles")
    in_order = bool(is_ordered.fetchone()[0])
    connection.begin()
    for numbers, codes in _joined(_codes(_batches(connection, in_order=in_order), parts, samples), samples):
        columns = [pa.array(numbers), *(pa.array(column) for column in np.ascontiguousarray(codes.T))]
        connection.from_arrow(pa.table(columns, schema=schema)).insert_into("genotypes")
    connection.commit()
    if not in_order:
        connection.execute("CREATE TABLE ordered AS FROM genotypes ORDER BY of_allele")
        connection.execute("DROP TABLE genotypes")
        connection.execute("ALTER TABLE ordered RENAME TO genotypes")


def _batches(connection: Any, *, in_order: bool) -> Iterator[Any]:
    """The alleles in the file's order."""
    order = "" if in_order else "ORDER BY allele_row"
    sql = f"SELECT allele, line, contig, pos, ref, alt, alt_index FROM source.alleles {order}"  # noqa: S608
    for batch in connection.cursor().sql(sql).to_arrow_reader(_ALLELES_AT_ONCE):
        if batch.num_rows:
            yield batch


class _Alleles:
    """Some alleles as arrays; `state` says how far they are found, see place_alleles."""

    def __init__(self, batch: Any) -> None:
        self.number = batch["allele"].to_numpy()
        self.line = batch["line"].to_numpy()
        self.pos = batch["pos"].to_numpy()
        self.alt_index = batch["alt_index"].to_numpy().astype(np.int32)
        self.texts: list[Any] = [part for name in ("contig", "ref", "alt") for part in _texts(batch[name])]
        self.record = np.empty(self.line.size, np.int32)

    def place(self, lines: Lines, state: Any) -> None:
        contigs, contig_offsets, refs, ref_offsets, alts, alt_offsets = self.texts
        place_alleles(
            lines.text, lines.fields, lines.pos, contigs, contig_offsets, self.pos, refs, ref_offsets,
            alts, alt_offsets, self.alt_index, self.line, self.record, state,
        )  # fmt: skip


def _texts(column: Any) -> tuple[Bytes, Any]:
    """(text, offsets int32[n + 1]); a null is empty."""
    plain = pa.concat_arrays([column.cast(pa.string()).fill_null("")])
    _, offsets, data = plain.buffers()
    text = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return text, np.frombuffer(offsets, np.int32)[plain.offset : plain.offset + len(plain) + 1]


def _codes(batches: Iterator[Any], parts: Iterator[Lines], samples: int) -> Iterator[tuple[Any, Bytes]]:
    """(numbers, codes) of the alleles, in the file's order: one walk over both."""
    state = np.array([0, 0, -1, -1], np.int64)
    lines = None
    for batch in batches:
        alleles = _Alleles(batch)
        state[1] = 0
        while state[1] < alleles.line.size:
            if lines is None or state[0] >= len(lines):
                lines = next(parts, None)
                if lines is None:
                    raise NotOfOneResultError(f"no record of the allele of line {alleles.line[state[1]]}")
                state[0], state[2] = 0, -1
            first = int(state[1])
            alleles.place(lines, state)
            found = slice(first, int(state[1]))
            yield alleles.number[found], lines.calls(alleles.record[found], alleles.alt_index[found], samples)


def _joined(parts: Iterator[tuple[Any, Bytes]], samples: int) -> Iterator[tuple[Any, Bytes]]:
    """The same in few large parts: the lines of a cohort are long, and an insert has its price."""
    waiting: list[tuple[Any, Bytes]] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += part[0].size * (samples + 8)
        if size >= _CODES_AT_ONCE:
            yield _concatenated(waiting)
            waiting, size = [], 0
    if waiting:
        yield _concatenated(waiting)


def _concatenated(parts: list[tuple[Any, Bytes]]) -> tuple[Any, Bytes]:
    return np.concatenate([numbers for numbers, _ in parts]), np.concatenate([codes for _, codes in parts])
