"""The contigs of a reference and the names they answer to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Contig:
    """One sequence. offset: where it begins in sequence.bin; md5: of its upper-case letters.

    codon_table: NCBI number of the genetic code. accession: what g. and m. names begin with.
    """

    name: str
    length: int
    md5: str
    offset: int
    codon_table: int
    accession: str
    is_mitochondrial: bool
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Contigs:
    """All contigs, in the reference's order."""

    all: tuple[Contig, ...]
    _by_name: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_name: dict[str, int] = {}
        for index, contig in enumerate(self.all):
            for alias in contig.aliases:
                by_name.setdefault(alias, index)
        for index, contig in enumerate(self.all):
            by_name[contig.name] = index  # its own name before another's alias
        object.__setattr__(self, "_by_name", by_name)

    def find(self, name: str, length: int | None = None) -> int:
        """Index of the contig, -1 where the name is unknown or the given length is another."""
        index = self._by_name.get(name, -1)
        if index >= 0 and length is not None and self.all[index].length != length:
            return -1
        return index

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Contig]:
        return iter(self.all)

    def __getitem__(self, index: int) -> Contig:
        return self.all[index]
