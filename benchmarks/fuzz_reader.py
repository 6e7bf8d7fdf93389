"""`python -m benchmarks.fuzz_reader [--minutes 10]`: broken files through the whole annotator.

Takes good VCFs apart and puts them together wrongly: bytes changed, doubled, dropped, fields
swapped, blocks cut. Every file must be annotated with a receipt that adds up, or refused with one
sentence and nothing left behind. Anything else is written to benchmarks/work/fuzz and reported.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from annotations.genomics.errors import AnnotationError
from annotations.genomics.pipeline import annotate
from annotations.genomics.request import Request
from annotations.genomics.tests.made import build_mitochondrion, pack_bgzf, vcf_text
from annotations.genomics.vcf.preflight import preflight

FOUND = Path(__file__).parent / "work" / "fuzz"
SEEDS = [
    "MT\t3243\trs1\tA\tG\t50.5\tPASS\tAF=0.1;DP=7",
    "MT\t100\t.\tG\tA,GT,<DEL>,*\t.\t.\tEND=140;SVLEN=-40,1,2",
    "MT\t3107\t.\tN\t<NON_REF>\t.\tq10;s50\tEND=3200",
    "chrM\t8993\t.\tT\tG]MT:9000]\t.\t.\t.",
    "MT\t5000\t.\tTCC\tT\t.\t.\tCSQ=old;AC=1;AN=2",
    "MT\t16569\t.\tG\tGAAAA\t1e-5\t.\tAF=1e-7,2",
]
PIECES = [b"\t", b"\n", b"\r\n", b"\0", b",", b";", b"=", b"<", b">", b"[", b".", b"*", b"#", b"END=", b"SVLEN=-",
          b"9" * 12, b"\xff", "é".encode(), b"<DEL>", b"CSQ=", b"-1", b"N" * 300, b"\x1f\x8b", b" "]  # fmt: skip


def spoil(data: bytes, dice: random.Random) -> bytes:
    """A few random changes."""
    for _ in range(dice.choice((0, 1, 1, 2, 5, 20))):
        at = dice.randrange(len(data) + 1)
        to = min(len(data), at + dice.choice((1, 1, 3, 40)))
        kind = dice.randrange(5)
        if kind == 0:
            data = data[:at] + dice.choice(PIECES) + data[at:]
        elif kind == 1:
            data = data[:at] + data[to:]
        elif kind == 2:
            data = data[:at] + data[at:to] * dice.choice((2, 50)) + data[to:]
        elif kind == 3:
            data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
        else:
            lines = data.split(b"\n")
            dice.shuffle(lines)
            data = b"\n".join(lines)
    return data or b"#"


def make_case(dice: random.Random) -> bytes:
    """One broken file."""
    version = dice.choice(("4.0", "4.2", "4.4", "4.5"))
    text = vcf_text(dice.choices(SEEDS, k=dice.randrange(1, 12)), version=version).encode()
    text = spoil(text, dice)
    if dice.random() < 0.3:
        return spoil(pack_bgzf(text, dice.choice((40, 1000, 60_000))), dice) if dice.random() < 0.5 else pack_bgzf(text)
    return text


def try_case(data: bytes, reference: Path, folder: Path) -> str:
    """What came of it; raises where that is wrong."""
    path, out = folder / "input", folder / "out"
    path.write_bytes(data)
    out.mkdir()
    files: dict[str, Any] = {name: out / name for name in ("tsv", "parquet", "summary", "skipped")}
    try:
        request = Request(
            path, reference, out / "out.vcf.gz", is_overwriting=len(data) % 2 == 0, chunk_records=3, **files
        )
        receipt = annotate(request)
    except AnnotationError as error:
        if list(out.iterdir()) or "\n" in error.message or not error.message.strip().endswith("."):
            raise RuntimeError(f"refused badly: {error.message!r}") from None
        preflight(path, reference.parent)
        return error.code
    if receipt.records != receipt.annotated + sum(receipt.skipped.values()):
        raise RuntimeError("the receipt does not add up")
    preflight(path, reference.parent)
    return "annotated"


def main() -> int:
    """Run until the time is up; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="gas-fuzz-") as name:
        reference = build_mitochondrion(Path(name) / "references")
        until = time.monotonic() + 60 * options.minutes
        while time.monotonic() < until:
            data = make_case(dice)
            with tempfile.TemporaryDirectory(dir=name) as folder:
                try:
                    outcomes[try_case(data, reference, Path(folder))] += 1
                except Exception:
                    traceback.print_exc()
                    FOUND.mkdir(parents=True, exist_ok=True)
                    (FOUND / f"{options.seed}-{outcomes.total()}.vcf").write_bytes(data)
                    outcomes["WRONG"] += 1
    print(f"seed {options.seed}: {outcomes.total():,} files")
    for code, count in outcomes.most_common():
        print(f"  {count:7,} {code}")
    return 1 if outcomes["WRONG"] else 0


if __name__ == "__main__":
    sys.exit(main())
