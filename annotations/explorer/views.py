"""Pages of the table: the alleles that the filters leave, the counts beside the filters, all transcripts of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from annotations import access
from annotations.explorer import columns, database, files, lines, queries
from annotations.explorer.conditions import CLINVAR, Condition, both, conditions_of, frequency_columns, trio_of
from annotations.explorer.database import Cursor
from annotations.explorer.filters import LISTED_SAMPLES, Filters
from annotations.explorer.inheritance import GENOTYPES, PATTERNS, column
from annotations.explorer.models import ExportKind, SavedFilter
from annotations.explorer.presets import PRESETS
from annotations.models import Job, JobStatus
from annotations.notes import keeping
from gas.errors import RETRY_AFTER_SECONDS, page

View = Callable[..., HttpResponseBase]


def explained(view: View) -> View:
    """A table that cannot be asked now says so, in place of what the view would show.

    A page that waited for it is loaded anew: it has neither the scripts nor the head of the one it waited for.
    """

    @wraps(view)
    def guarded(request: HttpRequest, job: Job, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = answered(request, job, *args, **kwargs)
        is_over = answer.status_code not in (HTTPStatus.ACCEPTED, HTTPStatus.SERVICE_UNAVAILABLE)
        if is_over and request.headers.get("HX-Target") == "preparing":
            return HttpResponse(headers={"HX-Refresh": "true"})
        return answer

    def answered(request: HttpRequest, job: Job, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if job.status != JobStatus.COMPLETED:
            return redirect("annotations:job", job.pk)
        try:
            return view(request, job, *args, **kwargs)
        except files.NotAtHandError:
            return render(request, "annotations/explorer/away.html", {"job": job, "result": job.result})
        except files.NoGenotypesError:
            sentence = "Take the genotype filters away, or run the job again."
            return _refused(request, job, "The genotypes of this file cannot be read", sentence)
        except files.NotMadeError as error:
            return _not_made(request, job, error)
        except files.PreparingError as error:
            context = {"job": job, "percent": error.percent}
            return render(request, "annotations/explorer/preparing.html", context, status=202)
        except database.TooSlowError:
            sentence = "Narrow it down: by a gene, a region or an impact."
            return _refused(request, job, "This question takes too long", sentence)
        except database.BusyError:
            response = page(request, 503, "Many tables are being read just now. Try again in a moment.")
            response["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response
        except queries.BadKeyError as error:
            raise Http404 from error

    return guarded


def _refused(request: HttpRequest, job: Job, title: str, sentence: str) -> HttpResponse:
    """A question that has no answer, and what to ask instead."""
    context = {"job": job, "title": title, "sentence": sentence}
    return render(request, "annotations/explorer/refused.html", context, status=422)


def _not_made(request: HttpRequest, job: Job, error: files.NotMadeError) -> HttpResponse:
    """Why there is nothing to see, and the way to have it tried again."""
    asked = request.get_full_path() if request.method == "GET" else reverse("annotations:explore", args=[job.pk])
    context = {"job": job, "error": error, "asked": asked}
    return render(request, "annotations/explorer/not_made.html", context, status=500)


@require_POST
@access.readable
def try_again(request: HttpRequest, job: Job) -> HttpResponse:
    """Have it tried again to make the files of the table, and lead back to what was asked for."""
    files.try_again(job.pk)
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return redirect(asked if is_ours else reverse("annotations:explore", args=[job.pk]))


@require_safe
@access.readable
@explained
def explore(request: HttpRequest, job: Job) -> HttpResponse:
    """One page of the alleles that the filters leave."""
    filters = _filters(request, job)
    with database.opened(job.result, genotypes=filters.asks_genotypes) as tables:
        known = tables.columns()
        where = queries.kept(tables, both(conditions_of(filters.values, tables, known).values()))
        order = queries.read_order(request.GET.get("sort", ""), known)
        found = queries.page(tables, known, where, order, request.GET.get("after", ""))
        total = queries.count(tables, both([]))
        number = queries.count(tables, where) if found.number is None else found.number
    marks = keeping.marks_of(request, job)
    chosen = columns.chosen(request.GET.getlist("column"), known)
    context = {
        "job": job,
        "filters": filters,
        "is_filtered": bool(filters.values),
        "page": found,
        "number": number,
        "total": total,
        "heads": (heads := columns.heads(chosen, known, order.key)),
        "lines": lines.marked(request, job, found.alleles, heads[2:], marks),
        "stars": sum(note.is_starred for note in marks.values()),
        "star_address": _changed(request.GET, starred=None if request.GET.get("starred") else "on"),
        "is_behind": bool(request.GET.get("after")),
        "page_size": queries.PAGE_SIZE,
        "order": order,
        "choices": [(name, columns.title(name), name in chosen) for name in columns.available(known)],
        "presets": _presets(request.GET, known),
        "saved": _saved(request),
        "kinds": ExportKind.choices,
        "has_frequencies": bool(frequency_columns(known)),
        "samples": (names := files.samples_of(job.result)),
        "are_samples_typed": len(names) > LISTED_SAMPLES,
        **_given(request.GET),
    }
    return render(request, "annotations/explorer/explore.html", context, status=422 if filters.errors else 200)


@require_safe
@access.readable
def headline(request: HttpRequest, job: Job) -> HttpResponse:
    """The three numbers that a result is asked for first, each with the table behind it."""
    if job.status != JobStatus.COMPLETED:
        raise Http404
    context: dict[str, Any] = {"job": job}
    try:
        with database.opened(job.result) as tables:
            known = tables.columns()
            context["has_clinvar"] = CLINVAR in known
            questions = {
                "high": "impact=HIGH",
                "pathogenic": "preset=clinvar_pathogenic",
                "rare": "preset=rare_damaging",
            }
            for name, query in questions.items():
                conditions = conditions_of(Filters(QueryDict(query)).values, tables, known)
                context[name] = queries.count(tables, both(conditions.values()))
    except files.PreparingError:
        high = job.result.summary.get("impacts", {}).get("HIGH", 0)
        context |= {"is_asked": True, "delay": 1, "high": high}
    except (files.NotAtHandError, files.NotMadeError, database.BusyError, database.TooSlowError):
        return HttpResponse(status=204)  # the page keeps what it shows
    return render(request, "annotations/explorer/_headline.html", context)


@require_safe
@access.readable
@explained
def facets(request: HttpRequest, job: Job) -> HttpResponse:
    """The filters that are lists of values, each with the number of alleles it would leave."""
    filters = _filters(request, job)
    with database.opened(job.result, genotypes=filters.asks_genotypes) as tables:
        known = tables.columns()
        conditions = conditions_of(filters.values, tables, known)
        found = queries.facets(tables, known, conditions)
        groups = _genotype_groups(tables, filters, conditions) if filters.asks_genotypes else []
    for name, counts in found.items():
        chosen = filters.values.get(name, ())
        shown = dict(counts)
        missing = [(value, 0) for value in chosen if value not in shown]
        rows = [(value, columns.cell("consequence", {"consequence": value}), number, value in chosen)
                for value, number in [*counts, *missing]]  # fmt: skip
        if rows:
            groups.append(Group(name, FACET_TITLES[name], rows))
    return render(request, "annotations/explorer/_facets.html", {"job": job, "groups": groups})


@dataclass(frozen=True)
class Group:
    """A filter that is a list of values: (value, words, number, is chosen) of each; of a single one, one at a time."""

    name: str
    title: str
    rows: Sequence[tuple[str, str, int | None, bool]]
    is_single: bool = False


def _genotype_groups(tables: Cursor, filters: Filters, conditions: Mapping[str, Condition]) -> list[Group]:
    """Genotypes of the chosen sample and patterns of the chosen trio, with their numbers."""
    groups = []
    samples = tables.samples()
    if (number := samples.get(filters.values.get("sample", ""))) is not None:
        counts = queries.genotype_counts(tables, column(number), conditions)
        chosen = filters.values.get("genotype", ())
        rows = [(name, GENOTYPES[name].title, count, name in chosen) for name, count in counts]
        groups.append(Group("genotype", f"Genotype of {filters.values['sample']}", rows))
    if (trio := trio_of(filters.values, samples)) is not None:
        on = filters.values.get("pattern", "")
        patterns = queries.pattern_counts(tables, trio, conditions)
        listed = [(name, PATTERNS[name].title, count, name == on) for name, count in patterns]
        groups.append(Group("pattern", "Inheritance", [("", "any", None, not on), *listed], is_single=True))
    return groups


FACET_TITLES = {
    "impact": "Impact",
    "consequence": "Consequence",
    "class": "Kind of variant",
    "filter": "FILTER",
    "clinvar": "ClinVar",
}


@require_safe
@access.readable
@explained
def transcripts(request: HttpRequest, job: Job, allele: int) -> HttpResponse:
    """All transcripts of an allele, as rows to be put under it."""
    with database.opened(job.result) as tables:
        found = queries.transcripts(tables, allele)
    if not found:
        raise Http404
    rows = [
        row
        | {
            "words": columns.cell("consequence", row),
            "c_name": columns.cell("hgvsc", row),
            "p_name": columns.cell("hgvsp", row),
            "biotype_words": (row["biotype"] or "").replace("_", " "),
            "mane_words": (row.get("mane") or "").replace("_", " "),
        }
        for row in found
    ]
    width = request.GET.get("width", "")
    context = {"rows": rows, "width": width if width.isdecimal() else "9"}
    return render(request, "annotations/explorer/_transcripts.html", context)


@require_safe
@access.readable
def samples(request: HttpRequest, job: Job) -> HttpResponse:
    """The names that complete what is typed as a sample, as options; fetched only by who goes there."""
    options = format_html_join("\n", '<option value="{}">', ((name,) for name in files.samples_of(job.result)))
    return HttpResponse(options)


def _filters(request: HttpRequest, job: Job) -> Filters:
    """What the address asks for; its stars are the reader's."""
    reader = request.user if isinstance(request.user, User) else None
    return Filters(request.GET, partial(keeping.starred, reader, job), files.samples_of(job.result))


def _presets(given: QueryDict, known: dict[str, str]) -> list[dict[str, Any]]:
    """Each preset with the address that switches it on or, if it is on, off."""
    found = []
    for preset in PRESETS.values():
        is_on = given.get("preset") == preset.key
        address = _changed(given, preset=None if is_on else preset.key)
        is_possible = preset.needs != "clinvar" or CLINVAR in known
        found.append({"preset": preset, "is_on": is_on, "address": address, "is_possible": is_possible})
    return found


def _saved(request: HttpRequest) -> list[dict[str, Any]]:
    """The user's own filters, by name, each with its address and whether it is on."""
    if not isinstance(request.user, User):
        return []
    mine = SavedFilter.objects.filter(owner=request.user).order_by("name")
    return [_own(one, request.GET) for one in mine]


def _own(one: SavedFilter, given: QueryDict) -> dict[str, Any]:
    """A list of genes goes along with the other filters, as presets do; everything else takes their place."""
    kept = QueryDict(one.query)
    if set(kept) != {"gene"}:
        return {"filter": one, "address": one.query, "is_on": one.query == Filters(given).query}
    is_on = given.getlist("gene") == kept.getlist("gene")
    query = given.copy()
    query.pop("after", None)
    query.setlist("gene", [] if is_on else kept.getlist("gene"))
    return {"filter": one, "address": query.urlencode(), "is_on": is_on}


def _given(query: QueryDict) -> dict[str, Any]:
    """The present address, cut up for links and for the forms that set a part of it."""
    pairs = [(name, value) for name in query for value in query.getlist(name) if name != "after"]
    return {
        "addresses": {"sort": _changed(query, sort=None), "next": _changed(query), "filters": _changed(query)},
        "hidden": [pair for pair in pairs if pair[0] in ("preset", "starred", "sort", "column")],
        "listed": [pair for pair in pairs if pair[0] in (*queries.FACETS, "genotype", "pattern")],
        "kept": [pair for pair in pairs if pair[0] != "column"],
    }


def _changed(given: QueryDict, **changes: str | None) -> str:
    """The present address with some keys set or taken away, and on its first page."""
    query = given.copy()
    for name, value in {"after": None, **changes}.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    return query.urlencode()
