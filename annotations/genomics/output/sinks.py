"""All outputs of a run, fed with answers in the file's order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from annotations.genomics.consequence.phasing import PhaseWatch
from annotations.genomics.output import csq
from annotations.genomics.output.answer import Answer
from annotations.genomics.output.files import OutputFiles
from annotations.genomics.output.skipped import HEADER
from annotations.genomics.output.summary import reference_digest, write_summary
from annotations.genomics.output.tally import Tally
from annotations.genomics.output.vcf import VcfWriter
from annotations.genomics.reference.load import Reference
from annotations.genomics.request import Receipt, Request
from annotations.genomics.sources.match import info_fields
from annotations.genomics.vcf.header import annotated_header
from annotations.genomics.vcf.judge import InputJudge
from annotations.genomics.vcf.reader import VcfReader
from annotations.genomics.vcf.records import Kind

if TYPE_CHECKING:
    from annotations.genomics.output.table_files import TableFiles

_CARRIED = {Kind.STAR: "*", Kind.NON_REF: "<NON_REF>", Kind.OTHER: "other"}


class Sinks:
    """Writes the VCF, and the tables and lists that are asked for."""

    def __init__(
        self, request: Request, reference: Reference, reader: VcfReader, files: OutputFiles, executor: Executor
    ) -> None:
        self._request = request
        self._reference = reference
        self._reader = reader
        self._files = files
        self.vcf = VcfWriter(request.output, files, executor)
        self.vcf.write_header(annotated_header(reader.header, _added_lines(reference), _replaced(reference)))
        self._skipped = files.open(request.skipped) if request.skipped else None
        if self._skipped is not None:
            self._skipped.write(HEADER)
        self._tables = self._open_tables(executor) if request.parquet or request.tsv else None

    def _open_tables(self, executor: Executor) -> TableFiles:
        from annotations.genomics.output.table_files import open_tables  # Arrow takes a while to import

        return open_tables(self._request, self._reference, self._reader.header.contig_lengths, self._files, executor)

    def write(self, answer: Answer, *, is_sorted: bool, release: Callable[[], None]) -> None:
        """Add a chunk's answer; release is called when its lines are written."""
        if self._skipped is not None:
            self._skipped.write(answer.skipped)
        if self._tables is not None and answer.rows is not None:
            self._tables.write(answer.rows)
        self.vcf.write(answer.records, answer.lines, answer.line_offsets, is_sorted=is_sorted, release=release)

    def advance(self) -> None:
        """Hand on what the executor's threads have done, without waiting."""
        self.vcf.stream.flush(is_patient=False)
        if self._tables is not None:
            self._tables.advance()

    def finish(self, judge: InputJudge, tally: Tally, phase: PhaseWatch) -> Receipt:
        """Complete every file."""
        index = self.vcf.finish(is_sorted=judge.is_sorted)
        if self._tables is not None:
            self._tables.finish()
        receipt = Receipt(
            records=judge.records,
            annotated=judge.annotated,
            skipped=judge.skipped,
            carried={name: int(tally.carried[kind]) for kind, name in _CARRIED.items() if tally.carried[kind]},
            alleles=int(tally.totals[0]),
            pairs=int(tally.totals[1]),
            ref_compared=judge.ref_compared,
            ref_mismatches=judge.ref_mismatches,
            is_sorted=judge.is_sorted,
            phased_codons=phase.count,
            index=index.suffix if index else "",
        )
        if receipt.records != receipt.annotated + sum(receipt.skipped.values()):
            raise ReceiptError(receipt)
        if self._request.summary:
            summary = write_summary(self._reader, self._reference, receipt, tally, phase.examples)
            self._files.open(self._request.summary).write(summary)
        return receipt

    def abandon(self) -> None:
        """Let go of files that will not be kept."""
        if self._tables is not None:
            self._tables.abandon()


class ReceiptError(Exception):
    """Records in are not records annotated and skipped: our fault, and no result may come of it."""


def _added_lines(reference: Reference) -> tuple[str, ...]:
    digest = reference_digest(reference)
    return (
        f"##GAS=<Reference={reference.name},Assembly={reference.assembly},Manifest={digest}>",
        csq.header_line(),
        *(
            f'##INFO=<ID={field.key},Number=A,Type={field.type},Description="{field.description}",'
            f'Source="{source.declaration.title}",Version="{source.version}">'
            for source in reference.sources
            for field in source.declaration.fields
            if not field.existing
        ),
    )


def _replaced(reference: Reference) -> frozenset[str]:
    return frozenset({"CSQ", *(field.key for field in info_fields(reference.sources))})
