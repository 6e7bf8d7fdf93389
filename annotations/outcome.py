"""What the annotator left on the worker's disk: which files are stored, and what their receipt says."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.conf import settings

from annotations.child import Workspace
from annotations.claims import Finished, StoredOutput
from annotations.models import OutputKind
from annotations.storage import OutputFile

# kind -> (the annotator's file, what replaces the input's ending in the name that users see)
_FILES: dict[OutputKind, tuple[str, str]] = {
    OutputKind.VCF: ("annotated.vcf.gz", ".annotated.vcf.gz"),
    OutputKind.TSV: ("annotated.tsv.gz", ".annotated.tsv.gz"),
    OutputKind.PARQUET: ("annotated.parquet", ".annotated.parquet"),
    OutputKind.SUMMARY: ("summary.json", ".summary.json"),
    OutputKind.RECEIPT: ("skipped.tsv", ".skipped.tsv"),
    OutputKind.LOG: ("log", ".log.txt"),
}
_INDEXES = (".tbi", ".csi")  # one of them, or none where the input was not sorted


def output_files(space: Workspace) -> list[OutputFile]:
    """The files to store. Raises FileNotFoundError when the annotator left one out."""
    files = []
    for kind, (name, ending) in _FILES.items():
        path = space.path(name)
        path.stat()
        files.append(OutputFile(kind, path, ending))
    for suffix in _INDEXES:
        name, ending = _FILES[OutputKind.VCF]
        index = space.path(name + suffix)
        if index.exists():
            files.append(OutputFile(OutputKind.VCF_INDEX, index, ending + suffix))
    return files


class ReceiptError(Exception):
    """Records in are not records annotated and skipped, or the list of skipped ones is not whole: our fault."""


def check_receipt(space: Workspace) -> None:
    """Add up what the annotator says of its records, before anything of it is stored. Raises ReceiptError."""
    records = json.loads(space.path("summary.json").read_text(encoding="utf-8"))["records"]
    with space.path("skipped.tsv").open("rb") as stream:
        listed = sum(line[:1] != b"#" for line in stream)
    if records["total"] != records["annotated"] + records["skipped"] or listed != records["skipped"]:
        raise ReceiptError(
            f"{records['total']} in, {records['annotated']} annotated, {records['skipped']} skipped, {listed} listed"
        )


def read(space: Workspace, outputs: Sequence[StoredOutput]) -> Finished:
    """The stored outputs with the counts of the annotator's summary, and the version that made them."""
    summary = json.loads(space.path("summary.json").read_text(encoding="utf-8"))
    summary["software"] = f"GAS {settings.SITE_VERSION}"
    records = summary["records"]
    return Finished(
        outputs=list(outputs),
        summary=summary,
        records_total=records["total"],
        records_annotated=records["annotated"],
        records_skipped=records["skipped"],
        reference_digest=summary["reference"]["digest"],
    )
