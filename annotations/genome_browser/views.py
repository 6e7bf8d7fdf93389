"""The page of the genome browser, and the files that it reads: of the reference for whoever is signed in, of a result
for its owner, of both for whom the owner allows it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotations import access, references, storage
from annotations.explorer import database, files
from annotations.genome_browser import ranges
from annotations.genome_browser.features import MAX_BASES, genes_between, is_browsable
from annotations.genomics.reference.outline import Outlines, open_outlines
from annotations.models import Job, Output, OutputKind
from annotations.pictures.cytobands import bands_file
from annotations.references import InstalledReference

TEXT = "text/plain; charset=us-ascii"
BYTES = "application/octet-stream"
AROUND = 60  # bases on either side of the variant that is shown first


# --- Of a result ---------------------------------------------------------------------------------
@require_safe
@access.readable
def genome(request: HttpRequest, job: Job) -> HttpResponse:
    """A result's variants on the genome, with genes and sequence; `locus` says where to begin."""
    if not access.may_take_files(request):
        messages.error(request, "The genome browser reads the VCF itself, and its owner allows no downloads.")
        return redirect("annotations:job", job.pk)
    found = settings_of(job)
    if found is None:
        messages.error(request, "The genome browser needs the annotated VCF at hand and the reference installed.")
        return redirect("annotations:job", job.pk)
    if locus := request.GET.get("locus", "")[:100]:
        found["locus"] = locus
    elif place := first_place(job):
        found["locus"] = place
    return render(request, "annotations/genome.html", {"job": job, "igv": found})


def first_place(job: Job) -> str:
    """Where the first variant of high impact lies, else the first of all; "" where the table cannot tell now."""
    by_impact = "SELECT contig, pos FROM alleles ORDER BY worst_impact IS DISTINCT FROM 'HIGH', allele LIMIT 1"
    try:
        with database.opened(job.result) as tables:
            found = tables.all(by_impact)
    except (files.NotAtHandError, files.NotMadeError, files.PreparingError, database.BusyError, database.TooSlowError):
        return ""
    return f"{found[0]['contig']}:{max(1, found[0]['pos'] - AROUND)}-{found[0]['pos'] + AROUND}" if found else ""


def settings_of(job: Job) -> dict[str, Any] | None:
    """What static/genome.js gives to igv.js; None where the VCF or the reference is not at hand."""
    reference = references.find(job.reference_name)
    if reference is None or not is_browsable(job.reference_name, _outputs(job)):
        return None

    def of_reference(route: str) -> str:
        return reverse(f"annotations:{route}", args=[reference.name])

    first = _outlines(reference).contigs[0]
    return {
        "name": f"{reference.name} ({reference.assembly})",
        "sequence": of_reference("reference_sequence"),
        "index": of_reference("reference_index"),
        "aliases": of_reference("reference_aliases"),
        "bands": of_reference("reference_bands") if bands_file(reference.assembly) else None,
        "genes": of_reference("reference_genes"),
        "geneWindow": MAX_BASES // 2,
        "vcf": reverse("annotations:result_part", args=[job.pk, "vcf"]),
        "vcfIndex": reverse("annotations:result_part", args=[job.pk, "vcf_index"]),
        "vcfName": job.name,
        "locus": first.name,
    }


def _outputs(job: Job) -> list[Output]:
    return list(Output.objects.select_related("result").filter(result__job=job))


@require_safe
@access.readable
def result_part(request: HttpRequest, job: Job, kind: str) -> HttpResponseBase:
    """The annotated VCF or its index, by ranges."""
    output = next((output for output in _outputs(job) if output.kind == kind and output.is_at_hand), None)
    is_given = access.may_take_files(request) and kind in (OutputKind.VCF, OutputKind.VCF_INDEX)
    if output is None or not is_given:
        raise Http404
    found = output
    access.note_browsing(request, job)
    return ranges.send(request, found.size_bytes, lambda start, stop: storage.read_part(found, start, stop), BYTES)


# --- Of a reference: nothing of anybody's, see access.reference_readable ---------------------------
@require_safe
@access.reference_readable
def reference_sequence(request: HttpRequest, name: str) -> HttpResponseBase:
    """All bases, by ranges."""
    outlines = _outlines(_installed(name))
    return ranges.send(request, outlines.sequence_bytes, outlines.letters, TEXT)


@require_safe
@access.reference_readable
def reference_index(request: HttpRequest, name: str) -> HttpResponse:
    """The .fai of reference_sequence: name, length, offset, bases in a line, bytes in a line."""
    contigs = _outlines(_installed(name)).contigs
    rows = [(c.name, c.length, c.offset, c.length, c.length + 1) for c in contigs]
    return HttpResponse("".join("\t".join(map(str, row)) + "\n" for row in rows), content_type=TEXT)


@require_safe
@access.reference_readable
def reference_aliases(request: HttpRequest, name: str) -> HttpResponse:
    """The names that each contig answers to, its own first."""
    contigs = _outlines(_installed(name)).contigs
    rows = [[c.name, *(alias for alias in c.aliases if alias != c.name)] for c in contigs]
    return HttpResponse("".join("\t".join(row) + "\n" for row in rows), content_type=TEXT)


@require_safe
@access.reference_readable
def reference_bands(request: HttpRequest, name: str) -> HttpResponse:
    """Cytogenetic bands as UCSC lays them out."""
    path = bands_file(_installed(name).assembly)
    if path is None:
        raise Http404
    return HttpResponse(path.read_bytes(), content_type=TEXT)


@require_safe
@access.reference_readable
def reference_genes(request: HttpRequest, name: str) -> HttpResponse:
    """Transcripts that overlap a stretch: contig, start, end (0-based, half-open)."""
    outlines = _outlines(_installed(name))
    try:
        start, end = (max(0, int(float(request.GET[key]))) for key in ("start", "end"))
        contig = outlines.contigs.find(request.GET["contig"])
    except (KeyError, ValueError, OverflowError):
        return HttpResponse("Give contig, start and end.", status=400, content_type=TEXT)
    if contig < 0:
        raise Http404
    return JsonResponse(genes_between(outlines, contig, start, min(end, start + MAX_BASES)), safe=False)


def _installed(name: str) -> InstalledReference:
    reference = references.find(name)
    if reference is None:
        raise Http404
    return reference


def _outlines(reference: InstalledReference) -> Outlines:
    return open_outlines(settings.REFERENCES_DIR / reference.name)
