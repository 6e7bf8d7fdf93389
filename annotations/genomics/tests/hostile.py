# ruff: noqa: E501 (one line for each hostile file)
"""Makes files that were built to exhaust memory, disk or patience, or to slip something past."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from annotations.genomics.tests.made import COLUMNS, pack_bgzf, vcf_text

HEAD = f"##fileformat=VCFv4.2\n{COLUMNS}\n".encode()
RECORD = b"MT\t3243\t.\tA\tG\t.\t.\t.\n"


def repeat_packed(head: bytes, piece: bytes, times: int) -> Iterator[bytes]:
    """A gzip file of head and then piece, over and over, never held unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(head)
    for _ in range(times):
        yield packer.compress(piece)
    yield packer.flush()


def write_parts(path: Path, parts: Iterator[bytes]) -> None:
    """Write the parts one after the other."""
    with path.open("wb") as stream:
        for part in parts:
            stream.write(part)


def rising_records(count: int) -> bytes:
    """Records one base apart."""
    return b"".join(b"MT\t%d\t.\tN\t<NON_REF>\t.\t.\t.\n" % (1 + at % 16_000) for at in range(count))


HOSTILE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "nothing_but_zeros": ("control_character", lambda p: write_parts(p, repeat_packed(b"", b"\0" * (1 << 20), 300))),
    "zeros_in_a_record": (
        "line_too_long", lambda p: write_parts(p, repeat_packed(HEAD + RECORD, b"\0" * (1 << 20), 200)),
    ),
    "endless_line": ("line_too_long", lambda p: write_parts(p, repeat_packed(HEAD + RECORD[:-1], b"A" * (1 << 20), 200))),
    "endless_header_line": (
        "header_too_long", lambda p: write_parts(p, repeat_packed(b"##fileformat=VCFv4.2\n##x=", b"x" * (1 << 20), 200)),
    ),
    "records_that_unpack_too_well": (
        "ratio",
        lambda p: write_parts(p, repeat_packed(HEAD, (b"Q\t1\t.\tN\t.\t.\t.\t" + b"A" * 200_000 + b"\n") * 5, 200)),
    ),
    "two_million_at_one_position": (
        "position_flood", lambda p: p.write_bytes(gzip.compress(HEAD + RECORD * 2_000_000)),
    ),
    "a_million_info_definitions": (
        "header_too_long",
        lambda p: p.write_bytes(
            b"##fileformat=VCFv4.2\n"
            + b"".join(b'##INFO=<ID=X%d,Number=1,Type=Integer,Description="">\n' % n for n in range(1_000_000))
            + HEAD.split(b"\n", 1)[1]
        ),
    ),
    "a_million_header_lines": ("header_too_long", lambda p: p.write_bytes(b"##fileformat=VCFv4.2\n" + b"##\n" * 1_000_000)),
    "a_million_alleles": (
        "too_many_alleles", lambda p: p.write_bytes(HEAD + RECORD.replace(b"\tG\t", b"\t" + b"G," * 1_000_000 + b"C\t")),
    ),
    "nul_in_a_field": ("control_character", lambda p: p.write_bytes(HEAD + RECORD.replace(b"3243\t.", b"3243\trs\x00"))),
    "terminal_escape": ("control_character", lambda p: p.write_bytes(HEAD + RECORD.replace(b"\t.\n", b"\t\x1b]0;x\x07\n"))),
    "broken_utf8": ("not_utf8", lambda p: p.write_bytes(HEAD + RECORD.replace(b"\t.\n", b"\tX=\xc3\x28\n"))),
    "overlong_utf8": ("not_utf8", lambda p: p.write_bytes(HEAD + RECORD.replace(b"\t.\n", b"\tX=\xc0\xaf\n"))),
    "path_as_contig": ("contig_name_invalid", lambda p: p.write_bytes(HEAD + RECORD.replace(b"MT", b"../../etc/passwd"))),
    "option_as_contig": ("contig_name_invalid", lambda p: p.write_bytes(HEAD + RECORD.replace(b"MT", b"-o"))),
    "address_as_contig": ("contig_name_invalid", lambda p: p.write_bytes(HEAD + RECORD.replace(b"MT", b"http://127.0.0.1/"))),
    "pos_beyond_32_bits": ("pos_invalid", lambda p: p.write_bytes(HEAD + RECORD.replace(b"3243", b"99999999999999999999"))),
    "cut_off_bgzf": ("truncated", lambda p: p.write_bytes(pack_bgzf(vcf_text([]).encode() + RECORD * 5000)[:-30])),
    "bgzf_that_lies_about_its_size": (
        "damaged", lambda p: p.write_bytes(pack_bgzf(HEAD)[:-32] + b"\xff\xff\xff\xff" + pack_bgzf(HEAD)[-28:]),
    ),
    "no_line_ends": ("header_too_long", lambda p: p.write_bytes(HEAD.replace(b"\n", b" ") + b"A" * 50_000_000)),
}  # fmt: skip
"""name -> (code of the refusal, what writes the file)."""
