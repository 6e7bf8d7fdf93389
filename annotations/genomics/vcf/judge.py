"""What must hold of a file as a whole: enough of it on the reference, and in no place too much."""

from __future__ import annotations

from typing import Final

import numpy as np

from annotations.genomics.reference.load import Reference
from annotations.genomics.vcf.concordance import (
    MISMATCH_LIMIT,
    Place,
    compare_installed,
    unknown_contigs,
    wrong_assembly,
)
from annotations.genomics.vcf.header import Header
from annotations.genomics.vcf.limits import Limits
from annotations.genomics.vcf.order import RecordOrder
from annotations.genomics.vcf.records import POS, REF, Int64s, Records
from annotations.genomics.vcf.skips import SKIP_REASONS, Skip

PLACES: Final = 1000
_EARLY: Final = 2000
_EARLY_SHARE: Final = 0.1
_REF_LETTERS: Final = 200  # of a REF that are kept for comparing with other references


class InputJudge:
    """Follows the records in the file's order and raises AnnotationError where they will not do."""

    def __init__(self, reference: Reference, header: Header, limits: Limits) -> None:
        self.records = 0
        self._reference = reference
        self._header = header
        self._order = RecordOrder(limits)
        self._skips: Int64s = np.zeros(max(Skip) + 1, np.int64)
        self._places: list[Place] = []
        self._names: dict[str, None] = {}

    def follow(self, records: Records) -> None:
        """Raises position_flood, or wrong_assembly as soon as that is beyond doubt."""
        self._order.follow(records)
        self._skips += np.bincount(records.skip, minlength=self._skips.size)
        self.records += len(records)
        for raw in records.names[:PLACES]:
            if len(self._names) < PLACES:
                self._names[raw.decode()] = None
        self._keep_places(records)
        if self.ref_compared >= _EARLY and self.ref_mismatches > _EARLY_SHARE * self.ref_compared:
            self._refuse()

    def _keep_places(self, records: Records) -> None:
        for index in range(min(len(records), PLACES - len(self._places))):
            place = Place(
                records.names[records.name[index]].decode(),
                int(records.field(index, POS)),
                records.field(index, REF)[:_REF_LETTERS],
            )
            self._places.append(place)

    @property
    def is_sorted(self) -> bool:
        """So far contigs stood together and POS never fell."""
        return self._order.is_sorted

    @property
    def annotated(self) -> int:
        """Records without a reason to skip them."""
        return int(self._skips[Skip.NONE])

    @property
    def skipped(self) -> dict[str, int]:
        """Records by reason, the frequent first."""
        counts = {reason.code: int(self._skips[skip]) for skip, reason in SKIP_REASONS.items() if self._skips[skip]}
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    @property
    def ref_mismatches(self) -> int:
        """Records whose REF is not what the reference has there, or that lie beyond a contig's end."""
        return int(self._skips[Skip.REF_MISMATCH] + self._skips[Skip.OUTSIDE_CONTIG])

    @property
    def ref_compared(self) -> int:
        """Records whose REF could be compared."""
        apart = (Skip.UNKNOWN_CONTIG, Skip.REF_INVALID, Skip.TELOMERE)
        return self.records - sum(int(self._skips[skip]) for skip in apart)

    def conclude(self) -> None:
        """After the last record. Raises unknown_contigs or wrong_assembly."""
        if self.records and self._skips[Skip.UNKNOWN_CONTIG] == self.records:
            header = self._header
            raise unknown_contigs(self._reference, list(self._names), header.assembly_hint, header.hint_line)
        if self.ref_mismatches >= MISMATCH_LIMIT * self.ref_compared and self.ref_mismatches:
            self._refuse()

    def _refuse(self) -> None:
        found = compare_installed(self._places, self._header.contig_lengths, self._reference.folder.parent)
        raise wrong_assembly(self._reference, self._header.assembly_hint, self._header.hint_line, found)
