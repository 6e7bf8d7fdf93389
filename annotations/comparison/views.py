"""The page that compares two results of a user, and its differences as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
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
from annotations.comparison.questions import CALLS, KINDS, Which
from annotations.explorer import columns, database, files
from annotations.explorer.conditions import CLINVAR
from annotations.explorer.database import Cursor
from annotations.explorer.files import Tables
from annotations.explorer.views import explained
from annotations.models import Job, JobStatus

MAX_OFFERED = 50
KIND_WORDS = {
    "left": "Only in this result",
    "right": "Only in the other",
    "changed": "In both, described differently",
    "called": "Another genotype",
}
LISTED_SAMPLES = 100  # more names are typed


class CompareForm(forms.Form):
    """What the address says; `with` is the other job."""

    kind = forms.ChoiceField(choices=[("", ""), *((kind, kind) for kind in KINDS)], required=False)
    column = forms.CharField(max_length=200, required=False)
    calls = forms.RegexField(r"^\d{1,3}-\d{1,3}$", required=False)
    sample = forms.CharField(max_length=200, required=False)
    other_sample = forms.CharField(max_length=200, required=False)
    after = forms.IntegerField(min_value=0, max_value=2**53, required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.fields["with"] = forms.UUIDField(required=False)


def assembly_of(job: Job) -> str:
    """The assembly that a result's positions are of."""
    return str(job.result.summary.get("reference", {}).get("assembly", job.reference_name))


def offered(user: User, job: Job) -> list[Job]:
    """The newest other results that a result can be compared with, and itself where it has several samples."""
    mine = Job.objects.filter(owner=user, status=JobStatus.COMPLETED, result__storage__in=files.AT_HAND)
    found = mine.exclude(pk=job.pk).select_related("result").order_by("-submitted_at")[:MAX_OFFERED]
    others = [other for other in found if assembly_of(other) == assembly_of(job)]
    has_samples = len(files.samples_of(job.result)) > 1
    return [*others, job] if has_samples else others


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
    if other is None:
        return render(request, "annotations/comparison/choose.html", context)
    samples = Samples.of(job, other, given)
    if problem := _problem(job, other, samples):
        return render(request, "annotations/comparison/choose.html", context | {"problem": problem}, status=422)
    which, after = _which(given), given.get("after")
    left, right, samples = _tables(job, other, samples)
    with _opened(left, right, samples, settings.EXPLORER_QUERY_SECONDS) as tables:
        counts = questions.counts(tables)
        names = questions.compared(tables)
        found, following = questions.page(tables, which, -1 if after is None else after)
        unique = _only_in_one(job, other, tables)
    context |= {
        "counts": counts,
        "samples": samples,
        "kinds": [
            (key, words, counts.kinds[key], key == which.kind)
            for key, words in KIND_WORDS.items()
            if key != "called" or samples.pair
        ],
        "columns": [(name, columns.title(name), number, name == which.column) for name, number in counts.columns],
        "calls": [(f"{a}-{b}", CALLS[a], CALLS[b], number, (a, b) == which.calls) for a, b, number in counts.calls],
        "is_filtered": which != Which(),
        "base": _query(other, samples),
        "here": _query(other, samples, given),
        "lines": [_line(row, names) for row in found],
        "following": following,
        "is_behind": after is not None,
        "unique": unique,
    }
    return render(request, "annotations/comparison/compare.html", context)


def _which(given: dict[str, Any]) -> Which:
    calls = tuple(int(code) for code in given["calls"].split("-")) if given.get("calls") else None
    return Which(given.get("kind", ""), given.get("column", ""), (calls[0], calls[1]) if calls else None)


def _query(other: Job, samples: Samples, given: dict[str, Any] | None = None) -> str:
    """The address of this comparison, with the present filters where they are given."""
    names = {"sample": samples.pair[0], "other_sample": samples.pair[1]} if samples.pair else {}
    filters = {name: (given or {}).get(name) for name in ("kind", "column", "calls")}
    return urlencode({"with": other.pk, **names, **{name: value for name, value in filters.items() if value}})


@dataclass(frozen=True)
class Samples:
    """The samples of both results, and which two are compared; None where there are no two, and why not."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    pair: tuple[str, str] | None
    why_not: str = ""

    @classmethod
    def of(cls, job: Job, other: Job, given: dict[str, Any]) -> Samples:
        """The two that are asked for, else of one name, else the first; of one result the first two."""
        done = other.status == JobStatus.COMPLETED
        left, right = files.samples_of(job.result), files.samples_of(other.result) if done else ()
        if not left or not right:
            return cls(left, right, None, f"{'only one' if left or right else 'none'} of the files has samples")
        mine = given.get("sample") or next((name for name in left if name in right), left[0])
        same = [name for name in right if name != mine] if job == other else [name for name in right if name == mine]
        return cls(left, right, (mine, given.get("other_sample") or [*same, *right][0]))

    @property
    def are_listed(self) -> bool:
        """Few enough for a list to choose from."""
        return max(len(self.left), len(self.right)) <= LISTED_SAMPLES

    @property
    def unknown(self) -> str:
        """A name that is asked for and is none of the result's; "" where both are."""
        names = zip(self.pair or (), (self.left, self.right), strict=False)
        return next((name for name, known in names if name not in known), "")

    @property
    def numbers(self) -> tuple[int, int] | None:
        """Their places in the two files."""
        return (self.left.index(self.pair[0]), self.right.index(self.pair[1])) if self.pair else None


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
    if other is None or _problem(job, other, samples := Samples.of(job, other, given)):
        return redirect("annotations:compare", job.pk)
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile("w+b", dir=settings.WORK_DIR)  # noqa: SIM115 - the response closes it
    left, right, samples = _tables(job, other, samples)
    with _opened(left, right, samples, settings.EXPLORER_EXPORT_SECONDS) as tables:
        for line in questions.lines(tables, _which(given)):
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


def _problem(job: Job, other: Job, samples: Samples) -> str:
    """Why two jobs cannot be compared, "" where they can."""
    if job == other and (samples.pair is None or samples.pair[0] == samples.pair[1]):
        return "A result is no different from itself. Choose another one, or two of its samples."
    if samples.unknown:
        return f"There is no sample {samples.unknown[:60]} in the file. Choose the result again, then its sample."
    if other.status != JobStatus.COMPLETED:
        return f"{other.name} has no result to compare. Choose a job that is done."
    if assembly_of(job) != assembly_of(other):
        return (
            f"This result is on {assembly_of(job)}, the other on {assembly_of(other)}, so their positions differ. "
            "Run one of the files again with a reference of the same assembly."
        )
    return ""


def _tables(job: Job, other: Job, samples: Samples) -> tuple[Tables, Tables, Samples]:
    """The files of both results; without a pair where the genotypes of one cannot be read. Raises as `files` does."""
    if samples.pair:
        try:
            return files.with_genotypes(job.result), files.with_genotypes(other.result), samples
        except files.NoGenotypesError:
            samples = replace(samples, pair=None, why_not="those of one of the files cannot be read")
    return files.tables_of(job.result), files.tables_of(other.result), samples


@contextmanager
def _opened(left: Tables, right: Tables, samples: Samples, seconds: float) -> Iterator[Cursor]:
    """A cursor on both results and on where they differ. Raises files.PreparingError and what `database` raises."""
    made = files.comparison_of(left, right, samples.numbers)
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
    is_called = row["left_call"] is not None and row["left_call"] != row["right_call"]
    return {
        "words": _words(row),
        "call": (CALLS[row["left_call"]], CALLS[row["right_call"]]) if is_called else None,
        "allele": allele,
        "is_left": row["left"] is not None,
        "place": columns.place(allele),
        "change": columns.change(allele),
        "consequence": columns.cell("consequence", allele),
        "clinvar": columns.cell(CLINVAR, allele),
        "changes": changes,
    }


def _words(row: dict[str, Any]) -> str:
    if row["kind"] != "both":
        return KIND_WORDS[row["kind"]]
    return KIND_WORDS["changed"] if row["changed"] else "In both, with another genotype"
