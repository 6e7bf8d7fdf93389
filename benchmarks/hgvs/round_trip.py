"""Parses names with biocommons hgvs and puts the c. names back on the genome.

Nothing of the annotator is imported: exons come from the gene file, letters from the FASTA.
"""

from __future__ import annotations

import csv
import gzip
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import hgvs.parser  # type: ignore[import-not-found]
import pysam
from hgvs.exceptions import HGVSParseError  # type: ignore[import-not-found]

GIVEN = Path(__file__).resolve().parents[2] / "reference"
MARGIN = 11_000
COMPLEMENT = str.maketrans("ACGT", "TGCA")
NEIGHBOURS = re.compile(r"p\.(?:[A-Z][a-z]{2}){2,}\d+=")


class Transcript:
    """Exons and CDS of one transcript, 1-based and closed as the gene file has them."""

    def __init__(self) -> None:
        self.exons: list[tuple[int, int]] = []
        self.cds: list[tuple[int, int]] = []
        self.strand = 1

    def prepare(self) -> None:
        """places: genome positions of the spliced bases in the transcript's order."""
        self.places = [p for start, end in sorted(self.exons) for p in range(start, end + 1)]
        if self.strand < 0:
            self.places.reverse()
        first = min(s for s, _ in self.cds) if self.strand > 0 else max(e for _, e in self.cds)
        last = max(e for _, e in self.cds) if self.strand > 0 else min(s for s, _ in self.cds)
        self.cds_first, self.cds_last = self.places.index(first), self.places.index(last)

    def project(self, position: Any) -> int:
        """A parsed c. position -> the genome's position."""
        behind = str(position.datum).endswith("CDS_END")
        index = self.cds_last + position.base if behind else self.cds_first + position.base
        if not behind and position.base > 0:
            index -= 1
        return int(self.places[index] + position.offset * self.strand)


def read_transcripts(wanted: set[str]) -> dict[str, Transcript]:
    found: dict[str, Transcript] = defaultdict(Transcript)
    names = {name.split(".")[0] for name in wanted}
    with gzip.open(GIVEN / "GRCh38.chr19.ensembl113.gff3.gz", "rt") as stream:
        for line in stream:
            columns = line.rstrip("\n").split("\t")
            if len(columns) == 9 and columns[2] in ("exon", "CDS"):
                name = columns[8].partition("Parent=transcript:")[2].partition(";")[0]
                if name in names:
                    transcript = found[name]
                    spans = transcript.exons if columns[2] == "exon" else transcript.cds
                    spans.append((int(columns[3]), int(columns[4])))
                    transcript.strand = -1 if columns[6] == "-" else 1
    for transcript in found.values():
        transcript.prepare()
    return found


def apply_name(variant: Any, transcript: Transcript, letters: str, low: int) -> str:
    """The haplotype that a parsed c. name describes. letters: the genome from position `low` on."""
    first, last = sorted(transcript.project(place) for place in (variant.posedit.pos.start, variant.posedit.pos.end))
    edit = variant.posedit.edit
    alt = getattr(edit, "alt", None) or ""
    alt = alt if transcript.strand > 0 else alt.translate(COMPLEMENT)[::-1]
    old = letters[first - low : last - low + 1]
    if edit.type == "ins":
        return letters[: first - low + 1] + alt + letters[last - low :]
    if edit.type == "dup":
        alt = old + old
    elif edit.type == "inv":
        alt = old.translate(COMPLEMENT)[::-1]
    return letters[: first - low] + alt + letters[last - low + 1 :]


def main() -> int:
    with open(sys.argv[1], newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    parser = hgvs.parser.Parser()
    fasta = pysam.FastaFile(str(GIVEN / "GRCh38.chr19.fa.gz"))
    transcripts = read_transcripts({row["transcript"] for row in rows})
    counts: dict[str, int] = defaultdict(int)
    wrong = []
    for row in rows:
        counts["alleles"] += 1
        if row["HGVSp"]:
            kind = "p. of neighbours" if NEIGHBOURS.search(row["HGVSp"]) else "p."
            counts[f"{kind} names"] += 1
            counts[f"{kind} parsed"] += parses(parser, row["HGVSp"])
        if not row["HGVSc"]:
            continue
        counts["c. names"] += 1
        try:
            variant = parser.parse_hgvs_variant(row["HGVSc"])
        except HGVSParseError:
            wrong.append(row["HGVSc"])
            continue
        counts["c. parsed"] += 1
        pos, ref = int(row["pos"]), row["ref"]
        low = pos - MARGIN
        letters = fasta.fetch(row["contig"], low - 1, pos + MARGIN).upper()
        expected = letters[:MARGIN] + row["alt"] + letters[MARGIN + len(ref) :]
        if apply_name(variant, transcripts[row["transcript"].split(".")[0]], letters, low) == expected:
            counts["c. back"] += 1
        else:
            wrong.append(f"{row['HGVSc']} of {row['contig']}:{pos}:{ref}:{row['alt']}")
    for name, count in counts.items():
        print(f"{name}: {count}")
    print("\n".join(wrong[:20]))
    return 1 if wrong else 0


def parses(parser: Any, name: str) -> bool:
    try:
        parser.parse_hgvs_variant(name)
    except HGVSParseError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
