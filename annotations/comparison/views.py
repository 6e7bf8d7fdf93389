"""The page that compares two results that a user may read, and its differences as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import signed_in
from annotations import access, storage
from annotations.comparison import questions, saving
from annotations.comparison.address import Address
from annotations.comparison.choosing import Samples, offered, problem_of
from annotations.comparison.narrowing import OTHER_GENES, CompareForm, SideFilters, which_of
from annotations.comparison.questions import CALLS, Which
from annotations.comparison.reclassified import CHANGES, is_later, release_of
from annotations.explorer import columns, database, files
from annotations.explorer.conditions import CLINVAR, frequency_columns
from annotations.explorer.database import Cursor
from annotations.explorer.files import Tables
from annotations.explorer.queries import FACET_VALUES
from annotations.explorer.views import FACET_TITLES, Group, explained
from annotations.genomics.consequence.terms import IMPACTS
from annotations.models import Job
from annotations.sharing.models import Share

KIND_WORDS = {
    "left": "Only in this result",
    "right": "Only in the other",
    "changed": "In both, described differently",
    "called": "Another genotype",
}


@login_required
@require_safe
@access.readable
@explained
def compare(request: HttpRequest, job: Job) -> HttpResponse:
    """Which alleles only one of two results has, and what is said differently of those that both have.

    Each of them is the user's own or shared with them.
    """
    form, filters = CompareForm(request.GET), SideFilters(request.GET)
    given = form.cleaned_data
    other, share = _other(request, given)
    context: dict[str, Any] = {"job": job, "other": other, "offered": offered(signed_in(request), job)}
    if other is None:
        return render(request, "annotations/comparison/choose.html", context)
    samples = Samples.of(job, other, given)
    if problem := problem_of(job, other, samples):
        return render(request, "annotations/comparison/choose.html", context | {"problem": problem}, status=422)
    after, is_turned = given.get("after"), is_later(job, other)
    left, right, samples = _tables(job, other, samples)
    with _opened(left, right, samples, settings.EXPLORER_QUERY_SECONDS) as tables:
        which, wrong = which_of(form, filters, tables, is_turned=is_turned)
        counts = questions.counts(tables, which.frame)
        names = questions.compared(tables)
        found, following = questions.page(tables, which, -1 if after is None else after)
        context |= {
            "number": questions.count(tables, which) if which.is_chosen else counts.all,
            "total": questions.count(tables, Which()),
            "groups": _groups(filters, questions.clinvar_words(tables)),
            "has_frequencies": any(frequency_columns(tables.columns(view)) for view in ("alleles", "other")),
            "unique": _only_in_one(job, other, tables),
        }
    context |= {
        "counts": counts,
        "samples": samples,
        "filters": filters,
        "wrong": wrong,
        "releases": (release_of(job), release_of(other)),
        "is_turned": is_turned and job != other,
        "is_chosen": which.is_chosen,
        "is_narrowed": which.sides is not None,
        "other_share": share,
        "sheet_at_most": saving.SHEET_AT_MOST,
        "files_given": _are_files_given(request, share),
        "address": Address(job, other, samples, request.GET),
        "lines": [_line(row, names) for row in found],
        "following": following,
        "is_behind": after is not None,
        **_chips(counts, which, samples),
    }
    return render(request, "annotations/comparison/compare.html", context, status=422 if wrong else 200)


def _chips(counts: questions.Counts, which: Which, samples: Samples) -> dict[str, Any]:
    """Everything that can be chosen among the differences, with its number and whether it is."""
    return {
        "kinds": [
            (key, words, counts.kinds[key], key == which.kind)
            for key, words in KIND_WORDS.items()
            if key != "called" or samples.pair
        ],
        "reclassified": [
            (key, CHANGES[key], number, key == which.reclassified)
            for key, number in counts.reclassified.items()
            if number or key == which.reclassified
        ],
        "columns": [(name, columns.title(name), number, name == which.column) for name, number in counts.columns],
        "calls": [(f"{a}-{b}", CALLS[a], CALLS[b], number, (a, b) == which.calls) for a, b, number in counts.calls],
    }


def _groups(filters: SideFilters, words: list[str]) -> list[Group]:
    """The filters that are lists of values."""
    chosen = filters.values
    known = {"impact": list(IMPACTS), "clinvar": [*words[:FACET_VALUES], *([] if not words else ["."])]}
    return [
        Group(
            name,
            FACET_TITLES[name],
            [
                (value, columns.cell("consequence", {"consequence": value}), None, value in chosen.get(name, ()))
                for value in values
            ],
        )
        for name, values in known.items()
        if values
    ]


@login_required
@require_safe
@access.readable
@explained
def compare_file(request: HttpRequest, job: Job) -> HttpResponseBase:
    """The differences as TSV or as a worksheet; Http404 where a result is shared without its files."""
    form, filters = CompareForm(request.GET), SideFilters(request.GET)
    given = form.cleaned_data
    other, share = _other(request, given)
    if not _are_files_given(request, share):
        raise Http404
    if other is None or problem_of(job, other, samples := Samples.of(job, other, given)):
        return redirect("annotations:compare", job.pk)
    kind = given.get("format") or "tsv"
    left, right, samples = _tables(job, other, samples)
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=settings.WORK_DIR, prefix="export-") as folder,
        _opened(left, right, samples, settings.EXPLORER_EXPORT_SECONDS) as tables,
    ):
        which, wrong = which_of(form, filters, tables, is_turned=is_later(job, other))
        is_long = kind == "xlsx" and questions.count(tables, which) > saving.SHEET_AT_MOST
        if is_long:
            sentence = (
                f"A worksheet is made of up to {saving.SHEET_AT_MOST:,} differences. Filter further, or take TSV."
            )
            messages.error(request, sentence)
        if wrong or is_long:  # the page says what is wrong
            return redirect(f"{reverse('annotations:compare', args=[job.pk])}?{request.GET.urlencode()}")
        target = Path(folder) / "file"
        saving.write(kind, tables, which, target)
        file = target.open("rb")  # stays readable when its name is gone
    for one, through in ((job, access.share_of(request)), (other, share)):
        access.note_taken(request, "download comparison", one, through)
    name = storage.output_name(job.upload.file_name, f".compared.{kind}")
    return FileResponse(file, as_attachment=True, filename=name, content_type=saving.TYPES[kind])


def _other(request: HttpRequest, given: dict[str, Any]) -> tuple[Job | None, Share | None]:
    """The other job, and the share through which it is read if it is not the user's own; None where none is named."""
    return access.readable_beside(request, given["with"]) if given.get("with") else (None, None)


def _are_files_given(request: HttpRequest, other: Share | None) -> bool:
    """Whoever shares one of the results lets its readers have the files."""
    return access.may_take_files(request) and (other is None or other.allows_downloads)


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
    of_other = {"other": (right.alleles, "alleles"), OTHER_GENES: (right.alleles, "genes")}
    with database.opened_files(left, seconds, beside=beside | of_other) as tables:
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
