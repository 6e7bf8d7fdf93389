"""Pictures as files: the drawing, and the figures behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from annotations import access, storage
from annotations.models import Job, JobStatus
from annotations.pictures.plots import find_plot
from annotations.pictures.svg import standalone


@require_safe
@access.readable
def plot_file(request: HttpRequest, job: Job, key: str, ending: str) -> HttpResponse:
    """One plot of a result, as SVG or as a table."""
    plot = find_plot(job.result.summary, key) if job.status == JobStatus.COMPLETED else None
    if plot is None:
        raise Http404
    rows = [plot.head, *((row.label, str(row.number)) for row in plot.rows)]
    file = as_file(job, f"{key}.{ending}", plot.svg, rows)
    access.note_taken(request, "download plot", job, access.share_of(request), name=f"{key}.{ending}")
    return file


def as_file(job: Job, name: str, svg: str, rows: Iterable[Sequence[str]]) -> HttpResponse:
    """A picture as its drawing or its figures, by the ending of the name. Raises Http404 for another ending."""
    if name.endswith(".svg"):
        content, kind = standalone(svg), "image/svg+xml"
    elif name.endswith(".tsv"):
        content, kind = "".join("\t".join(cells) + "\n" for cells in rows), "text/plain"
    else:
        raise Http404
    name = storage.output_name(job.upload.file_name, f".{name}")
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
    return HttpResponse(content, content_type=f"{kind}; charset=utf-8", headers=headers)
