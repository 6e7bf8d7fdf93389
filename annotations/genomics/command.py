"""The command line: `reference build | list`, `annotate`, `check-source`, `preflight`, `warm`.

Exit code 0: done; 2: the input cannot be annotated, or the command is wrong: one sentence on
stderr, and no output left behind.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TextIO

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.load import references_folder
from annotations.genomics.request import Progress, Receipt, Request

REFUSED: Final = 2


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m annotations.genomics", description="Annotates VCF files.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_annotate_arguments(commands.add_parser("annotate", help="annotate a VCF"))
    add_reference_arguments(commands.add_parser("reference", help="build or list references"))
    add_source_arguments(commands.add_parser("check-source", help="whether a file can be a source"))
    add_preflight_arguments(commands.add_parser("preflight", help="what a file is, before it is annotated"))
    commands.add_parser("warm", help="compile everything, so that nobody waits for it later")
    options = parser.parse_args(arguments)
    return run_command(options)


def run_command(options: argparse.Namespace) -> int:
    """Run what was parsed; the exit code."""
    try:
        COMMANDS[options.command](options)
    except AnnotationError as error:
        if getattr(options, "failure", None):
            _write_failure(options.failure, error)
        print(error.message, file=sys.stderr)  # noqa: T201
        return REFUSED
    return 0


def add_annotate_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `annotate`."""
    parser.add_argument("input", type=Path, metavar="INPUT", help="a VCF: plain, gzip or BGZF")
    parser.add_argument("--reference", required=True, metavar="NAME", help="a built reference")
    parser.add_argument("--output", type=Path, required=True, metavar="OUT.vcf.gz", help="the annotated VCF (BGZF)")
    parser.add_argument("--tsv", type=Path, metavar="F", help="one row for each allele and transcript")
    parser.add_argument("--parquet", type=Path, metavar="F", help="the same rows, typed, for DuckDB and others")
    parser.add_argument("--summary", type=Path, metavar="F.json", help="counts and the receipt")
    parser.add_argument("--skipped", type=Path, metavar="F.tsv", help="the records that were not annotated, and why")
    parser.add_argument("--threads", type=_positive, default=1, metavar="N", help="default 1; never changes a byte")
    parser.add_argument("--overwrite", action="store_true", help="replace the CSQ of an earlier annotation")
    parser.add_argument("--fill-ids", action="store_true", help="an empty ID becomes what sources call the allele")
    parser.add_argument(
        "--use-source", action="append", metavar="KEY", help="only these of the reference's sources; may be repeated"
    )
    parser.add_argument(
        "--own-source", action="append", default=[], type=_source, metavar="LAB=F", help="a VCF or BED of your own"
    )
    parser.add_argument("--no-sources", action="store_true", help="none of the reference's sources")
    parser.add_argument("--progress", type=Path, metavar="F", help="append a JSON line about once a second")
    parser.add_argument("--failure", type=Path, metavar="F.json", help="on exit 2: code, sentence, line, field, value")


def add_reference_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `reference`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the references that are installed")
    for action, words in (("show", "what a reference is made of"), ("remove", "delete a reference; results stay")):
        actions.add_parser(action, help=words).add_argument("name", metavar="NAME")
    verify = actions.add_parser("verify", help="read references whole and compare them with their manifests")
    verify.add_argument("name", nargs="*", metavar="NAME", help="default: all")
    add_install_arguments(actions.add_parser("install", help="download a public assembly and build it"))
    build = actions.add_parser("build", help="compile a reference from sequence and genes")
    build.add_argument("name", metavar="NAME")
    build.add_argument("--assembly", required=True, metavar="GRCh38")
    build.add_argument("--fasta", type=Path, action="append", required=True, metavar="F", help="may be repeated")
    build.add_argument("--genes", type=Path, action="append", required=True, metavar="G", help="GFF3 or GTF; repeated")
    build.add_argument(
        "--codon-table", action="append", default=[], type=_codon_table, metavar="CONTIG=N", help="such as chrM=2"
    )
    build.add_argument(
        "--source",
        action="append",
        default=[],
        type=_source,
        metavar="KEY=F",
        help="what is known elsewhere: a shipped source or a TOML file of your own, and its data; may be repeated",
    )
    build.add_argument(
        "--callable",
        action="append",
        default=[],
        type=_source,
        metavar="KEY=F.bed",
        help="what the source could have seen, so that it says not_seen or not_covered of what it lacks",
    )


def add_install_arguments(install: argparse.ArgumentParser) -> None:
    """The arguments of `reference install`."""
    install.add_argument("assembly", metavar="GRCh38|GRCh37")
    install.add_argument("--transcripts", default="ensembl", choices=("ensembl", "refseq", "mane"))
    install.add_argument("--sources", nargs="*", default=[], metavar="KEY", help="such as clinvar dbsnp cytobands")
    install.add_argument("--name", help="default: the assembly, and the transcripts where they are not Ensembl's")
    install.add_argument("--addresses", type=Path, metavar="F.toml", help="a mirror's or a lab's own addresses")


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `check-source`."""
    parser.add_argument("input", type=Path, metavar="FILE", help="a VCF or a BED file with names")
    parser.add_argument("--key", required=True, metavar="LAB", help="what its keys begin with")
    parser.add_argument("--reference", required=True, metavar="NAME")
    parser.add_argument("--report", type=Path, metavar="F.json", help="kind, keys and counts")
    parser.add_argument("--failure", type=Path, metavar="F.json", help="on exit 2: code, sentence, line, field, value")


def add_preflight_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `preflight`."""
    parser.add_argument("input", type=Path, metavar="INPUT")
    parser.add_argument("--reference", metavar="NAME", help="judge it for this one; default: the one it agrees with")
    parser.add_argument("--json", action="store_true", help="everything that was found")
    parser.add_argument(
        "--ask", action="store_true", help="INPUT is a size; parts are asked for on stdout and come on stdin"
    )


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError("must be from 1 to 256")
    return number


def _codon_table(text: str) -> tuple[str, int]:
    contig, _, number = text.partition("=")
    if not contig or not number.isdigit():
        raise argparse.ArgumentTypeError("must be CONTIG=NUMBER, such as chrM=2")
    return contig, int(number)


def _source(text: str) -> tuple[str, Path]:
    key, _, path = text.partition("=")
    if not key or not path:
        raise argparse.ArgumentTypeError("must be KEY=FILE, such as mitomap_disease=F.vcf.gz")
    return key, Path(path)


def _annotate(options: argparse.Namespace) -> None:
    from annotations.genomics.pipeline import annotate

    request = Request(
        input=options.input,
        reference=find_reference(options.reference),
        output=options.output,
        tsv=options.tsv,
        parquet=options.parquet,
        summary=options.summary,
        skipped=options.skipped,
        threads=options.threads,
        is_overwriting=options.overwrite,
        fills_ids=options.fill_ids,
        own_sources=tuple(options.own_source),
        sources=() if options.no_sources else options.use_source and tuple(options.use_source),
    )
    if not request.input.is_file():
        raise AnnotationError("no_input", f"There is no file {request.input}.")
    if options.progress is None:
        receipt = annotate(request)
    else:
        with options.progress.open("a", encoding="utf-8") as stream:
            receipt = annotate(request, _progress_to(stream))
    print(describe_receipt(receipt))  # noqa: T201


def _check_source(options: argparse.Namespace) -> None:
    from annotations.genomics.reference.load import load_reference
    from annotations.genomics.sources.own import check

    reference = load_reference(find_reference(options.reference))
    with TemporaryDirectory(dir=options.report.parent if options.report else None) as folder:
        found = check(options.key, options.input, reference, Path(folder))
    text = json.dumps(found, indent=1)
    if options.report:
        options.report.write_text(text + "\n", encoding="utf-8")
    print(text)  # noqa: T201


def _preflight(options: argparse.Namespace) -> None:
    from annotations.genomics.vcf.asked import AskedFile
    from annotations.genomics.vcf.preflight import Verdict, describe_preflight, preflight

    if options.ask:
        asked = AskedFile(int(str(options.input)), sys.stdin.buffer, sys.stdout.buffer)
        asked.answer(preflight(asked, references_folder(), chosen=options.reference).as_json())
        return
    found = preflight(options.input, references_folder(), chosen=options.reference)
    if options.json:
        print(json.dumps(found.as_json(), indent=1))  # noqa: T201
        return
    if found.verdict is Verdict.REFUSE:
        raise AnnotationError(found.code, found.sentence)
    print(describe_preflight(found))  # noqa: T201


def _progress_to(stream: TextIO) -> Progress:
    def report(records: int, bytes_read: int, bytes_total: int) -> None:
        line = {"records": records, "bytes_read": bytes_read, "bytes_total": bytes_total}
        stream.write(json.dumps(line) + "\n")
        stream.flush()

    return report


def describe_receipt(receipt: Receipt) -> str:
    """The receipt in lines for a person."""
    lines = [
        f"{receipt.records:,} records = {receipt.annotated:,} annotated "
        f"+ {sum(receipt.skipped.values()):,} skipped; {receipt.alleles:,} alleles, {receipt.pairs:,} rows"
    ]
    lines += [f"  skipped {count:,}: {code}" for code, count in receipt.skipped.items()]
    lines += [f"  carried {count:,} alleles without annotation: {name}" for name, count in receipt.carried.items()]
    if receipt.phased_codons:
        lines.append(
            f"  {receipt.phased_codons:,} pairs of alleles lie in one codon of one haplotype: each is described "
            "by itself, and what they do together is not (the summary names them)"
        )
    if not receipt.is_sorted:
        lines.append("  not sorted, so there is no index")
    return "\n".join(lines)


def find_reference(name: str) -> Path:
    """Folder of an installed reference. Raises AnnotationError(reference_missing)."""
    folder = references_folder()
    installed = installed_references()
    if name not in installed:
        known = ", ".join(installed) or "none"
        raise AnnotationError("reference_missing", f"There is no reference {name!r} in {folder}; installed: {known}.")
    return folder / name


def installed_references() -> list[str]:
    """Names of the references that are installed."""
    return sorted(path.parent.name for path in references_folder().glob("[!.]*/manifest.json"))


def _reference(options: argparse.Namespace) -> None:
    from annotations.genomics.reference import installed

    folder = references_folder()
    match options.action:
        case "list":
            lines = [installed.describe_line(folder / name) for name in installed_references()]
        case "show":
            lines = installed.describe(find_reference(options.name))
        case "verify":
            lines = [installed.verify(find_reference(name)) for name in options.name or installed_references()]
        case "remove":
            lines = [installed.remove(find_reference(options.name))]
        case "install":
            lines = [str(_install(options))]
        case _:
            lines = [str(build_reference(_build_inputs(options), folder))]
    for line in lines:
        print(line)  # noqa: T201


def _build_inputs(options: argparse.Namespace) -> BuildInputs:
    return BuildInputs(
        options.name, options.assembly, options.fasta, options.genes, dict(options.codon_table),
        options.source, options.callable,
    )  # fmt: skip


def _install(options: argparse.Namespace) -> Path:
    from annotations.genomics.reference.install import ADDRESSES, Wish, install

    addresses = options.addresses or ADDRESSES / f"{options.assembly}.toml"
    if not addresses.is_file():
        known = ", ".join(sorted(path.stem for path in ADDRESSES.glob("*.toml")))
        raise AnnotationError("assembly_unknown", f"No addresses are known for {options.assembly!r}; known: {known}.")
    wish = Wish(addresses, options.transcripts, tuple(dict.fromkeys(options.sources)), options.name or "")
    return install(wish, references_folder(), sys.stderr)


def _write_failure(path: Path, error: AnnotationError) -> None:
    report = {
        "code": error.code,
        "sentence": error.message,
        "line": error.line,
        "field": error.field,
        "value": error.value,
    }
    path.write_text(json.dumps(report) + "\n", encoding="utf-8")


def _warm(_options: argparse.Namespace) -> None:
    from annotations.genomics.warm import warm

    warm()


COMMANDS: Final = {
    "annotate": _annotate,
    "reference": _reference,
    "check-source": _check_source,
    "preflight": _preflight,
    "warm": _warm,
}
