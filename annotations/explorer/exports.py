"""Downloads of filtered alleles: small ones at once, large ones by a worker.

A worker claims an export by one conditional UPDATE that raises `tries`; only the worker that saw
that number may settle it. A lost doorbell or a dead worker is the sweep's to find.
"""

from __future__ import annotations

import logging
import tempfile
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.http import QueryDict

from annotations import storage
from annotations.areas import area
from annotations.explorer import columns, database, files, queries
from annotations.explorer.conditions import both, conditions_of
from annotations.explorer.filters import Filters
from annotations.explorer.models import Export, ExportKind, ExportStatus
from annotations.explorer.question import SHEET_ROWS, Hear, Question, TooManyRowsError
from annotations.models import Job, Output, OutputKind, Result
from annotations.notes import keeping
from gas import clock, doorbell

logger = logging.getLogger(__name__)

TASK = "annotations.export_next"
AT_ONCE = 20_000  # alleles up to which the browser waits
VCF_AT_ONCE = 200_000  # alleles of the whole result: its VCF is read from the beginning
MAX_OPEN = 5
MAX_TRIES = 3
LEASE = timedelta(minutes=10)
HEAR_SECONDS = 1.0
DAYS = 2
ENDINGS = {
    ExportKind.VCF: ".vcf.gz",
    ExportKind.TSV: ".tsv",
    ExportKind.XLSX: ".xlsx",
    ExportKind.PARQUET: ".parquet",
}
_TOO_MANY = f"A worksheet holds up to {SHEET_ROWS:,} rows. Filter further, or take TSV or Parquet."
_NOT_MADE = "The file could not be made. Please try again; if that does not help, take another format."


class TooManyExportsError(Exception):
    """The job has as many open exports as it may."""


class _LostError(Exception):
    """The export is gone, or another worker has it."""


def file_name(job: Job, kind: str) -> str:
    """The name under which it is downloaded."""
    return storage.output_name(job.upload.file_name, f".filtered{ENDINGS[ExportKind(kind)]}")


def is_small(kind: str, number: int, total: int) -> bool:
    """The browser can wait for it."""
    return number <= AT_ONCE and (kind != ExportKind.VCF or total <= VCF_AT_ONCE)


def write(result: Result, kind: str, query: str, target: Path, hear: Hear) -> None:
    """Write the file. Raises TooManyRowsError and what database.opened raises."""
    from annotations.explorer import writers  # Arrow and numba: only for who writes

    given = QueryDict(query)
    filters = Filters(given, partial(keeping.starred, result.job.owner, result.job))
    with database.opened(result, settings.EXPLORER_EXPORT_SECONDS, genotypes=filters.asks_genotypes) as tables:
        known = tables.columns()
        where = both(conditions_of(filters.values, tables, known).values())
        order = queries.read_order(given.get("sort", ""), known)
        question = Question(tables, known, where, order, columns.chosen(given.getlist("column"), known))
        match kind:
            case ExportKind.VCF:
                output = Output.objects.get(result=result, kind=OutputKind.VCF)
                with storage.open_output(output) as annotated:
                    writers.write_vcf(question, annotated, target, hear, filters.query)
            case ExportKind.TSV:
                writers.write_tsv(question, target, hear)
            case ExportKind.XLSX:
                writers.write_xlsx(question, target, hear)
            case ExportKind.PARQUET:
                writers.write_parquet(question, target, hear)


# --- By a worker -------------------------------------------------------------------------------
def request(job: Job, kind: str, query: str, number: int) -> Export:
    """Ask for a file; the same question, while it is being made or ready, is the same file.

    Raises TooManyExportsError.
    """
    same = Export.objects.filter(job=job, kind=kind, query=query, expires_at__gt=Now())
    if "starred" in QueryDict(query):
        same = same.none()  # stars come and go
    if found := same.exclude(status=ExportStatus.FAILED).first():
        return found
    if Export.objects.filter(job=job, status=ExportStatus.REQUESTED).count() >= MAX_OPEN:
        raise TooManyExportsError
    now = clock.database_now()
    export_id = uuid4()
    with transaction.atomic():
        made = Export.objects.create(
            pk=export_id,
            job=job,
            kind=kind,
            query=query,
            storage_key=f"{storage.job_prefix(job.owner_id, job.pk)}exports/{export_id}",
            alleles_total=number,
            requested_at=now,
            expires_at=now + timedelta(days=DAYS),
        )
        transaction.on_commit(lambda: doorbell.ring(TASK, queue="annotate"), robust=True)
    return made


def run_next() -> bool:
    """Claim the export that waits for longest and make it. False: there is none."""
    export = _claim()
    if export is None:
        return False
    try:
        _make(export)
    except _LostError:
        logger.warning("Export %s is another's or gone.", export.pk)
    except TooManyRowsError:
        _fail(export, _TOO_MANY)
    except files.NotAtHandError:
        _fail(export, "The result went to the archive meanwhile. Bring it back, then ask again.")
    except files.NotMadeError as error:
        _fail(export, error.sentence)
    except Exception:
        logger.exception("Export %s was not made.", export.pk)
        if export.tries >= MAX_TRIES:
            _fail(export, _NOT_MADE)
        else:
            _own(export).update(lease_until=None)
    return True


def _due() -> Any:
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return Export.objects.filter(free, status=ExportStatus.REQUESTED, tries__lt=MAX_TRIES)


def _own(export: Export) -> Any:
    return Export.objects.filter(pk=export.pk, tries=export.tries, status=ExportStatus.REQUESTED)


def _claim() -> Export | None:
    for export_id in _due().order_by("requested_at").values_list("pk", flat=True)[:8]:
        if _due().filter(pk=export_id).update(lease_until=clock.from_now(LEASE), tries=F("tries") + 1):
            return Export.objects.select_related("job__result", "job__upload").get(pk=export_id)
    return None


def _fail(export: Export, sentence: str) -> None:
    _own(export).update(status=ExportStatus.FAILED, failure=sentence, lease_until=None)


def _make(export: Export) -> None:
    heard = monotonic()

    def hear(done: int) -> None:
        nonlocal heard
        if monotonic() - heard > HEAR_SECONDS:
            heard = monotonic()
            if not _own(export).update(alleles_done=done, lease_until=clock.from_now(LEASE)):
                raise _LostError

    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.WORK_DIR, prefix="export-") as folder:
        target = Path(folder) / "file"
        _wait_for_tables(export)
        write(export.job.result, export.kind, export.query, target, hear)
        size_bytes = target.stat().st_size
        area("results").store(target, export.storage_key, lambda: None)
    changes = {"status": ExportStatus.READY, "size_bytes": size_bytes, "alleles_done": F("alleles_total")}
    if not _own(export).update(**changes, lease_until=None):
        raise _LostError


def _wait_for_tables(export: Export) -> None:
    ends = monotonic() + LEASE.total_seconds() / 2
    while monotonic() < ends:
        with suppress(files.PreparingError):
            if Filters(QueryDict(export.query)).asks_genotypes:
                files.with_genotypes(export.job.result, wait_seconds=5)
            else:
                files.tables_of(export.job.result, wait_seconds=5)
            return


def sweep() -> None:
    """Delete what has expired; fail what was tried too often; ring for what waits."""
    for export in Export.objects.filter(expires_at__lte=Now())[:200]:
        area("results").delete([export.storage_key])
        export.delete()
    stuck = Export.objects.filter(status=ExportStatus.REQUESTED, tries__gte=MAX_TRIES, lease_until__lt=Now())
    stuck.update(status=ExportStatus.FAILED, failure=_NOT_MADE, lease_until=None)
    for _ in range(_due()[:MAX_OPEN].count()):
        doorbell.ring(TASK, queue="annotate")
