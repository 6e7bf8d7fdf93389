"""Where to look further: addresses of public databases. They are plain links; nothing is asked before a click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

_UCSC: Final = {"GRCh38": "hg38", "GRCh37": "hg19"}
_ENSEMBL: Final = {"GRCh38": "www.ensembl.org", "GRCh37": "grch37.ensembl.org"}
_GNOMAD: Final = {"GRCh38": "gnomad_r4", "GRCh37": "gnomad_r2_1"}
_CHROMOSOMES: Final = frozenset([*map(str, range(1, 23)), "X", "Y", "M"])
_LONGEST: Final = 50
"""Longer alleles make no address that these databases would take."""


@dataclass(frozen=True)
class Link:
    """One way out."""

    name: str
    href: str


def links_for(allele: dict[str, Any], assembly: str) -> list[Link]:
    """Addresses for an allele of a human assembly; none for what these databases do not know."""
    bare = str(allele["contig"]).removeprefix("chr").replace("MT", "M")
    if assembly not in _UCSC or bare not in _CHROMOSOMES:
        return []
    pos, ref, alt = int(allele["pos"]), str(allele["ref"]), str(allele["alt"])
    stop = pos + len(ref) - 1
    around = f"{max(pos - 25, 1)}-{stop + 25}"
    is_spelt_out = set(ref + alt) <= set("ACGTNacgtn") and len(ref) + len(alt) <= _LONGEST
    spelt = f"{bare}-{pos}-{ref}-{alt}"
    found = [Link("ClinVar", _clinvar(allele, bare, pos, assembly))]
    if is_spelt_out:
        query = urlencode({"dataset": _GNOMAD[assembly]})
        found.append(Link("gnomAD", f"https://gnomad.broadinstitute.org/variant/{spelt}?{query}"))
    found += [
        Link("dbSNP", _dbsnp(allele, bare, pos, assembly)),
        Link("UCSC", _ucsc(assembly, bare, around)),
        Link("Ensembl", f"https://{_ENSEMBL[assembly]}/Homo_sapiens/Location/View?r={_ncbi(bare)}:{around}"),
    ]
    if is_spelt_out and assembly == "GRCh38" and bare != "M":
        found.append(Link("DECIPHER", f"https://www.deciphergenomics.org/sequence-variant/{spelt}"))
    if allele["gene_symbol"]:
        found.append(Link("PubMed", f"https://pubmed.ncbi.nlm.nih.gov/?term={quote(_literature(allele))}"))
    return found


def _ncbi(bare: str) -> str:
    return "MT" if bare == "M" else bare


def _clinvar(allele: dict[str, Any], bare: str, pos: int, assembly: str) -> str:
    number = str(allele.get("clinvar_id") or "")
    if number.isdigit():
        return f"https://www.ncbi.nlm.nih.gov/clinvar/variation/{number}/"
    field = "chrpos38" if assembly == "GRCh38" else "chrpos37"
    return f"https://www.ncbi.nlm.nih.gov/clinvar/?term={quote(f'{_ncbi(bare)}[chr] AND {pos}[{field}]')}"


def _dbsnp(allele: dict[str, Any], bare: str, pos: int, assembly: str) -> str:
    words = f"{allele.get('dbsnp_id') or ''};{allele['id'] or ''}".replace("&", ";").split(";")
    known = next((word for word in words if word[:2] == "rs" and word[2:].isdigit()), "")
    if known:
        return f"https://www.ncbi.nlm.nih.gov/snp/{known}"
    field = "POSITION" if assembly == "GRCh38" else "POSITION_GRCH37"
    return f"https://www.ncbi.nlm.nih.gov/snp/?term={quote(f'{_ncbi(bare)}[CHR] AND {pos}[{field}]')}"


def _ucsc(assembly: str, bare: str, around: str) -> str:
    query = urlencode({"db": _UCSC[assembly], "position": f"chr{bare}:{around}"})
    return f"https://genome.ucsc.edu/cgi-bin/hgTracks?{query}"


def _literature(allele: dict[str, Any]) -> str:
    """The gene, and any of the variant's names without their accessions."""
    names = [str(allele[key]).rpartition(":")[2] for key in ("hgvsp", "hgvsc") if allele[key]]
    any_name = " OR ".join(f'"{name}"' for name in names)
    return f"{allele['gene_symbol']} AND ({any_name})" if names else str(allele["gene_symbol"])
