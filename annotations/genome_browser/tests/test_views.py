from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from annotations.explorer.tests.made import allele, table, transcript
from annotations.genome_browser.views import first_place
from annotations.models import Output
from annotations.tests.people import MakeDone

VIRUS = "/references/virus"


@pytest.fixture
def fasta() -> str:
    lines = (Path(settings.BASE_DIR) / "reference" / "NC_045512.2.fa").read_text().splitlines()
    return "".join(lines[1:])


@pytest.mark.usefixtures("virus_reference")
def test_a_base_is_found_by_the_index_as_in_any_fasta(browser: Client, fasta: str):
    name, length, offset, in_line, _ = browser.get(f"{VIRUS}/sequence.fa.fai").content.decode().split("\t")
    assert (name, int(length), in_line) == ("NC_045512.2", len(fasta), length)
    start, stop = int(offset) + 21562, int(offset) + 21565
    part = browser.get(f"{VIRUS}/sequence.fa", headers={"Range": f"bytes={start}-{stop - 1}"})
    assert part.status_code == 206
    assert part.getvalue().decode() == fasta[21562:21565] == "ATG"  # the spike begins here


@pytest.mark.usefixtures("virus_reference")
def test_genes_of_a_stretch_come_with_their_exons_and_coding_part(browser: Client):
    answer = browser.get(f"{VIRUS}/genes.json?contig=NC_045512.2&start=21600&end=21700").json()
    assert [(gene["name"], gene["start"], gene["end"], gene["strand"]) for gene in answer] == [("S", 21562, 25384, "+")]
    assert answer[0]["exons"] == [{"start": 21562, "end": 25384}]
    assert (answer[0]["cdStart"], answer[0]["cdEnd"]) == (21562, 25384)


@pytest.mark.usefixtures("virus_reference")
@pytest.mark.parametrize(
    ("query", "status"),
    [("contig=NC_045512.2", 400), ("contig=NC_045512.2&start=x&end=1", 400), ("contig=chr99&start=0&end=1", 404)],
)
def test_genes_of_nowhere_are_refused(browser: Client, query: str, status: int):
    assert browser.get(f"{VIRUS}/genes.json?{query}").status_code == status


@pytest.mark.parametrize("file", ["sequence.fa", "sequence.fa.fai", "aliases.tsv", "bands.tsv", "genes.json"])
def test_only_installed_references_are_read(browser: Client, file: str):
    assert browser.get(f"/references/..%2Fsecrets/{file}").status_code == 404
    assert browser.get(f"/references/missing/{file}").status_code == 404


def test_a_part_of_the_result_is_read_by_its_range(browser: Client, make_done: MakeDone):
    job = make_done({})
    part = browser.get(f"/jobs/{job.pk}/genome/vcf", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.getvalue()) == (206, b"result"[2:5])
    assert browser.get(f"/jobs/{job.pk}/genome/tsv").status_code == 404


@pytest.mark.usefixtures("virus_reference")
def test_the_page_says_what_to_read_and_without_the_files_says_so(browser: Client, make_done: MakeDone):
    job = make_done({})
    away = browser.get(f"/jobs/{job.pk}/genome/", follow=True)
    assert "needs the annotated VCF at hand" in away.content.decode()
    vcf = Output.objects.get(result__job=job)
    index = {"kind": "vcf_index", "storage_key": vcf.storage_key, "file_name": "a.tbi", "sha256": "0" * 64}
    Output.objects.create(result=vcf.result, size_bytes=6, **index)
    page = browser.get(f"/jobs/{job.pk}/genome/?locus=</script>").content.decode()
    assert f'"vcf": "/jobs/{job.pk}/genome/vcf"' in page
    assert '"sequence": "/references/virus/sequence.fa"' in page
    assert re.search(r'"locus": "\\u003C/script\\u003E"', page)


def test_the_page_opens_where_the_first_variant_of_high_impact_lies(person, make_result):
    alleles = [
        allele("chr1", 500, "A", "G", transcript("missense_variant", "TP53")),
        allele("chr1", 900, "A", "G", transcript("intron_variant", "WDR5"), transcript("stop_gained", "TP53")),
        allele("chr19", 30, "A", "G", transcript("stop_gained", "RYR1")),
    ]
    assert first_place(make_result(person, table(alleles)).job) == "chr1:840-960"
    assert first_place(make_result(person, table(alleles[:1])).job) == "chr1:440-560"
    assert first_place(make_result(person, table([])).job) == ""
