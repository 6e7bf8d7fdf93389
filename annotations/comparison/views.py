"""The page that compares two results of a user, and its differences as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import signed_in
from accounts.models import User
from annotations import access, storage
from annotations.comparison import questions
from annotations.comparison.differences import KINDS
from annotations.explorer import columns, database, files
from annotations.explorer.conditions import CLINVAR
from annotations.explorer.database import Cursor
from annotations.explorer.views import explained
from annotations.models import Job, JobStatus

MAX_OFFERED = 50
KIND_WORDS = {"left": "Only in this result", "right": "Only in the other", "changed": "In both, described differently"}


class CompareForm(forms.Form):
    """What the address says; `with` is the other job."""

    kind = forms.ChoiceField(choices=[("", ""), *((kind, kind) for kind in KINDS)], required=False)
    column = forms.CharField(max_length=200, required=False)
    after = forms.IntegerField(min_value=0, max_value=2**53, required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.fields["with"] = forms.UUIDField(required=False)


def assembly_of(job: Job) -> str:
    """The assembly that a result's positions are of."""
    return str(job.result.summary.get("reference", {}).get("assembly", job.reference_name))


def offered(user: User, job: Job) -> list[Job]:
    """The newest other results that a result can be compared with."""
    mine = Job.objects.filter(owner=user, status=JobStatus.COMPLETED, result__storage__in=files.AT_HAND)
    found = mine.exclude(pk=job.pk).select_related("result").order_by("-submitted_at")[:MAX_OFFERED]
    return [other for other in found if assembly_of(other) == assembly_of(job)]


@login_required
@require_safe
def compare(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """Which alleles only one of two results has, and what is said differently of those that both have."""
    job = access.owned_job(signed_in(request), job_id)
    answer: HttpResponseBase = _compare(request, job)
    return answer


@explained
def _compare(request: HttpRequest, job: Job) -> HttpResponse:
    given = _given(request)
    other = _other(request, given)
    context: dict[str, Any] = {"job": job, "other": other, "offered": offered(signed_in(request), job)}
    if other is None or (problem := _problem(job, other)):
        context["problem"] = problem if other is not None else ""
        return render(request, "annotations/comparison/choose.html", context, status=422 if other else 200)
    kind, column = given.get("kind", ""), given.get("column", "")
    with _opened(job, other, settings.EXPLORER_QUERY_SECONDS) as tables:
        counts = questions.counts(tables)
        names = questions.compared(tables)
        after = given.get("after")
        found, following = questions.page(tables, kind, column, -1 if after is None else after)
        unique = _only_in_one(job, other, tables)
    context |= {
        "counts": counts,
        "kinds": [(key, words, counts.kinds[key], key == kind) for key, words in KIND_WORDS.items()],
        "columns": [(name, columns.title(name), number, name == column) for name, number in counts.columns],
        "kind": kind,
        "column": column,
        "lines": [_line(row, names) for row in found],
        "following": following,
        "is_behind": after is not None,
        "unique": unique,
    }
    return render(request, "annotations/comparison/compare.html", context)


@login_required
@require_safe
def compare_file(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """The differences as TSV."""
    job = access.owned_job(signed_in(request), job_id)
    answer: HttpResponseBase = _compare_file(request, job)
    return answer


@explained
def _compare_file(request: HttpRequest, job: Job) -> HttpResponseBase:
    given = _given(request)
    other = _other(request, given)
    if other is None or _problem(job, other):
        return redirect("annotations:compare", job.pk)
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile("w+b", dir=settings.WORK_DIR)  # noqa: SIM115 - the response closes it
    with _opened(job, other, settings.EXPLORER_EXPORT_SECONDS) as tables:
        for line in questions.lines(tables, given.get("kind", ""), given.get("column", "")):
            file.write(("\t".join(line) + "\n").encode())
    file.seek(0)
    name = storage.output_name(job.upload.file_name, ".compared.tsv")
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/tab-separated-values")


def _given(request: HttpRequest) -> dict[str, Any]:
    form = CompareForm(request.GET)
    form.is_valid()
    return form.cleaned_data


def _other(request: HttpRequest, given: dict[str, Any]) -> Job | None:
    """The other job, as much the user's own; None where none is named."""
    return access.owned_job(signed_in(request), given["with"]) if given.get("with") else None


def _problem(job: Job, other: Job) -> str:
    """Why two jobs cannot be compared, "" where they can."""
    if job == other:
        return "A result is no different from itself. Choose another one."
    if other.status != JobStatus.COMPLETED:
        return f"{other.name} has no result to compare. Choose a job that is done."
    if assembly_of(job) != assembly_of(other):
        return (
            f"This result is on {assembly_of(job)}, the other on {assembly_of(other)}, so their positions differ. "
            "Run one of the files again with a reference of the same assembly."
        )
    return ""


@contextmanager
def _opened(job: Job, other: Job, seconds: float) -> Iterator[Cursor]:
    """A cursor on both results and on where they differ. Raises what `database.opened` raises."""
    left, right = files.tables_of(job.result), files.tables_of(other.result)
    made = files.comparison_of(left, right)
    beside = {name: (made, name) for name in ("differences", "compared", "totals")}
    with database.opened_files(left, seconds, beside=beside | {"other": (right.alleles, "alleles")}) as tables:
        yield tables


def _only_in_one(job: Job, other: Job, tables: Cursor) -> list[tuple[str, str]]:
    """(result, columns) where one of them has columns of sources that the other has not."""
    here, there = tables.columns(), tables.columns("other")
    found = []
    for name, more, less in ((job.name, here, there), (other.name, there, here)):
        if words := ", ".join(columns.title(column) for column in more if column not in less):
            found.append((name, words))
    return found


def _line(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    allele = row["left"] or row["right"]
    changes = [
        (
            columns.title(name),
            columns.cell(name, row["left"]) or "nothing",
            columns.cell(name, row["right"]) or "nothing",
        )
        for place, name in enumerate(names)
        if row["changed"] >> place & 1
    ]
    return {
        "kind": row["kind"],
        "words": KIND_WORDS[row["kind"]],
        "allele": allele,
        "is_left": row["left"] is not None,
        "place": columns.place(allele),
        "change": columns.change(allele),
        "consequence": columns.cell("consequence", allele),
        "clinvar": columns.cell(CLINVAR, allele),
        "changes": changes,
    }
