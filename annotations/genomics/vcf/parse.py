"""From a chunk's text to Records and Alleles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.load import Reference
from annotations.genomics.vcf import alleles as allele_loops
from annotations.genomics.vcf import lines as line_loops
from annotations.genomics.vcf.limits import Limits
from annotations.genomics.vcf.records import (
    ALT,
    CHROM,
    POS,
    Alleles,
    Bytes,
    Int32s,
    Int64s,
    Records,
)

_END_KEY: Final = np.frombuffer(b"END=", np.uint8)
_SVLEN_KEY: Final = np.frombuffer(b"SVLEN=", np.uint8)
_CONTIG_NAME: Final = re.compile(rb"<?[0-9A-Za-z_][0-9A-Za-z!#$%&*+.:;=?@^_|~-]{0,254}>?")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SHOWN: Final = 40
TAB: Final = b"\t"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of one file. first_line: 1-based number of the first; data ends in LF."""

    index: int
    first_line: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where lines and fields are: the columns of Records that need no reference."""

    text: Bytes
    fields: Int64s
    line_end: Int64s
    number: Int64s
    pos: Int64s
    own_csq: Int64s
    changes: Int64s


@dataclass(frozen=True, slots=True)
class Parser:
    """What reading records needs to know of the file and the reference; one serves all threads.

    columns: how many the header names. is_svlen_first: VCF 4.4 and later, where SVLEN comes
    before END. declared_lengths: of ##contig lines, by name.
    """

    reference: Reference
    limits: Limits
    columns: int
    is_svlen_first: bool
    declared_lengths: Mapping[str, int]
    _contigs: dict[bytes, int] = field(default_factory=dict)

    def parse(self, chunk: Chunk) -> tuple[Records, Alleles]:
        """Raises AnnotationError naming the line for text that is no VCF, or beyond a limit."""
        lines = self._scan_lines(chunk)
        n = lines.pos.size
        names, name, contig = self._name_contigs(lines)
        records = Records(
            text=lines.text,
            fields=lines.fields,
            line_end=lines.line_end,
            number=lines.number,
            names=names,
            name=name,
            contig=contig,
            pos=lines.pos,
            end=np.empty(n, np.int64),
            skip=np.empty(n, np.uint8),
            own_csq=lines.own_csq,
        )
        return records, self._scan_alleles(records)

    def _scan_lines(self, chunk: Chunk) -> _Lines:
        text = np.frombuffer(chunk.data, np.uint8)
        count = _check_bytes(chunk, text, self.columns)
        fields = np.empty((count, 9), np.int64)
        line_end, number, pos, own_csq, changes = np.empty((5, count), np.int64)
        state = np.zeros(5, np.int64)
        state[line_loops.STATE_NUMBER] = chunk.first_line
        words = np.frombuffer(chunk.data, np.uint64, len(chunk.data) // 8)
        line_loops.scan_lines(
            text, words, self.limits.line_bytes, fields, line_end, number, pos, own_csq, changes,
            state,
        )  # fmt: skip
        if state[line_loops.STATE_TROUBLE]:
            raise _line_error(chunk, state, self.limits)
        n = int(state[line_loops.STATE_RECORDS])
        changed = changes[: int(state[line_loops.STATE_CHANGES])]
        return _Lines(text, fields[:n], line_end[:n], number[:n], pos[:n], own_csq[:n], changed)

    def _name_contigs(self, lines: _Lines) -> tuple[tuple[bytes, ...], Int32s, Int32s]:
        """names, name, contig of Records: one step for each run of records with one CHROM."""
        name = np.empty(lines.pos.size, np.int32)
        contig = np.empty(lines.pos.size, np.int32)
        names: dict[bytes, int] = {}
        firsts = lines.changes.tolist()
        for first, stop in zip(firsts, [*firsts[1:], lines.pos.size], strict=False):
            start, after = lines.fields[first, CHROM], lines.fields[first, POS]
            raw = lines.text[start : after - 1].tobytes()
            contig[first:stop] = self._find_contig(raw, int(lines.number[first]))
            name[first:stop] = names.setdefault(raw, len(names))
        return tuple(names), name, contig

    def _find_contig(self, raw: bytes, line: int) -> int:
        known = self._contigs.get(raw)
        if known is None:
            if not _CONTIG_NAME.fullmatch(raw) or b".." in raw:
                raise AnnotationError(
                    "contig_name_invalid",
                    f"Line {line}: CHROM {_show(raw)} is not a contig name; "
                    "names are letters, digits and !#$%&*+.:;=?@^_|~- without a path.",
                    line=line,
                    field="CHROM",
                    value=_show(raw),
                )
            name = raw.decode()
            known = self.reference.contigs.find(name, self.declared_lengths.get(name))
            self._contigs[raw] = known
        return known

    def _scan_alleles(self, records: Records) -> Alleles:
        """Fill records.skip and records.end, and make the alleles of what is left."""
        kinds = np.empty(self.limits.alleles + 1, np.uint8)
        extents = np.empty(self.limits.alleles + 1, np.int64)
        alts = np.empty(len(records), np.int32)
        offsets = np.ascontiguousarray(self.reference.contig_rows[:, 0])
        lengths = np.ascontiguousarray(self.reference.contig_rows[:, 1])
        common = (self.is_svlen_first, allele_loops.LETTER_SETS, _END_KEY, _SVLEN_KEY, kinds, extents)
        allele_loops.scan_records(
            records.text, records.fields, records.pos, records.contig, offsets, lengths,
            self.reference.all_sequence, self.limits.allele_length, *common,
            records.skip, records.end, alts,
        )  # fmt: skip
        _check_allele_counts(records, alts, self.limits)
        m = int(alts[records.skip == 0].sum())
        record, alt_index = np.empty((2, m), np.int32)
        kind = np.empty(m, np.uint8)
        start, end, ref_from, ref_to, alt_from, alt_to = np.empty((6, m), np.int64)
        allele_loops.fill_alleles(
            records.text, records.fields, records.pos, records.skip, records.contig, lengths,
            *common, record, alt_index, kind, start, end, ref_from, ref_to, alt_from, alt_to,
        )  # fmt: skip
        return Alleles(record, alt_index, kind, start, end, ref_from, ref_to, alt_from, alt_to)


def _show(raw: bytes) -> str:
    """Bytes of a file as they may stand in a message: short, printable."""
    text = raw[:_SHOWN].decode("utf-8", "replace") + ("..." if len(raw) > _SHOWN else "")
    return "'" + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) + "'"


def _line_number(chunk: Chunk, at: int) -> int:
    """1-based number of the line that holds the byte at `at`."""
    return chunk.first_line + chunk.data.count(b"\n", 0, at)


def _check_bytes(chunk: Chunk, text: Bytes, columns: int) -> int:
    """Number of lines. Raises for bytes that no VCF holds and for lines of another width."""
    counts = np.zeros(4, np.int64)
    line_loops.count_bytes(text, counts)
    tabs, lines, controls, high = counts.tolist()
    if controls:
        raise _control_error(chunk)
    if high:
        _check_utf8(chunk)
    if tabs != lines * (columns - 1):
        _check_columns(chunk, columns)
    return int(lines)


def _control_error(chunk: Chunk) -> AnnotationError:
    at = next(found.start() for found in _CONTROL.finditer(chunk.data))
    line = _line_number(chunk, at)
    byte = chunk.data[at]
    return AnnotationError(
        "control_character",
        f"Line {line} holds the control character 0x{byte:02X}, which no VCF may: the file is damaged or not text.",
        line=line,
        value=f"0x{byte:02X}",
    )


def _check_utf8(chunk: Chunk) -> None:
    try:
        chunk.data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = _line_number(chunk, error.start)
        raise AnnotationError(
            "not_utf8",
            f"Line {line} is not valid UTF-8 (byte 0x{chunk.data[error.start]:02X}): save the file as UTF-8.",
            line=line,
            value=f"0x{chunk.data[error.start]:02X}",
        ) from None


def _check_columns(chunk: Chunk, columns: int) -> None:
    """Find the line whose number of columns is not the header's; empty lines are let pass."""
    for number, line in enumerate(chunk.data.split(b"\n")[:-1], chunk.first_line):
        found = line.count(b"\t") + 1
        if found != columns and line not in (b"", b"\r") and not line.startswith(b"#"):
            spaces = " It is separated by blanks; columns need tabs." if found == 1 else ""
            raise AnnotationError(
                "column_count",
                f"Line {number} has {found} columns, the header line names {columns}.{spaces}",
                line=number,
                value=_show(line),
            )


def _line_error(chunk: Chunk, state: Int64s, limits: Limits) -> AnnotationError:
    """What scan_lines stopped at, as a sentence."""
    line, at = int(state[line_loops.STATE_NUMBER]), int(state[line_loops.STATE_AT])
    raw = chunk.data[at : chunk.data.index(b"\n", at)].rstrip(b"\r")
    trouble = state[line_loops.STATE_TROUBLE]
    if trouble == line_loops.Trouble.POS_INVALID:
        value = _show(raw.split(b"\t")[POS])
        return AnnotationError(
            "pos_invalid",
            f"Line {line}: POS {value} is not a whole number from 0 to {limits.pos:,}.",
            line=line,
            field="POS",
            value=value,
        )
    if trouble == line_loops.Trouble.HEADER_LINE:
        return AnnotationError(
            "header_line_in_body",
            f"Line {line} begins with '#' but stands after the first record: "
            "two files were joined; join them with bcftools concat.",
            line=line,
            value=_show(raw),
        )
    if trouble == line_loops.Trouble.LONG_LINE:
        return line_too_long(line, limits)
    return AnnotationError(
        "column_count",
        f"Line {line} has {len(raw.split(TAB))} columns; a record needs at least 8, separated by tabs.",
        line=line,
        value=_show(raw),
    )


def line_too_long(line: int, limits: Limits) -> AnnotationError:
    """A record beyond limits.line_bytes."""
    return AnnotationError(
        "line_too_long",
        f"Line {line} is longer than {limits.line_bytes >> 20} MB, the longest record we read.",
        line=line,
    )


def _check_allele_counts(records: Records, alts: Int32s, limits: Limits) -> None:
    over = np.flatnonzero(alts > limits.alleles)
    if over.size:
        first = int(over[0])
        line = int(records.number[first])
        raise AnnotationError(
            "too_many_alleles",
            f"Line {line} has {alts[first]:,} ALT alleles; we read up to {limits.alleles:,} in one record.",
            line=line,
            field="ALT",
            value=records.field(first, ALT)[:_SHOWN],
        )
