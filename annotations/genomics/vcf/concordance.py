"""Which assembly a file is on, proved by comparing its REF alleles with reference sequences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.load import Reference, load_reference
from annotations.genomics.reference.manifest import FILE_NAME
from annotations.genomics.vcf.alleles import LETTER_SETS

MISMATCH_LIMIT: Final = 0.01
"""Share of REF alleles that may differ before the file is taken to be on another assembly."""
ENOUGH: Final = 20
"""REF alleles that must have been compared before a percentage says anything of another reference."""
_CODE_SET: Final = (1, 2, 4, 8, 15)  # base code of a reference -> bases it may be


@dataclass(frozen=True, slots=True)
class Place:
    """One record's REF. contig: as CHROM has it; pos: 1-based."""

    contig: str
    pos: int
    ref: str


@dataclass(frozen=True, slots=True)
class Concordance:
    """How many REF alleles were compared with a reference, and how many agreed."""

    reference: str
    assembly: str
    compared: int
    agreed: int

    @property
    def percent(self) -> float:
        """Share that agreed, 0 to 100, rounded down to a tenth: 99.95 is not 100."""
        return int(1000 * self.agreed / self.compared) / 10 if self.compared else 0.0

    @property
    def is_proof(self) -> bool:
        """Enough was compared, and all but the share that may differ agreed."""
        return self.compared >= ENOUGH and self.agreed > (1 - MISMATCH_LIMIT) * self.compared


def agrees(reference: Reference, contig: int, place: Place) -> bool:
    """REF is what the reference has there; N and other unknown bases agree with all."""
    start = place.pos - 1
    codes = reference.sequence(contig)[max(start, 0) : start + len(place.ref)]
    if start < 0 or len(codes) < len(place.ref):
        return False
    sets = (int(LETTER_SETS[ord(letter) & 0xFF]) for letter in place.ref)
    return all(letters & _CODE_SET[code] for letters, code in zip(sets, codes.tolist(), strict=True))


def compare_places(places: Iterable[Place], lengths: Mapping[str, int], reference: Reference) -> Concordance:
    """Compare where the reference has the contig. lengths: as the file declares them."""
    compared = agreed = 0
    for place in places:
        contig = reference.contigs.find(place.contig, lengths.get(place.contig))
        if contig >= 0 and place.ref and place.pos > 0:  # 0 is a telomere
            compared += 1
            agreed += agrees(reference, contig, place)
    return Concordance(reference.name, reference.assembly, compared, agreed)


def compare_installed(places: Sequence[Place], lengths: Mapping[str, int], folder: Path) -> tuple[Concordance, ...]:
    """One for each reference under folder, best first; what cannot be opened is left out."""
    found = []
    for manifest in sorted(folder.glob(f"[!.]*/{FILE_NAME}")):
        try:
            reference = load_reference(manifest.parent)
        except (AnnotationError, OSError, ValueError):
            continue
        found.append(compare_places(places, lengths, reference))
        reference.release_pages()
    return tuple(sorted(found, key=lambda one: (-one.percent, -one.compared, one.reference)))


def describe(found: Iterable[Concordance]) -> str:
    """ "GRCh38 99.9 %, GRCh37 68 %": what was compared, best first."""
    return ", ".join(f"{one.assembly} ({one.reference}) {one.percent:g} %" for one in found if one.compared)


def wrong_assembly(chosen: Reference, hint: str, hint_line: str, found: Sequence[Concordance]) -> AnnotationError:
    """REF differs too often. found: of all installed references, best first."""
    own = f"REF agrees with the reference {chosen.name} ({chosen.assembly}) too seldom"
    compared = describe(found)
    sentence = f"The file is on another assembly: {own}" + (f" [{compared}]" if compared else "")
    proved = next((one for one in found if one.is_proof and one.reference != chosen.name), None)
    if proved is not None:
        sentence += f"; choose the reference {proved.reference} ({proved.assembly})."
    elif hint and hint != chosen.assembly:
        sentence += f"; its header says {hint} ({hint_line[:60]}): {_advice(hint, chosen.assembly)}"
    else:
        sentence += "; choose the reference it was called on, or lift the file over to this one."
    return AnnotationError("wrong_assembly", sentence, field="REF", value=hint or None)


def unknown_contigs(chosen: Reference, names: Sequence[str], hint: str, hint_line: str) -> AnnotationError:
    """No record lies on a contig of the reference."""
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    held = ", ".join(contig.name for contig in list(chosen.contigs)[:5]) + (", ..." if len(chosen.contigs) > 5 else "")
    sentence = f"The reference {chosen.name} ({chosen.assembly}) holds {held}; the file has only {shown}"
    if hint and hint != chosen.assembly:
        sentence += f" and is on the assembly {hint} ({hint_line[:60]}): {_advice(hint, chosen.assembly)}"
    else:
        sentence += (
            " (a name counts only where the length agrees): choose a reference that holds them, or have one installed."
        )
    return AnnotationError("unknown_contigs", sentence, field="CHROM", value=names[0] if names else None)


def _advice(hint: str, assembly: str) -> str:
    if hint == "NCBI36":
        return f"nobody supports NCBI36 any more; lift the file over to {assembly}, or call the variants on it."
    return f"choose a reference of {hint}, or lift the file over to {assembly}."
