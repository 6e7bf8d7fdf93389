"""A VCF through the annotator: chunks to worker threads, answers back in order, outputs in place.

The caller's thread reads and writes; worker threads parse, annotate, compose lines and pack blocks.
Nothing that a worker does depends on which worker it is, and every output is cut by a rule of its
own, so the bytes depend neither on `threads` nor on `chunk_records`.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from annotations.genomics.consequence.phasing import PhaseWatch, find_neighbours
from annotations.genomics.errors import AnnotationError
from annotations.genomics.output.answer import Answer
from annotations.genomics.output.files import OutputFiles
from annotations.genomics.output.lines import Added, compose_lines, join_ids, lines_size, no_ids
from annotations.genomics.output.rows import collect_rows
from annotations.genomics.output.sinks import Sinks
from annotations.genomics.output.skipped import list_skipped
from annotations.genomics.output.tally import empty_tally, tally_chunk
from annotations.genomics.output.text import join_words
from annotations.genomics.reference.load import Reference, load_reference, with_sources
from annotations.genomics.request import Progress, Receipt, Request
from annotations.genomics.resident import mapped_bytes
from annotations.genomics.scratch import Scratch
from annotations.genomics.sources.layout import Source
from annotations.genomics.sources.match import Found, Matcher, info_fields, source_fields
from annotations.genomics.sources.own import with_own_sources
from annotations.genomics.vcf.header import Header
from annotations.genomics.vcf.judge import InputJudge
from annotations.genomics.vcf.parse import Chunk, Parser
from annotations.genomics.vcf.reader import VcfReader
from annotations.genomics.vcf.records import Bytes, Int64s

_SPARE: Final = 2
"""Chunks in work beyond one for each thread, so that none waits for the writer."""
_SECOND: Final = 1.0
_SITE_COLUMNS: Final = 8  # of a file without samples
MAPPED_BYTES: Final = 256 << 20
"""How much of the reference and its sources may be resident; then the pages are let go, and read again where needed."""


def annotate(request: Request, progress: Progress | None = None) -> Receipt:
    """Annotate a file. Raises AnnotationError for the input's faults; then no output is left."""
    reference = with_sources(load_reference(request.reference), request.sources)
    with TemporaryDirectory(dir=request.output.parent) as folder:
        if request.own_sources:
            reference = with_own_sources(reference, request.own_sources, Path(folder))
        return _annotate(request, reference, progress)


def _annotate(request: Request, reference: Reference, progress: Progress | None) -> Receipt:
    with VcfReader(request.input, request.limits) as reader, OutputFiles() as files:
        check_is_new(reader.header, reference.sources, is_overwriting=request.is_overwriting)
        executor = InlineExecutor() if request.threads == 1 else ThreadPoolExecutor(request.threads)
        with executor:
            run = _Run(request, reference, reader, files, executor)
            try:
                return run.run(progress)
            except BaseException:
                executor.shutdown(wait=True, cancel_futures=True)
                run.abandon()
                raise


def check_is_new(header: Header, sources: tuple[Source, ...], *, is_overwriting: bool) -> None:
    """Raises AnnotationError(annotated_before) where the header already has CSQ, ANN or a source's key."""
    known = ("CSQ", "ANN", *(field.key for field in info_fields(sources)))
    found = [key for key in known if header.has_info(key)]
    if found and not is_overwriting:
        raise annotated_before(found[0], None)


def annotated_before(key: str, line: int | None) -> AnnotationError:
    """The input has consequences of an earlier run."""
    where = f" (line {line})" if line else ""
    return AnnotationError(
        "annotated_before",
        f"The file is annotated already: it has INFO/{key}{where}; "
        "ask for overwriting (--overwrite) to replace CSQ, or send the file as it was before.",
        line=line,
        field=f"INFO/{key}",
    )


class InlineExecutor(Executor):
    """Does each task at once in the caller's thread."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The finished task."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Worker:
    """The buffers for one chunk in work. `answer` may use them anew when its lines are written."""

    def __init__(self, reference: Reference, parser: Parser, request: Request) -> None:
        self._scratch = Scratch(reference)
        self._matcher = Matcher(reference)
        self._replaced = join_words(_replaced_keys(reference) if request.is_overwriting else ())
        self._parser = parser
        self._is_overwriting = request.is_overwriting
        self._fills_ids = request.fills_ids
        self._wants_rows = request.parquet is not None or request.tsv is not None
        self._out = np.empty(1 << 20, np.uint8)
        self.tally = empty_tally(reference)

    def answer(self, chunk: Chunk) -> Answer:
        """Parse, annotate, and put into the words of the outputs."""
        records, alleles = self._parser.parse(chunk)
        if not self._is_overwriting and (records.own_csq >= 0).any():
            line = int(records.number[np.argmax(records.own_csq >= 0)])
            raise annotated_before("CSQ", line)
        looked_up = self._matcher.look_up(records, alleles)
        pairs = self._scratch.annotate(records, alleles, (looked_up.existing, looked_up.spans))
        found = self._matcher.match(looked_up, pairs, wants_rows=self._wants_rows)
        if found.clash is not None and not self._is_overwriting:
            record, field = found.clash
            raise annotated_before(field.key, int(records.number[record]))
        ids = join_ids(records, alleles, looked_up.existing, looked_up.spans) if self._fills_ids else no_ids(records)
        added = Added(pairs.text, pairs.record_text, found.info, found.info_offsets, *self._replaced, *ids)
        size = lines_size(records, added)
        if self._out.size < size:
            self._out = np.empty(size + size // 4, np.uint8)
        tally_chunk(self.tally, records, alleles, pairs, self._parser.reference)
        self.tally.sources[:] += found.hits
        lines, offsets = compose_lines(records, added, self._out)
        return Answer(
            records=records,
            lines=lines,
            line_offsets=offsets,
            skipped=list_skipped(records),
            rows=collect_rows(records, alleles, pairs, self._columns(found), found.by_pair)
            if self._wants_rows
            else None,
            neighbours=find_neighbours(records, alleles, pairs) if self._parser.columns > _SITE_COLUMNS else (),
        )

    def _columns(self, found: Found) -> dict[str, tuple[Bytes, Int64s]]:
        """By column: what the sources say of each allele, of those whose values do not follow the transcript."""
        sources = self._parser.reference.sources
        by_allele = [source.declaration.is_by_allele for source in sources for _ in source.columns]
        return {
            field.column: (found.text, spans)
            for is_kept, field, spans in zip(by_allele, source_fields(sources), found.spans, strict=True)
            if is_kept
        }


def _replaced_keys(reference: Reference) -> tuple[str, ...]:
    """Keys that overwriting replaces, where there are more than CSQ."""
    keys = tuple(f"{field.key}=" for field in info_fields(reference.sources))
    return ("CSQ=", *keys) if keys else ()


class _Run:
    """One pass over a file."""

    def __init__(
        self, request: Request, reference: Reference, reader: VcfReader, files: OutputFiles, executor: Executor
    ) -> None:
        header = reader.header
        parser = Parser(reference, request.limits, header.columns, header.is_svlen_first, header.contig_lengths)
        self._request = request
        self._reference = reference
        self._reader = reader
        self._files = files
        self._executor = executor
        self._judge = InputJudge(reference, header, request.limits)
        self._phase = PhaseWatch()
        self._sinks = Sinks(request, reference, reader, files, executor)
        self._workers = [Worker(reference, parser, request) for _ in range(self._worker_count())]
        self._free = list(self._workers)
        self._pending: deque[tuple[Future[Answer], Worker]] = deque()

    def _worker_count(self) -> int:
        return 1 if self._request.threads == 1 else self._request.threads + _SPARE

    def run(self, progress: Progress | None) -> Receipt:
        next_report = time.monotonic() + _SECOND
        mapped_before = mapped_bytes()
        for chunk in self._reader.chunks(self._request.chunk_records):
            worker = self._free_worker()
            self._pending.append((self._executor.submit(worker.answer, chunk), worker))
            if progress is not None and time.monotonic() >= next_report:
                self._report(progress)
                next_report = time.monotonic() + _SECOND
            if mapped_bytes() - mapped_before > MAPPED_BYTES:
                self._reference.release_pages()
        while self._pending:
            self._sink_oldest()
        self._judge.conclude()
        tally = empty_tally(self._reference)
        for worker in self._workers:
            tally.add(worker.tally)
        receipt = self._sinks.finish(self._judge, tally, self._phase)
        if progress is not None:
            self._report(progress)
        self._files.commit()
        return receipt

    def abandon(self) -> None:
        """Nothing of this run will be kept."""
        self._sinks.abandon()

    def _report(self, progress: Progress) -> None:
        packed = self._reader.packed
        progress(self._judge.records, packed.bytes_read - packed.held, packed.bytes_total)

    def _free_worker(self) -> Worker:
        """A worker whose buffers may be used, after writing what stands in the way."""
        self._sinks.advance()
        while not self._free:
            if self._pending and (self._pending[0][0].done() or not self._sinks.vcf.stream.is_busy):
                self._sink_oldest()
            else:
                self._sinks.vcf.stream.flush(is_patient=True)
        return self._free.pop()

    def _sink_oldest(self) -> None:
        task, worker = self._pending.popleft()
        answer = task.result()
        self._judge.follow(answer.records)
        self._phase.follow(answer.neighbours)
        self._sinks.write(answer, is_sorted=self._judge.is_sorted, release=lambda: self._free.append(worker))
