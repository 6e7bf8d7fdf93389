"""The plots of a result, from its summary alone: so they stay when the large files are archived."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from annotations.genomics.consequence.terms import IMPACTS, TERMS, impact_name
from annotations.genomics.output.bins import INDEL_LIMIT, QUALITY_BINS, QUALITY_STEP
from annotations.pictures.charts import Bar, Chromosome, bars, columns, karyogram
from annotations.pictures.cytobands import bands_of

Summary = Mapping[str, Any]

_GENES: Final = 20
_COLUMNS: Final = 600
"""Columns of the karyogram at most: more would be finer than a pixel."""


@dataclass(frozen=True)
class Plot:
    """One picture with the table behind it: `head` names the columns, the last of which are numbers."""

    key: str
    title: str
    svg: SafeString
    head: tuple[str, str]
    rows: Sequence[Bar]
    note: str = ""


def draw_plots(summary: Summary, explore: str = "") -> list[Plot]:
    """All plots of which the summary knows anything. explore: the explorer's address; "": no links."""

    def href(**filters: object) -> str:
        return f"{explore}?{urlencode(filters, doseq=True)}" if explore else ""

    makers = (_impacts, _classes, _ti_tv, _consequences, _karyogram, _genes, _indels, _frequencies, _qualities)
    drawn = (make(summary, href) for make in makers)
    return [plot for plot in drawn if plot is not None]


@dataclass(frozen=True)
class _Section:
    """What the plots of a job's page follow from; equal by the job and the address, for a result never changes."""

    job_id: UUID
    explore: str
    summary: Summary = field(compare=False, repr=False)


def section_of(job_id: UUID, summary: Summary, explore: str = "") -> SafeString:
    """All plots as the page of a job shows them. Kept for the next look: an open page asks every half minute."""
    return _written(_Section(job_id, explore, summary))


@lru_cache(maxsize=64)
def _written(section: _Section) -> SafeString:
    plots = draw_plots(section.summary, section.explore)
    return render_to_string("annotations/_plots.html", {"job_id": section.job_id, "plots": plots})


def find_plot(summary: Summary, key: str) -> Plot | None:
    """One plot, without links."""
    return next((plot for plot in draw_plots(summary) if plot.key == key), None)


Href = Callable[..., str]


def _impacts(summary: Summary, href: Href) -> Plot | None:
    counts = summary.get("impacts", {})
    if not any(counts.values()):
        return None
    rows = [Bar(name.capitalize(), counts.get(name, 0), name.lower(), href(impact=name)) for name in IMPACTS]
    title = "Highest impact of each variant"
    return Plot("impacts", title, bars(title, rows), ("Impact", "Variants"), rows)


def _consequences(summary: Summary, href: Href) -> Plot | None:
    counts = summary.get("consequences", {})
    rows = [
        Bar(
            (words := term.replace("_", " ")),
            counts[term],
            impact_name(1 << number).lower(),
            href(consequence=term),
            short=words.removesuffix(" variant"),
        )
        for number, term in enumerate(TERMS)
        if term in counts
    ]
    title = "Most severe consequence of each variant"
    return Plot("consequences", title, bars(title, rows), ("Consequence", "Variants"), rows) if rows else None


def _classes(summary: Summary, href: Href) -> Plot | None:
    counts = sorted(summary.get("classes", {}).items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [Bar(name.replace("_", " "), count, "", href(**{"class": name})) for name, count in counts]
    title = "Kinds of variant"
    return Plot("classes", title, bars(title, rows), ("Kind", "Variants"), rows) if rows else None


def _ti_tv(summary: Summary, href: Href) -> Plot | None:
    transitions, transversions = summary.get("transitions", 0), summary.get("transversions", 0)
    if not transitions + transversions:
        return None
    rows = [
        Bar("transitions (A↔G, C↔T)", transitions, "", href(substitution="transition")),
        Bar("transversions", transversions, "", href(substitution="transversion")),
    ]
    ratio = summary.get("ti_tv")
    note = f"Ti/Tv {ratio:.2f}. " if ratio is not None else ""
    note += "About 2.0 to 2.1 across a human genome and 3 in exomes; somatic and artefact calls differ."
    title = "Transitions and transversions"
    return Plot("ti-tv", title, bars(title, rows), ("Kind", "SNVs"), rows, note)


def _indels(summary: Summary, href: Href) -> Plot | None:
    counts = {int(length): count for length, count in summary.get("indel_lengths", {}).items()}
    if not counts:
        return None
    reach = min(max(5, *(abs(length) for length in counts)), INDEL_LIMIT)
    lengths = [length for length in range(-reach, reach + 1) if length]
    rows = [Bar(_indel_words(length), counts.get(length, 0), "", href(**_gained(length))) for length in lengths]
    at = {length: place for place, length in enumerate(lengths)}
    half = max(reach // 5 * 5, 5) if reach > 5 else reach
    ticks = [(at[-half] + 0.5, f"−{half}"), (float(reach), "0"), (at[half] + 0.5, f"+{half}")]
    title = "Lengths of insertions and deletions"
    svg = columns(title, rows, ticks, "bases lost or gained")
    return Plot("indel-lengths", title, svg, ("Length", "Variants"), [row for row in rows if row.number])


def _gained(length: int) -> dict[str, int]:
    """The filter of a column: the last one of each side is open."""
    ends = {"gained_min": length, "gained_max": length}
    if abs(length) == INDEL_LIMIT:
        del ends["gained_min" if length < 0 else "gained_max"]
    return ends


def _indel_words(length: int) -> str:
    size = f"{abs(length)} or more" if abs(length) == INDEL_LIMIT else str(abs(length))
    plural = "base" if size == "1" else "bases"
    return f"{size} {plural} {'deleted' if length < 0 else 'inserted'}"


def _frequencies(summary: Summary, href: Href) -> Plot | None:
    found = summary.get("frequencies", [])
    if not any(entry["alleles"] for entry in found if entry["up_to"] is not None):
        return None
    has_column = "frequency_column" in summary
    rows = [
        Bar(
            _frequency_words(entry),
            entry["alleles"],
            "",
            href(**_frequencies_of(entry)) if has_column and entry["up_to"] is not None else "",
        )
        for entry in found
    ]
    title = "Allele frequencies in this file"
    note = "From the file's own AF, else AC and AN."
    return Plot("frequencies", title, bars(title, rows), ("Frequency", "Variants"), rows, note)


def _frequencies_of(entry: Mapping[str, Any]) -> dict[str, float]:
    """The filter of a bar: the first one has the frequency 0 too."""
    ends = {"own_above": entry["above"], "own_up_to": entry["up_to"]}
    return {name: value for name, value in ends.items() if value}


def _frequency_words(entry: Mapping[str, Any]) -> str:
    if entry["up_to"] is None:
        return "not given"
    low, high = (f"{100 * entry[key]:g}" for key in ("above", "up_to"))
    return f"up to {high} %" if entry["above"] == 0 else f"{low} to {high} %"


def _qualities(summary: Summary, href: Href) -> Plot | None:
    counts = {entry["from"]: entry["alleles"] for entry in summary.get("qualities", [])}
    unknown = counts.pop(None, 0)
    if not any(counts.values()):
        return None
    last = max(counts)
    merged = max(1, (last // QUALITY_STEP + 1) // 34)  # columns stay wide enough to be hit
    step = merged * QUALITY_STEP
    starts = range(0, last + 1, step)
    rows = [
        Bar(
            _quality_words(start, step),
            sum(counts.get(start + part * QUALITY_STEP, 0) for part in range(merged)),
            "",
            href(**_between(start, step)),
        )
        for start in starts
    ]
    every = max(len(rows) // 5, 1)
    ticks = [(float(place), str(place * step)) for place in range(0, len(rows), every)]
    title = "Quality (QUAL)"
    note = f"{intcomma(unknown)} without a quality." if unknown else ""
    svg = columns(title, rows, ticks, "QUAL")
    return Plot("quality", title, svg, ("QUAL", "Variants"), [row for row in rows if row.number], note)


def _between(start: int, step: int) -> dict[str, int]:
    """The filter of a column: the last one is open."""
    return {"qual_min": start} if _is_last(start, step) else {"qual_min": start, "qual_below": start + step}


def _is_last(start: int, step: int) -> bool:
    return start + step > (QUALITY_BINS - 1) * QUALITY_STEP


def _quality_words(start: int, step: int) -> str:
    return f"{start} and more" if _is_last(start, step) else f"{start} to {start + step}"


def _karyogram(summary: Summary, href: Href) -> Plot | None:
    contigs, base = summary.get("contigs", []), summary.get("density_step", 1_000_000)
    if not contigs:
        return None
    merged = max(1, -(-sum(len(contig["density"]) for contig in contigs) // _COLUMNS))
    assembly = summary.get("reference", {}).get("assembly", "")
    drawn = [_chromosome(contig, assembly, base, merged, href) for contig in contigs]
    rows = [Bar(item.name, item.number, "", item.href) for item in drawn]
    title = "Variants along the chromosomes"
    note = f"Each column: {merged * base // 1_000_000} Mb."
    return Plot("karyogram", title, karyogram(title, drawn), ("Contig", "Variants"), rows, note)


def _chromosome(contig: Mapping[str, Any], assembly: str, base: int, merged: int, href: Href) -> Chromosome:
    name, length, density = contig["contig"], contig["length"], contig["density"]
    step = base * merged
    found = []
    for place in range(0, len(density), merged):
        start, end = place * base + 1, min((place + merged) * base, length)
        words = f"{name}, {start / 1e6:.0f} to {end / 1e6:.0f} Mb" if length > base else name
        found.append(Bar(words, sum(density[place : place + merged]), "", href(region=f"{name}:{start}-{end}")))
    bands = bands_of(assembly, name)
    return Chromosome(name, length, contig["alleles"], href(region=f"{name}:1-{length}"), bands, step, found)


def _genes(summary: Summary, href: Href) -> Plot | None:
    found = [gene for gene in summary.get("top_genes", []) if gene["severe"]][:_GENES]
    if not found:
        return None
    names = [gene["gene_symbol"] or gene["gene_id"] for gene in found]
    severe = {"impact": IMPACTS[:2], "by": "picked"}
    rows = [Bar(name, gene["severe"], "", href(gene=name, **severe)) for name, gene in zip(names, found, strict=True)]
    title = "Genes with most variants of high or moderate impact"
    return Plot("genes", title, bars(title, rows), ("Gene", "Variants"), rows)
