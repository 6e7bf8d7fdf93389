"""The same genes as Ensembl and GENCODE write them in GTF, made from Ensembl's GFF3.

What is different there: the stop codon stands beside the CDS, versions are attributes (Ensembl) or
part of the name (GENCODE), each tag is an attribute of its own, and nothing has a parent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True)
class Line:
    """A GFF3 row; first, last: 1-based, inclusive."""

    contig: str
    source: str
    kind: str
    first: int
    last: int
    strand: str
    phase: str
    attributes: dict[str, str]


def read_gff3(lines: Iterable[str]) -> list[Line]:
    """The rows of a GFF3."""
    found = []
    for line in lines:
        if not line.startswith("#"):
            cells = line.rstrip("\n").split("\t")
            attributes = dict(item.split("=", 1) for item in cells[8].split(";"))
            contig, source, kind = cells[:3]
            found.append(Line(contig, source, kind, int(cells[3]), int(cells[4]), cells[6], cells[7], attributes))
    return found


def gtf_lines(
    rows: list[Line], sequence: str, style: str, stops: set[str], is_wanted: Callable[[Line], bool]
) -> Iterator[str]:
    """GTF of the transcripts that are wanted; style: ensembl or gencode; sequence: the contig's, upper case."""
    named = {row.attributes["ID"]: row for row in rows if "ID" in row.attributes and row.kind != "CDS"}
    parts: dict[str, list[Line]] = defaultdict(list)
    for row in rows:
        if row.kind in {"exon", "CDS"}:
            parts[row.attributes["Parent"]].append(row)
    for transcript in filter(is_wanted, named.values()):
        gene = named.get(transcript.attributes.get("Parent", ""))
        if gene is not None:
            of_it = sorted(parts[transcript.attributes["ID"]], key=lambda row: row.first)
            yield from _transcript(gene, transcript, of_it, _Style(style, sequence, stops))


@dataclass(frozen=True)
class _Style:
    name: str
    sequence: str
    stops: set[str]


def _transcript(gene: Line, transcript: Line, parts: list[Line], style: _Style) -> Iterator[str]:
    common = _attributes(gene, transcript, style.name)
    yield _line(transcript, "transcript", transcript.first, transcript.last, common)
    yield from (_line(row, "exon", row.first, row.last, common) for row in parts if row.kind == "exon")
    coding = [row for row in parts if row.kind == "CDS"]
    if coding:
        yield from _coding(coding, common + _protein(coding[0], style.name), style)


def _coding(coding: list[Line], attributes: str, style: _Style) -> Iterator[str]:
    """CDS without a stop codon, and the stop codon, which may lie on two exons."""
    left = 3 if _ends_in_a_stop(coding, style) else 0
    forward = coding[0].strand == "+"
    for row in reversed(coding) if forward else coding:
        cut = min(left, row.last - row.first + 1)
        left -= cut
        first, last = (row.first, row.last - cut) if forward else (row.first + cut, row.last)
        if first <= last:
            yield _line(row, "CDS", first, last, attributes)
        if cut:
            first, last = (row.last - cut + 1, row.last) if forward else (row.first, row.first + cut - 1)
            yield _line(row, "stop_codon", first, last, attributes)


def _ends_in_a_stop(coding: list[Line], style: _Style) -> bool:
    bases = "".join(style.sequence[row.first - 1 : row.last] for row in coding)
    leading = coding[0] if coding[0].strand == "+" else coding[-1]
    whole = (len(bases) - int(leading.phase)) % 3 == 0
    last = bases[-3:] if coding[0].strand == "+" else bases[:3].translate(_COMPLEMENT)[::-1]
    return whole and last in style.stops


def _attributes(gene: Line, transcript: Line, style: str) -> str:
    names = [("gene", gene), ("transcript", transcript)]
    pairs = []
    for kind, row in names:
        name, version = row.attributes[f"{kind}_id"], row.attributes["version"]
        if style == "gencode":
            pairs.append((f"{kind}_id", f"{name}.{version}"))
        else:
            pairs += [(f"{kind}_id", name), (f"{kind}_version", version)]
    if "Name" in gene.attributes:
        pairs.append(("gene_name", gene.attributes["Name"]))
    suffix = "type" if style == "gencode" else "biotype"
    pairs += [(f"{kind}_{suffix}", row.attributes["biotype"]) for kind, row in names]
    pairs += [("tag", tag) for tag in transcript.attributes.get("tag", "").split(",") if tag]
    if "ccdsid" in transcript.attributes:
        pairs += [("tag", "CCDS"), ("ccds_id", transcript.attributes["ccdsid"])]
    return "".join(f' {key} "{value}";' for key, value in pairs)


def _protein(cds: Line, style: str) -> str:
    name, version = cds.attributes["protein_id"], cds.attributes.get("version", "")
    if style == "gencode" or not version:
        return f' protein_id "{name}.{version}";' if version else f' protein_id "{name}";'
    return f' protein_id "{name}"; protein_version "{version}";'


def _line(row: Line, kind: str, first: int, last: int, attributes: str) -> str:
    phase = row.phase if kind in {"CDS", "stop_codon"} else "."
    cells = (row.contig, row.source, kind, first, last, ".", row.strand, phase, attributes.strip())
    return "\t".join(str(cell) for cell in cells)
