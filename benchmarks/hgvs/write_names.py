"""Names random alleles in and around complete coding sequences; a TSV for round_trip.py."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from annotations.genomics.reference import layout
from annotations.genomics.reference.load import Reference, load_reference
from annotations.genomics.variants import Variant, annotate_variants

FLANK = 20
INCOMPLETE = layout.CDS_START_NF | layout.CDS_END_NF


def random_variant(reference: Reference, choice: random.Random, transcripts: list[int]) -> tuple[Variant, int]:
    """An SNV, MNV, deletion, insertion (half of them copies) or delins in an exon or just beside it."""
    number = choice.choice(transcripts)
    row = reference.transcripts[number]
    exon = reference.exons[choice.randrange(row["exon_from"], row["exon_to"])]
    contig = reference.contigs[int(row["contig"])]
    start = choice.randrange(max(int(exon["start"]) - FLANK, 1), int(exon["end"]) + FLANK)
    removed = choice.choice((0, 0, 0, 1, 1, 2, 3, 4, 6, 9))
    letters = "".join("ACGTN"[c] for c in reference.sequence(int(row["contig"]))[start - 1 : start + 40])
    before, gone = letters[0], letters[1 : 1 + removed]
    alt = "".join(choice.choice("ACGT") for _ in range(choice.choice((0, 1, 1, 2, 3, 6))))
    if removed == 0:
        alt = letters[1 : 1 + choice.choice((1, 2, 3, 6))] if choice.random() < 0.5 else alt or "A"
    if alt == gone:
        alt += "T"
    return (contig.name, start, before + gone, before + alt), number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=19)
    args = parser.parse_args()
    reference, choice = load_reference(args.reference), random.Random(args.seed)
    flags = reference.transcripts["flags"]
    complete = [n for n in range(len(flags)) if flags[n] & layout.CODING and not flags[n] & INCOMPLETE
                and reference.contigs[int(reference.transcripts[n]["contig"])].name == "chr19"]  # fmt: skip
    chosen = [random_variant(reference, choice, complete) for _ in range(args.count)]
    answers = annotate_variants(reference, [variant for variant, _ in chosen])
    with args.output.open("w") as out:
        out.write("contig\tpos\tref\talt\ttranscript\tHGVSc\tHGVSp\n")
        for (variant, number), entries in zip(chosen, answers, strict=True):
            name = reference.text_value("transcript_id", number)
            entry = next(entry for entry in entries if entry["Feature"] == name)
            cells = (*map(str, variant), name, entry["HGVSc"], entry["HGVSp"])
            out.write("\t".join(cells).replace("%3D", "=") + "\n")


if __name__ == "__main__":
    main()
