"""Plots as files: the picture, and the figures behind it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from annotations import access, storage
from annotations.models import Job, JobStatus
from annotations.pictures.plots import Plot, find_plot
from annotations.pictures.svg import standalone


@require_safe
@access.readable
def plot_file(request: HttpRequest, job: Job, key: str, ending: str) -> HttpResponse:
    """One plot of a result, as SVG or as a table."""
    plot = find_plot(job.result.summary, key) if job.status == JobStatus.COMPLETED else None
    if plot is None or ending not in ("svg", "tsv"):
        raise Http404
    content, kind = (standalone(plot.svg), "image/svg+xml") if ending == "svg" else (_table(plot), "text/plain")
    name = storage.output_name(job.upload.file_name, f".{key}.{ending}")
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
    return HttpResponse(content, content_type=f"{kind}; charset=utf-8", headers=headers)


def _table(plot: Plot) -> str:
    lines = [plot.head, *((row.label, str(row.number)) for row in plot.rows)]
    return "".join("\t".join(cells) + "\n" for cells in lines)
