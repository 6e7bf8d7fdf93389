"""The page of one variant of a result."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotations import access, references
from annotations.explorer import database
from annotations.explorer.views import explained
from annotations.genome_browser.views import settings_of
from annotations.genomics.reference import manifest
from annotations.genomics.reference.outline import Outline, Outlines, open_outlines
from annotations.models import Job
from annotations.notes.keeping import allele_of
from annotations.notes.views import yours
from annotations.pictures.protein import Lollipop, lollipops, protein_length
from annotations.pictures.transcripts import frame_around, strip
from annotations.pictures.views import as_file
from annotations.variants.elsewhere import links_for
from annotations.variants.known import facts_of, not_looked_up, undescribed_facts
from annotations.variants.lookup import Hit, Variant, find_variant, hits_on

_REACH = 10_000  # of transcripts up- and downstream, and more
_AROUND = 500  # bases beside the variant that the genome browser shows first


@require_safe
@access.readable
@explained
def variant(request: HttpRequest, job: Job, allele: int) -> HttpResponse:
    """Everything about one allele."""
    found, outlines, protein = _look_up(request, job, allele)
    genome = settings_of(job) if access.may_take_files(request) else None
    if genome:
        first, last = found.span
        genome["locus"] = f"{found.allele['contig']}:{max(first - _AROUND, 1)}-{last + _AROUND}"
    context = {
        "job": job,
        "variant": found,
        "allele": found.allele,
        "names": _names(found),
        "transcripts": _transcripts(found, outlines),
        "proteins": [outline for outline in outlines.values() if outline.coding],
        "protein": protein,
        "igv": genome,
        "links": links_for(found.allele, _assembly_of(job)),
        **_known(job, found),
        **yours(request, job, allele_of(found.allele), allele),
    }
    return render(request, "annotations/variant.html", context)


@require_safe
@access.readable
@explained
def protein_file(request: HttpRequest, job: Job, allele: int, ending: str) -> HttpResponse:
    """The variants on the protein, as SVG or as a table."""
    _, _, protein = _look_up(request, job, allele)
    if protein is None:
        raise Http404
    rows = [(str(one.place), *one.words.split(", ", 1), one.impact) for one in protein["variants"]]
    name = f"{protein['outline'].transcript_id}.{ending}"
    file = as_file(job, name, protein["svg"], [("Amino acid", "Variant", "Consequence", "Impact"), *rows])
    access.note_taken(request, "download protein", job, access.share_of(request), allele=allele)
    return file


def _look_up(request: HttpRequest, job: Job, allele: int) -> tuple[Variant, dict[str, Outline], dict[str, Any] | None]:
    """The allele, the shapes of its transcripts, and its protein on the transcript that is asked for."""
    with database.opened(job.result) as tables:
        found = find_variant(tables, allele)
        if found is None:
            raise Http404
        outlines = _outlines_of(job, found)
        shown = _shown_protein(request.GET.get("transcript", ""), found, outlines)
        hits = hits_on(tables, shown, found.allele["contig_index"]) if shown else []
    return found, outlines, _protein(job, shown, found, hits) if shown else None


def _names(found: Variant) -> list[tuple[str, str]]:
    """Names to copy: on the genome, on the picked transcript and its protein, and as databases spell them."""
    allele = found.allele
    spelt = f"{allele['contig']}-{allele['pos']}-{allele['ref']}-{allele['alt']}"
    named = [("Genome", allele["hgvsg"]), ("Transcript", allele["hgvsc"]), ("Protein", allele["hgvsp"])]
    return [(title, name) for title, name in [*named, ("As in the VCF", spelt), ("ID", allele["id"])] if name]


def _outlines_of(job: Job, found: Variant) -> dict[str, Outline]:
    """The shapes of the variant's transcripts; none where the reference is not installed any more."""
    reference = references.find(job.reference_name)
    if reference is None:
        return {}
    outlines: Outlines = open_outlines(settings.REFERENCES_DIR / reference.name)
    contig = outlines.contigs.find(str(found.allele["contig"]))
    if contig < 0:
        return {}
    start, end = found.span
    near = {outline.transcript_id: outline for outline in outlines.between(contig, start - _REACH, end + _REACH)}
    wanted = [row["transcript_id"] for row in found.rows]
    return {transcript_id: near[transcript_id] for transcript_id in wanted if transcript_id in near}


def _transcripts(found: Variant, outlines: dict[str, Outline]) -> list[dict[str, Any]]:
    """Rows of the table of transcripts, each with its strip."""
    frame = frame_around(list(outlines.values()), found.span)
    rows = []
    for row in found.rows:
        outline = outlines.get(row["transcript_id"])
        picture = strip(outline, frame, found.span, row["impact"]) if outline else ""
        terms, biotype = (str(row[key] or "").replace("_", " ") for key in ("consequence", "biotype"))
        rows.append({**row, "strip": picture, "terms": terms.split("&"), "biotype_words": biotype})
    return rows


def _shown_protein(asked: str, found: Variant, outlines: dict[str, Outline]) -> Outline | None:
    """The transcript that is asked for, else the first on which the variant meets the protein."""
    if asked in outlines and outlines[asked].coding:
        return outlines[asked]
    hit = [row["transcript_id"] for row in found.rows if row["protein_first"] is not None]
    return next((outlines[name] for name in hit if name in outlines and outlines[name].coding), None)


def _protein(job: Job, outline: Outline, found: Variant, hits: list[Hit]) -> dict[str, Any]:
    """The lollipop picture with its table."""
    query = urlencode({"transcript": outline.transcript_id})

    def drawn(hit: Hit) -> Lollipop:
        href = f"{reverse('annotations:variant', args=[job.pk, hit.allele])}?{query}"
        words = f"{hit.name}, {hit.consequence.partition('&')[0].replace('_', ' ')}"
        return Lollipop(hit.place, words, hit.impact, href, hit.allele == found.number)

    variants = [drawn(hit) for hit in hits]
    name = f"Variants of this result on the protein of {outline.transcript_id}"
    return {
        "outline": outline,
        "length": protein_length(outline),
        "svg": lollipops(name, outline, variants),
        "variants": variants,
    }


def _known(job: Job, found: Variant) -> dict[str, Any]:
    """What the sources say, as the manifest of the reference describes them if it is still the one that was used."""
    quoted = job.result.summary.get("sources", [])
    keys = [source["key"] for source in quoted]
    context: dict[str, Any] = {"quoted": keys, "not_looked_up": not_looked_up(keys, _assembly_of(job))}
    reference = references.find(job.reference_name)
    if reference is None or reference.digest != job.reference_digest:
        return context | {"sources": [], "loose_facts": undescribed_facts(found.allele)}
    described = manifest.read(settings.REFERENCES_DIR / reference.name).get("sources", [])
    return context | {"sources": facts_of(found.allele, described, quoted), "loose_facts": []}


def _assembly_of(job: Job) -> str:
    return str(job.result.summary.get("reference", {}).get("assembly", ""))
