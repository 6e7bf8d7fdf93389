"""The header of a VCF: what the annotator must know of it, and the header of its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from annotations.genomics.errors import AnnotationError
from annotations.genomics.vcf.limits import Limits

KNOWN_VERSIONS: Final = ("4.0", "4.1", "4.2", "4.3", "4.4", "4.5")
_COLUMNS: Final = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_FILEFORMAT: Final = re.compile(r"##fileformat=(?:VCFv)?(\S+?)\s*")
_STRUCTURED: Final = re.compile(r"##(\w+)=<(.*)>\s*")
_CONTIG_ID: Final = re.compile(r"(?:^|,)ID=([^,]+)")
_CONTIG_LENGTH: Final = re.compile(r"(?:^|,)length=\"?(\d{1,10})\"?(?:,|$)")
_ASSEMBLY_NAMES: Final = (
    ("NCBI36", re.compile(r"ncbi[\s_.-]?36|(?<![a-z0-9])hg18(?!\d)|(?<![a-z])b36(?!\d)|build[\s_.-]?36", re.I)),
    ("GRCh37", re.compile(r"(grch|ncbi)[\s_.-]?37|(?<![a-z0-9])hg19(?!\d)|(?<![a-z])b37(?!\d)|hs37d5|g1k_v37", re.I)),
    ("GRCh38", re.compile(r"(grch|ncbi)[\s_.-]?38|(?<![a-z0-9])hg38(?!\d)|(?<![a-z])b38(?!\d)|hs38d", re.I)),
    ("T2T-CHM13", re.compile(r"chm13|(?<![a-z0-9])hs1(?!\d)", re.I)),
)  # fmt: skip
_ASSEMBLY_KEYS: Final = ("reference", "assembly", "contig", "source")


@dataclass(frozen=True, slots=True)
class Header:
    """lines: without line ends, ##fileformat first and #CHROM last.

    version: "4.2". columns: of the #CHROM line. contig_lengths: declared, by name.
    contig_names: declared, with or without a length. assembly_hint: the assembly that the header
    names, "" where it names none or several; hint_line: where it does.
    """

    lines: tuple[str, ...]
    version: str
    columns: int
    samples: tuple[str, ...]
    contig_names: tuple[str, ...]
    contig_lengths: dict[str, int]
    assembly_hint: str
    hint_line: str

    @property
    def is_svlen_first(self) -> bool:
        """VCF 4.4 and later: SVLEN, not END, says how far a symbolic allele reaches."""
        return self.version in {"4.4", "4.5"}

    def has_info(self, key: str) -> bool:
        """There is an ##INFO line of this ID."""
        return any(_info_id(line) == key for line in self.lines)


def parse_header(raw: bytes, limits: Limits) -> Header:
    """raw: all lines that begin with '#'. Raises AnnotationError naming the line."""
    if len(raw) > limits.header_bytes or raw.count(b"\n") > limits.header_lines:
        raise header_too_long(limits)
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise AnnotationError(
            "not_utf8", f"Line {line} (header) is not valid UTF-8: save the file as UTF-8.", line=line
        ) from None
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    _check_characters(lines)
    hint, hint_line = find_assembly(lines)
    version = _read_version(lines[0], hint)
    samples = _read_columns(lines, limits)
    names, lengths = _read_contigs(lines)
    columns = len(lines[-1].split("\t"))
    return Header(tuple(lines), version, columns, samples, names, lengths, hint, hint_line)


def header_too_long(limits: Limits) -> AnnotationError:
    """The header is beyond limits.header_bytes or limits.header_lines."""
    return AnnotationError(
        "header_too_long",
        f"The header is longer than {limits.header_bytes >> 20} MB or {limits.header_lines:,} lines; "
        "remove what the records do not use.",
    )


def _check_characters(lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        for character in line:
            if character < " " and character != "\t":
                raise AnnotationError(
                    "control_character",
                    f"Line {number} (header) holds the control character 0x{ord(character):02X}.",
                    line=number,
                    value=f"0x{ord(character):02X}",
                )


def _read_version(line: str, hint: str) -> str:
    found = _FILEFORMAT.fullmatch(line)
    if not found:
        raise AnnotationError(
            "no_fileformat",
            "The file does not begin with ##fileformat=VCFv4.x: it is not a VCF, or its header is missing; "
            "add the header (bcftools reheader) or send the file as its caller wrote it.",
            line=1,
            value=line[:40],
        )
    version = found.group(1)
    if version not in KNOWN_VERSIONS:
        assembly = f", and it is on {hint}" if hint == "NCBI36" else ""
        raise AnnotationError(
            "version",
            f"The file is VCF {version[:20]}{assembly}; we read VCF 4.0 to 4.5: convert it (vcf-convert), "
            "or call the variants anew with a current tool on a current assembly.",
            line=1,
            field="fileformat",
            value=version[:40],
        )
    return version


def _read_columns(lines: list[str], limits: Limits) -> tuple[str, ...]:
    number, line = len(lines), lines[-1]
    columns = line.split("\t")
    if tuple(columns[:8]) != _COLUMNS:
        if line.startswith("#CHROM") and tuple(line.split()[:8]) == _COLUMNS:
            sentence = f"Line {number}: the columns of #CHROM are separated by blanks; they need tabs."
        else:
            sentence = (
                f"Line {number}: the header has no line '#CHROM POS ID REF ALT QUAL FILTER INFO' (with tabs) "
                "before the first record."
            )
        raise AnnotationError("no_column_line", sentence, line=number, field="#CHROM", value=line[:40])
    if len(columns) > 8 and columns[8] != "FORMAT":
        raise AnnotationError(
            "no_column_line",
            f"Line {number}: column 9 is called {columns[8][:40]!r}; before samples it must be FORMAT.",
            line=number,
            field="FORMAT",
            value=columns[8][:40],
        )
    samples = tuple(columns[9:])
    if len(samples) > limits.samples:
        raise AnnotationError(
            "too_many_samples",
            f"The file has {len(samples):,} samples; we read up to {limits.samples:,}: "
            "send the sites only (bcftools view -G), genotypes are not needed to annotate.",
            line=number,
        )
    if len(set(samples)) != len(samples):
        twice = next(name for index, name in enumerate(samples) if name in set(samples[:index]))
        raise AnnotationError(
            "duplicate_sample",
            f"Line {number}: the sample {twice[:40]!r} is named twice; rename one (bcftools reheader -s).",
            line=number,
            value=twice[:40],
        )
    return samples


def _read_contigs(lines: list[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    names: dict[str, None] = {}
    lengths: dict[str, int] = {}
    for line in lines:
        found = _STRUCTURED.fullmatch(line) if line.startswith("##contig=") else None
        name = _CONTIG_ID.search(found.group(2)) if found else None
        if found and name:
            names[name.group(1)] = None
            if length := _CONTIG_LENGTH.search(found.group(2)):
                lengths[name.group(1)] = int(length.group(1))
    return tuple(names), lengths


def find_assembly(lines: list[str]) -> tuple[str, str]:
    """The one assembly that ##reference, ##assembly, ##contig or ##source name, and that line."""
    found: dict[str, str] = {}
    for line in lines:
        key = line[2:].split("=", 1)[0]
        if key.lower() in _ASSEMBLY_KEYS or key.startswith("GATKCommandLine"):
            for assembly, pattern in _ASSEMBLY_NAMES:
                if pattern.search(line):
                    found.setdefault(assembly, line)
    return next(iter(found.items())) if len(found) == 1 else ("", "")


def _info_id(line: str) -> str:
    return line.removeprefix("##INFO=<ID=").split(",", 1)[0].rstrip(">") if line.startswith("##INFO=<ID=") else ""


def annotated_header(header: Header, added: tuple[str, ...], replaced: frozenset[str]) -> bytes:
    """The answer's header: the input's lines as they were, less ##INFO of `replaced`, plus `added`.

    added: whole lines without line ends, put before #CHROM.
    """
    kept = [line for line in header.lines[:-1] if _info_id(line) not in replaced]
    return ("\n".join([*kept, *added, header.lines[-1]]) + "\n").encode()
