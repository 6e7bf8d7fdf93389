"""What a file is and whether it can be annotated, from parts of it: before it is queued."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy as np

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.load import Reference, load_reference
from annotations.genomics.vcf.concordance import (
    ENOUGH,
    Concordance,
    Place,
    compare_installed,
    describe,
    unknown_contigs,
    wrong_assembly,
)
from annotations.genomics.vcf.containers import Openable, size_of
from annotations.genomics.vcf.header import Header
from annotations.genomics.vcf.limits import DEFAULT_LIMITS
from annotations.genomics.vcf.order import RecordOrder
from annotations.genomics.vcf.parse import Chunk, Parser
from annotations.genomics.vcf.reader import VcfReader
from annotations.genomics.vcf.records import ALT, POS, REF, Records
from annotations.genomics.vcf.sampling import check_end, read_parts
from annotations.genomics.vcf.skips import SKIP_REASONS, Skip

PLACES: Final = 1000
_FIRST_RECORDS: Final = 2000
_SMALL: Final = 4 << 20
_SMALL_UNPACKED: Final = 64 << 20
"""Up to these sizes a file is read whole."""
_FEW: Final = 0.5  # share of records on unknown contigs from which its owner is asked
_PER_SECOND: Final = 40_000
"""Records a second that one thread of a modest machine annotates, all outputs included."""
_START_SECONDS: Final = 1.0
_LINE: Final = re.compile(r"\bLine [\d,]+")
_SHOWN_CONTIGS: Final = 100


class Verdict(Enum):
    """OK: annotate it. ASK: let its owner confirm. REFUSE: it would fail."""

    OK = "ok"
    ASK = "ask"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found; fields that could not be read keep their defaults.

    sentence: why it is asked or refused, and what to do. code: of the AnnotationError behind it.
    reference: the installed one that it was judged for. concordances: best first. naming: "chr",
    "plain", "accession", "mixed". estimated_*: from the parts that were read; is_complete: the
    parts are the whole file. skipped: share of the records read, 0 to 1, by reason.
    """

    verdict: Verdict
    code: str = ""
    sentence: str = ""
    bytes: int = 0
    packing: str = ""
    version: str = ""
    samples: int = 0
    contigs: tuple[str, ...] = ()
    naming: str = ""
    assembly_named: str = ""
    reference: str = ""
    concordances: tuple[Concordance, ...] = ()
    is_sorted: bool = True
    is_gvcf: bool = False
    structural: bool = False
    is_annotated: bool = False
    records_read: int = 0
    is_complete: bool = False
    estimated_records: int = 0
    estimated_seconds: float = 0.0
    skipped: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the percentage of each concordance."""
        concordances = [{**asdict(one), "percent": one.percent} for one in self.concordances]
        return {**asdict(self), "verdict": self.verdict.value, "concordances": concordances}


def preflight(path: Openable, references: Path, chosen: str | None = None) -> Preflight:
    """Judge a file for the installed reference `chosen`, or the one it agrees with best."""
    with path.open("rb") as stream:
        found = Preflight(Verdict.OK, bytes=size_of(stream))
    try:
        return _Look(path, references, chosen).judge(found)
    except AnnotationError as error:
        return replace(found, verdict=Verdict.REFUSE, code=error.code, sentence=error.message)


def _read_start(reader: VcfReader) -> tuple[list[Chunk], bool]:
    """The first chunk, or all of a small file; and whether that is all there is."""
    is_small = reader.packed.bytes_total <= _SMALL
    chunks: list[Chunk] = []
    for chunk in reader.chunks(_FIRST_RECORDS):
        if chunks and not (is_small and reader.packed.unpacked <= _SMALL_UNPACKED):
            return chunks, False
        chunks.append(chunk)
    return chunks, True


class _Seen:
    """What the records of all parts are, part after part: those of a small file can be a million."""

    def __init__(self) -> None:
        self.records = 0
        self.skips = np.zeros(len(Skip), np.int64)
        self.names: dict[bytes, None] = {}
        self.order = RecordOrder(DEFAULT_LIMITS)
        self.is_gvcf = False
        self.structural = False

    def follow(self, records: Records) -> None:
        """Raises position_flood."""
        self.order.follow(records)
        self.records += len(records)
        self.skips += np.bincount(records.skip, minlength=len(Skip))
        self.names |= dict.fromkeys(records.names)
        alts = _alts(records)
        self.is_gvcf |= b"<NON_REF>" in alts or b"<*>" in alts
        self.structural |= bool(re.search(rb"<(DEL|DUP|INV|INS|CNV)[:>]|[\[\]]", alts))


class _Look:
    """One look at a file."""

    def __init__(self, path: Openable, references: Path, chosen: str | None) -> None:
        self._path = path
        self._references = references
        self._chosen = chosen

    def judge(self, found: Preflight) -> Preflight:
        with VcfReader(self._path, DEFAULT_LIMITS) as reader:
            header, packed = reader.header, reader.packed
            chunks, is_complete = _read_start(reader)
            parts = [] if is_complete else list(read_parts(self._path, packed.container, packed.bytes_read))
            chunks += [Chunk(number, 0, part.data) for number, part in enumerate(parts, 1)]
            packed_bytes = sum(part.packed_bytes for part in parts) or packed.bytes_read - packed.held
            unpacked_bytes = sum(len(part.data) for part in parts) or packed.unpacked
            found = replace(
                found,
                packing=packed.container.value,
                version=header.version,
                samples=len(header.samples),
                assembly_named=header.assembly_hint,
                is_annotated=header.has_info("CSQ") or header.has_info("ANN"),
                is_complete=is_complete,
            )
            share = packed_bytes / max(unpacked_bytes, 1)
        try:
            check_end(self._path, packed.container, header.columns)
            return self._judge_records(found, header, chunks, share)
        except AnnotationError as error:
            return replace(found, verdict=Verdict.REFUSE, code=error.code, sentence=error.message)

    def _judge_records(self, found: Preflight, header: Header, chunks: Sequence[Chunk], share: float) -> Preflight:
        places = list(_places_of(chunks, header))
        concordances = compare_installed(places, header.contig_lengths, self._references)
        reference = self._pick_reference(concordances)
        seen = _Seen()
        for chunk in chunks:
            seen.follow(_parse(chunk, header, reference))
        read, skips = seen.records, seen.skips
        unpacked = sum(len(chunk.data) for chunk in chunks)
        estimated = read if found.is_complete else int(found.bytes / max(share * unpacked / max(read, 1), 1e-9))
        names = tuple(name.decode() for name in seen.names)
        found = replace(
            found,
            reference=reference.name,
            concordances=concordances,
            contigs=(names or header.contig_names)[:_SHOWN_CONTIGS],
            naming=naming_style(names or header.contig_names),
            is_sorted=seen.order.is_sorted,
            is_gvcf=seen.is_gvcf,
            structural=seen.structural,
            records_read=read,
            estimated_records=estimated,
            estimated_seconds=round(_START_SECONDS + estimated / _PER_SECOND, 1),
            skipped={
                SKIP_REASONS[skip].code: round(int(skips[skip]) / read, 4) for skip in SKIP_REASONS if skips[skip]
            },
        )
        if read and skips[Skip.UNKNOWN_CONTIG] == read:
            error = unknown_contigs(reference, found.contigs, header.assembly_hint, header.hint_line)
            return replace(found, verdict=Verdict.REFUSE, code=error.code, sentence=error.message)
        return _conclude(found, header, reference, read == 0 or skips[Skip.NONE] > 0)

    def _pick_reference(self, concordances: Sequence[Concordance]) -> Reference:
        name = self._chosen or (concordances[0].reference if concordances else "")
        if not any(one.reference == name for one in concordances):
            raise AnnotationError("reference_missing", "No such reference is installed; build or choose another.")
        return load_reference(self._references / name)


def _conclude(found: Preflight, header: Header, reference: Reference, is_worth_it: bool) -> Preflight:
    """The verdict on a file that lies on the reference, from what was found. is_worth_it: a record can be annotated."""
    own = next(one for one in found.concordances if one.reference == reference.name)
    if own.compared and not own.is_proof and own.agreed < own.compared:
        mismatch = wrong_assembly(reference, header.assembly_hint, header.hint_line, found.concordances)
        verdict = Verdict.REFUSE if own.compared >= ENOUGH else Verdict.ASK
        return replace(found, verdict=verdict, code=mismatch.code, sentence=mismatch.message)
    if found.is_annotated:
        sentence = "The file has CSQ or ANN of an earlier annotation already; confirm that CSQ is to be replaced."
        return replace(found, verdict=Verdict.ASK, code="annotated_before", sentence=sentence)
    if header.assembly_hint and header.assembly_hint != reference.assembly and own.compared:
        sentence = (
            f"The header says {header.assembly_hint} ({header.hint_line[:60]}), but REF agrees with "
            f"{describe([own])}; confirm that {reference.name} is the right reference."
        )
        return replace(found, verdict=Verdict.ASK, code="header_disagrees", sentence=sentence)
    if not is_worth_it:
        reasons = ", ".join(
            f"{share:.0%}: {reason.reason}"
            for reason in SKIP_REASONS.values()
            if (share := found.skipped.get(reason.code, 0.0))
        )
        sentence = f"None of the records looked at would be annotated ({reasons}): confirm that this is the right file."
        return replace(found, verdict=Verdict.ASK, code="nothing_to_annotate", sentence=sentence)
    absent = found.skipped.get(SKIP_REASONS[Skip.UNKNOWN_CONTIG].code, 0.0)
    if absent > _FEW:
        sentence = (
            f"{absent:.0%} of the records looked at lie on contigs that {reference.name} does not hold and "
            "will be skipped: confirm that this is the right reference."
        )
        return replace(found, verdict=Verdict.ASK, code="few_on_reference", sentence=sentence)
    return found


def _parse(chunk: Chunk, header: Header, reference: Reference) -> Records:
    parser = Parser(reference, DEFAULT_LIMITS, header.columns, header.is_svlen_first, header.contig_lengths)
    try:
        return parser.parse(chunk)[0]
    except AnnotationError as error:
        if chunk.first_line:
            raise
        raise AnnotationError(error.code, _LINE.sub("A line in the middle of the file", error.message)) from None


def _places_of(chunks: Sequence[Chunk], header: Header) -> Iterable[Place]:
    """Up to PLACES records' REF, evenly from all chunks; what is no record is left to the parser."""
    each = max(PLACES // max(len(chunks), 1), 1)
    for chunk in chunks:
        lines = chunk.data.split(b"\n", 4 * each)[: 4 * each]
        for line in lines[:: max(len(lines) // each, 1)]:
            fields = line.split(b"\t", ALT + 1)
            if len(fields) > ALT and len(fields[POS]) <= 10 and fields[POS].isdigit() and fields[REF].isalpha():
                yield Place(
                    fields[0].decode("utf-8", "replace"), int(fields[POS]), fields[REF][:200].decode("ascii", "replace")
                )


def _alts(records: Records) -> bytes:
    """The ALT fields of a few hundred records."""
    return b"\n".join(
        records.text[records.fields[i, ALT] : records.fields[i, ALT + 1] - 1].tobytes()
        for i in range(0, len(records), max(len(records) // 500, 1))
    )


def naming_style(names: Sequence[str]) -> str:
    """How contigs are called: "chr", "plain" (1, X, MT), "accession", "mixed", "" for none."""
    styles = Counter(
        "chr" if name.startswith("chr") else "accession" if re.match(r"[A-Z]{1,2}_?\d{5,}\.\d", name) else "plain"
        for name in names
    )
    return "" if not styles else styles.most_common(1)[0][0] if len(styles) == 1 else "mixed"


def describe_preflight(found: Preflight) -> str:
    """What was found, for a person."""
    lines = [
        f"VCF {found.version}, {found.packing}, {found.samples} samples, about {found.estimated_records:,} records",
        f"contigs: {', '.join(found.contigs[:10])} ({found.naming})",
        f"REF agrees with: {describe(found.concordances) or 'no installed reference'}",
        f"{'sorted' if found.is_sorted else 'not sorted'}{', gVCF' if found.is_gvcf else ''}"
        f"{', structural alleles' if found.structural else ''}",
        *(f"will be skipped: {share:.1%} {code}" for code, share in found.skipped.items()),
        f"{found.verdict.value}{': ' if found.sentence else ''}{found.sentence}",
    ]
    return "\n".join(lines)
