"""Under which names a contig is known, and the accession it is named by in HGVS.

An alias holds only where the length agrees: hg19's chrM (16,571 bp) is not rCRS. Accessions and
lengths are those of the Genome Reference Consortium's assemblies as NCBI lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RCRS_LENGTH: Final = 16569

_GRCH37_LENGTHS: Final = (
    249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022,
    141213431, 135534747, 135006516, 133851895, 115169878, 107349540, 102531392, 90354753,
    81195210, 78077248, 59128983, 63025520, 48129895, 51304566, 155270560, 59373566,
)  # fmt: skip
_GRCH38_LENGTHS: Final = (
    248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636,
    138394717, 133797422, 135086622, 133275309, 114364328, 107043718, 101991189, 90338345,
    83257441, 80373285, 58617616, 64444167, 46709983, 50818468, 156040895, 57227415,
)  # fmt: skip
_GRCH37_VERSIONS: Final = (
    10, 11, 11, 11, 9, 11, 13, 10, 11, 10, 9, 11, 10, 8, 9, 9, 10, 9, 9, 10, 8, 10, 10, 9,
)  # fmt: skip
_GRCH38_VERSIONS: Final = (
    11, 12, 12, 12, 10, 12, 14, 11, 12, 11, 10, 12, 11, 9, 10, 10, 11, 10, 10, 11, 9, 11, 11, 10,
)  # fmt: skip
_NAMES: Final = (*(str(n) for n in range(1, 23)), "X", "Y")
_MITOCHONDRION: Final = ("MT", "M", "chrM", "chrMT")


@dataclass(frozen=True, slots=True)
class KnownContig:
    """One contig of a public assembly."""

    assembly: str
    name: str
    length: int
    refseq: str
    genbank: str


def _known() -> tuple[KnownContig, ...]:
    contigs = []
    for assembly, lengths, versions, genbank in (
        ("GRCh37", _GRCH37_LENGTHS, _GRCH37_VERSIONS, 1),
        ("GRCh38", _GRCH38_LENGTHS, _GRCH38_VERSIONS, 2),
    ):
        for number, name in enumerate(_NAMES):
            refseq = f"NC_{number + 1:06d}.{versions[number]}"
            accession = f"CM{663 + number:06d}.{genbank}"
            contigs.append(KnownContig(assembly, name, lengths[number], refseq, accession))
        contigs.append(KnownContig(assembly, "MT", RCRS_LENGTH, "NC_012920.1", "J01415.2"))
    return tuple(contigs)


KNOWN_CONTIGS: Final = _known()


def spellings(name: str) -> tuple[str, ...]:
    """The ways of writing one contig's name that differ only in `chr`, M and MT."""
    bare = name.removeprefix("chr")
    if name in _MITOCHONDRION:
        return _MITOCHONDRION
    if bare in _NAMES:
        return (bare, f"chr{bare}")
    return (name,)


def find_known(name: str, length: int) -> KnownContig | None:
    """The public contig that goes by this name (in any spelling) and has this length."""
    for contig in KNOWN_CONTIGS:
        names = (*spellings(contig.name), contig.refseq, contig.genbank)
        if contig.length == length and name in names:
            return contig
    return None


def contig_aliases(name: str, length: int, declared: tuple[str, ...]) -> tuple[str, ...]:
    """Every name of a contig, its own first. declared: what the gene file says of it."""
    known = find_known(name, length)
    names = [name, *declared]
    if known is not None:
        names += [*spellings(known.name), known.refseq, known.genbank]
    elif name not in _MITOCHONDRION:  # a mitochondrion of another length is another sequence
        names += spellings(name)
    return tuple(dict.fromkeys(names))


def hgvs_accession(name: str, length: int, declared: tuple[str, ...]) -> str:
    """The accession that g. and m. names begin with; the contig's own name where none is known."""
    known = find_known(name, length)
    if known is not None:
        return known.refseq
    for alias in (name, *declared):
        if alias.startswith(("NC_", "NT_", "NW_")) and "." in alias:
            return alias
    return name
