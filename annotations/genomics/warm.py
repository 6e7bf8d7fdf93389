"""Compiles every loop of the annotator, by annotating a handful of records on a reference made for it.

numba compiles a function at its first call for the types it is called with. The way here is the way
of every other run, from FASTA to Parquet, so the types are the same and all of it is in the cache.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from annotations.genomics.pipeline import annotate
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.request import Request
from annotations.genomics.vcf.preflight import preflight

_SEQUENCE: Final = "ACGTTGCAAC" * 40
_GENES: Final = "\n".join(
    "\t".join(("1", "warm", kind, start, end, ".", "+", phase, attributes))
    for kind, start, end, phase, attributes in (
        ("gene", "51", "300", ".", "ID=gene:G1;Name=G1;biotype=protein_coding;gene_id=G1"),
        ("mRNA", "51", "300", ".", "ID=transcript:T1;Parent=gene:G1;biotype=protein_coding;transcript_id=T1;version=1"),
        ("exon", "51", "150", ".", "Parent=transcript:T1"),
        ("exon", "201", "300", ".", "Parent=transcript:T1"),
        ("CDS", "61", "150", "0", "ID=CDS:P1;Parent=transcript:T1;protein_id=P1"),
        ("CDS", "201", "260", "0", "ID=CDS:P1;Parent=transcript:T1;protein_id=P1"),
    )
)
_RECORDS: Final = "\n".join(
    (
        "1\t71\t.\tA\tG\t50\tPASS\tAF=0.1",
        "1\t81\t.\tAC\tA\t.\t.\t.",
        "1\t82\t.\tC\tCTT,.\t.\t.\t.",
        "1\t120\t.\tC\t<DEL>\t.\t.\tEND=140",
        "2\t1\t.\tA\tG\t.\t.\t.",
    )
)


_SOURCES: Final = {
    "exact": (
        'kind = "exact"\nstatus = "WARM_STATUS"',
        "##fileformat=VCFv4.2\n"
        '##INFO=<ID=V,Number=A,Type=Float,Description="made">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n1\t71\trs1\tA\tG\t.\t.\tV=0.5\n",
    ),
    "overlap": ('kind = "overlap"\ncolumns = ["contig", "start", "end", "V"]', "1\t60\t90\t0.5\n"),
    "score": (
        'kind = "score"\nlicence = "made"\ncolumns = ["contig", "pos", "ref", "alt", "gene_id", "V"]\njoin = "gene_id"',
        "1\t71\tA\tG\tG1\t0.5\n",
    ),
    "gene": ('kind = "gene"\ncolumns = ["gene_id", "V"]\njoin = "gene_id"', "G1\t0.5\n"),
}


def _write_sources(folder: Path) -> list[tuple[str, Path]]:
    """A source of each kind."""
    given = []
    for name, (kind, data) in _SOURCES.items():
        field = f'[[fields]]\nkey = "WARM_{name.upper()}"\nfrom = "V"\ntype = "Float"\ndescription = "made"\n'
        declaration, file = folder / f"{name}.toml", folder / f"{name}.data"
        declaration.write_text(f'title = "made"\nversion = "1"\n{kind}\n{field}', encoding="ascii")
        file.write_text(data, encoding="ascii")
        given.append((str(declaration), file))
    with (folder / "exact.toml").open("a", encoding="ascii") as stream:
        stream.write(
            '[[fields]]\nkey = "WARM_ID"\nfrom = "ID"\ntype = "String"\nexisting = true\ndescription = "made"\n'
        )
    (folder / "callable.bed").write_text("1\t60\t90\n", encoding="ascii")
    return given


def warm() -> None:
    """Build, annotate, look at a file, throw away."""
    with tempfile.TemporaryDirectory(prefix="gas-warm-") as name:
        folder = Path(name)
        (folder / "sequence.fa").write_text(f">1\n{_SEQUENCE}\n", encoding="ascii")
        (folder / "genes.gff3").write_text(f"##gff-version 3\n{_GENES}\n", encoding="ascii")
        columns = "\t".join(("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "sample"))
        records = _RECORDS.replace("\n", "\tGT\t0|1\n") + "\tGT\t0|1"
        (folder / "input.vcf").write_text(f"##fileformat=VCFv4.2\n{columns}\n{records}\n", encoding="ascii")
        sources = _write_sources(folder)
        callables = [(str(folder / "exact.toml"), folder / "callable.bed")]
        inputs = BuildInputs("warm", "made", [folder / "sequence.fa"], [folder / "genes.gff3"], {}, sources, callables)
        reference = build_reference(inputs, folder)
        annotate(
            Request(
                input=folder / "input.vcf",
                reference=reference,
                output=folder / "output.vcf.gz",
                tsv=folder / "tsv",
                parquet=folder / "parquet",
                summary=folder / "summary",
                skipped=folder / "skipped",
                fills_ids=True,
            )
        )
        preflight(folder / "input.vcf", folder)
