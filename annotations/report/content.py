"""What a report says, collected from the rows of a job, its summary and the manifest of its reference."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.http import QueryDict
from django.utils.safestring import mark_safe

from accounts.models import User
from annotations import references, summaries
from annotations.explorer import database, queries
from annotations.explorer.conditions import both, conditions_of, one_of_alleles
from annotations.explorer.filters import Filters
from annotations.genomics.reference import manifest
from annotations.genomics.vcf.skips import SKIP_REASONS
from annotations.models import Job
from annotations.notes import keeping
from annotations.pictures.plots import draw_plots
from annotations.pictures.svg import with_colours

MAX_VARIANTS: Final = 500
_SHA256: Final = 64  # letters; the ETag of an upload to S3 is another digest
_RECEIPT_WORDS: Final = {
    "alleles": "Alleles annotated",
    "pairs": "Rows, one for each allele and transcript",
    "ref_compared": "REF alleles compared with the reference",
    "ref_mismatches": "REF alleles that differ from it",
}


def content_of(job: Job) -> dict[str, Any]:
    """Everything but the chosen variants."""
    summary = job.result.summary
    style = report_style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "job": job,
        "result": job.result,
        "summary": summary,
        "style": mark_safe(f"<style>{style}</style>"),  # noqa: S308 - our own files
        "style_digest": f"sha256-{digest}",
        "phased": summaries.phased(summary),
        "plots": draw_plots(summary),
        "skipped": _skipped(summary.get("records", {}).get("skipped_by_reason", {})),
        "receipt": [(_RECEIPT_WORDS[key], summary.get("receipt", {}).get(key)) for key in _RECEIPT_WORDS],
        "sources": _sources(job),
        "outputs": job.result.outputs.order_by("kind"),
        "software": summary.get("software", ""),
        "input_digest": job.upload.etag if len(job.upload.etag) == _SHA256 else "",
        "written_by": f"GAS {settings.SITE_VERSION}",
    }


def _skipped(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    words = {reason.code: reason.reason for reason in SKIP_REASONS.values()}
    return [(words.get(code, code), count) for code, count in counts.items() if count]


def _sources(job: Job) -> list[dict[str, Any]]:
    """The sources as the summary names them; with their files where the manifest is still the one that was used."""
    reference = references.find(job.reference_name)
    described: dict[str, Any] = {}
    if reference is not None and reference.digest == job.reference_digest:
        content = manifest.read(settings.REFERENCES_DIR / reference.name)
        described = {source["key"]: source for source in content.get("sources", [])}
    found = []
    for source in job.result.summary.get("sources", []):
        more = described.get(source["key"], {})
        licence = more.get("declaration", {}).get("licence", "")
        found.append(source | {"files": more.get("files", []), "licence": licence})
    return found


def chosen_variants(job: Job, filters: Filters) -> dict[str, Any]:
    """The variants that the filters leave, the first MAX_VARIANTS of them in genome order.

    Raises what `database.opened` raises.
    """
    with database.opened(job.result, genotypes=filters.asks_genotypes) as tables:
        known = tables.columns()
        where = both(conditions_of(filters.values, tables, known).values())
        # S608: `where` is made by conditions_of, with its values bound.
        sql = f"SELECT alleles.* FROM {where.source} WHERE {where.sql} ORDER BY allele LIMIT {MAX_VARIANTS}"  # noqa: S608
        return {
            "variants": tables.all(sql, where.parameters),
            "number": queries.count(tables, where),
            "filter_words": describe_filters(filters),
        }


def marked_variants(job: Job, author: User) -> dict[str, Any]:
    """The variants that the author gave a star or a note, with both, in genome order.

    Raises what `database.opened` raises.
    """
    notes = {note.digest: note for note in keeping.notes_of(author, job)}
    if not notes:
        return {}
    alleles = tuple(keeping.Allele(note.contig, note.pos, note.ref, note.alt) for note in notes.values())
    where = one_of_alleles(alleles)
    with database.opened(job.result) as tables:
        sql = f"SELECT alleles.* FROM {where.source} WHERE {where.sql} ORDER BY allele"  # noqa: S608 - fixed text, values bound
        rows = tables.all(sql, where.parameters)
    marked = [(row, notes[keeping.allele_of(row).digest]) for row in rows]
    return {"marked": marked, "marked_by": author.name or "their author"}


def describe_filters(filters: Filters) -> list[tuple[str, str]]:
    """(label, values) of each filter that is set, as the address has them."""
    given = QueryDict(filters.query)
    return [(str(filters.fields[name].label or name), ", ".join(words)) for name, words in given.lists()]


def report_style() -> str:
    """One style for the file, in the light colours: it will be printed."""
    return with_colours("report.css") + with_colours("charts.css")
