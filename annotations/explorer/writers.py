"""The filtered alleles as a file: VCF, TSV, XLSX or Parquet.

All four are streams: memory does not grow with the number of alleles.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from annotations.explorer import columns
from annotations.explorer.conditions import Condition, frequency_sql, quoted
from annotations.explorer.queries import FREQUENCY, Order, sort_sql, walk
from annotations.explorer.question import SHEET_ROWS, Hear, Question, TooManyRowsError
from annotations.genomics.output.tsv import TsvSink
from annotations.genomics.output.vcf import PackedStream

ROWS_AT_ONCE: Final = 50_000
_PLACE: Final = ("contig", "pos", "id", "ref", "alt", "gene_symbol")


class NotInVcfError(Exception):
    """The annotated VCF does not hold an allele of the table: they are not of one result."""


def write_parquet(question: Question, target: Path, hear: Hear) -> None:
    """All columns, typed, zstd."""
    writer = None
    done = 0
    for batch in _batches(question):
        writer = writer or pq.ParquetWriter(target, batch.schema, compression="zstd")
        writer.write_batch(batch)
        done += batch.num_rows
        hear(done)
    if writer is None:
        writer = pq.ParquetWriter(target, _reader(question).schema, compression="zstd")
    writer.close()


def write_tsv(question: Question, target: Path, hear: Hear) -> None:
    """All columns as text."""
    with target.open("wb") as stream:
        sink = TsvSink(stream.write, _dictionary_schema(_reader(question).schema))
        done = 0
        for batch in _batches(question):
            sink.write(_with_dictionaries(batch))
            done += batch.num_rows
            hear(done)


def write_xlsx(question: Question, target: Path, hear: Hear) -> None:
    """The chosen columns, for reading. Raises TooManyRowsError."""
    names = [*_PLACE, *question.chosen]
    parts = walk(question.tables, _sql(question, names), _bound(question), ROWS_AT_ONCE)
    write_sheet(target, "Variants", [columns.title(name) for name in names], parts, hear)


def write_sheet(
    target: Path, title: str, heads: list[str], parts: Iterable[Iterable[Sequence[Any]]], hear: Hear
) -> None:
    """A workbook of one sheet. A text is a text: none is ever a formula or a link. Raises TooManyRowsError."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False, "tmpdir": str(target.parent)}  # fmt: skip
    with xlsxwriter.Workbook(str(target), options) as book:
        sheet = book.add_worksheet(title)
        bold = book.add_format({"bold": True})
        for place, head in enumerate(heads):
            sheet.write_string(0, place, head, bold)
        sheet.freeze_panes(1, 0)
        row = 0
        for part in parts:
            for values in part:
                row += 1
                if row > SHEET_ROWS:
                    raise TooManyRowsError
                _write_row(sheet, row, values)
            hear(row)
        sheet.autofilter(0, 0, row, len(heads) - 1)


def _write_row(sheet: Any, row: int, values: Sequence[Any]) -> None:
    for place, value in enumerate(values):
        if isinstance(value, bool):
            sheet.write_boolean(row, place, value)
        elif isinstance(value, int | float):
            sheet.write_number(row, place, value)
        elif value is not None:
            sheet.write_string(row, place, str(value)[:32_767])


def write_vcf(question: Question, given: BinaryIO, target: Path, hear: Hear, said: str) -> None:
    """The records of the annotated VCF `given` that hold one of the alleles, as they are, packed as BGZF.

    said: the filter, for a line of the header. Raises NotInVcfError.
    """
    # Both are in the file's order, so one walk over both is enough.
    where = question.where
    sql = f"SELECT line, contig, pos, ref, alt FROM {where.source} WHERE {where.sql} ORDER BY allele_row"  # noqa: S608
    parts = walk(question.tables, sql, where, ROWS_AT_ONCE)
    alleles = (allele for part in parts for allele in part)
    with ThreadPoolExecutor(1) as executor, target.open("wb") as stream, gzip.open(given) as lines:
        packed = PackedStream(stream, executor)
        for line in _chosen_lines(lines, alleles, hear, said):
            packed.write(np.frombuffer(line, np.uint8))
            packed.flush(is_patient=False)
        packed.finish()


def _chosen_lines(lines: Any, alleles: Iterator[tuple[Any, ...]], hear: Hear, said: str) -> Iterator[bytes]:
    wanted = next(alleles, None)
    done = 0
    for line in lines:
        if line.startswith(b"#"):
            if line.startswith(b"#CHROM"):
                yield f"##gas_filter={said or 'none'}\n".encode()
            yield line
            continue
        if wanted is None:
            return
        contig, pos, _, ref, alts, _ = line.split(b"\t", 5)
        if _is_of(wanted, contig, pos, ref, alts):
            yield line
            of_record = wanted[0]
            while wanted is not None and wanted[0] == of_record:
                done += 1
                wanted = next(alleles, None)
            if done % 1000 == 0:
                hear(done)
    if wanted is not None:
        raise NotInVcfError(str(wanted))


def _is_of(allele: tuple[Any, ...], contig: bytes, pos: bytes, ref: bytes, alts: bytes) -> bool:
    """Whether an allele (line, contig, pos, ref, alt) may be of a record."""
    return (
        int(pos) == allele[2]
        and contig.decode() == allele[1]
        and ref.decode() == (allele[3] or ".")
        and (allele[4] or ".") in alts.decode().split(",")
    )


# --- Rows ---------------------------------------------------------------------------------------
def _sql(question: Question, names: list[str]) -> str:
    sort, _ = sort_sql(question.order, question.known)
    if question.order == Order():  # the file's own, without sorting it
        return f"SELECT {', '.join(_shown(question, names))} FROM {question.where.source} WHERE {question.where.sql}"  # noqa: S608
    direction = "DESC" if question.order.is_descending else "ASC"
    return (
        f"SELECT {', '.join(_shown(question, names))} FROM {question.where.source} WHERE {question.where.sql} "  # noqa: S608
        f"ORDER BY {sort} {direction} NULLS LAST, allele"
    )


def _shown(question: Question, names: list[str]) -> list[str]:
    frequency = f"{frequency_sql(question.known)} AS {FREQUENCY}"
    return [frequency if name == FREQUENCY else quoted(name) for name in names]


def _bound(question: Question) -> Condition:
    """The question's parameters in the order in which _sql has their places."""
    bound = [] if question.order == Order() else sort_sql(question.order, question.known)[1]
    return Condition("", (*question.where.parameters, *bound))


def _reader(question: Question) -> Any:
    names = [name for name in question.known if name not in ("allele", "allele_row", "row", "picked", "is_worst")]
    return question.tables.reader(_sql(question, names), _bound(question).parameters, ROWS_AT_ONCE)


def _batches(question: Question) -> Iterator[Any]:
    for batch in _reader(question):
        if batch.num_rows:
            yield batch


def _dictionary_schema(schema: Any) -> Any:
    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([pa.field(field.name, text if pa.types.is_string(field.type) else field.type) for field in schema])


def _with_dictionaries(batch: Any) -> Any:
    """Texts as dictionaries, which is how the annotator's own TSV gets them."""
    arrays = [array.dictionary_encode() if pa.types.is_string(array.type) else array for array in batch.columns]
    return pa.record_batch(arrays, schema=_dictionary_schema(batch.schema))
