from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from annotations.variants.elsewhere import links_for

BRAF: dict[str, Any] = {
    "contig": "chr7",
    "pos": 140753336,
    "ref": "A",
    "alt": "T",
    "id": None,
    "gene_symbol": "BRAF",
    "hgvsc": "ENST00000646891.2:c.1799T>A",
    "hgvsp": "ENSP00000493543:p.Val600Glu",
}


def _links(assembly: str = "GRCh38", **changes: Any) -> dict[str, str]:
    return {link.name: unquote(link.href) for link in links_for(BRAF | changes, assembly)}


def test_each_database_is_asked_for_the_place_in_its_own_way():
    assert _links() == {
        "ClinVar": "https://www.ncbi.nlm.nih.gov/clinvar/?term=7[chr] AND 140753336[chrpos38]",
        "gnomAD": "https://gnomad.broadinstitute.org/variant/7-140753336-A-T?dataset=gnomad_r4",
        "dbSNP": "https://www.ncbi.nlm.nih.gov/snp/?term=7[CHR] AND 140753336[POSITION]",
        "UCSC": "https://genome.ucsc.edu/cgi-bin/hgTracks?db=hg38&position=chr7:140753311-140753361",
        "Ensembl": "https://www.ensembl.org/Homo_sapiens/Location/View?r=7:140753311-140753361",
        "DECIPHER": "https://www.deciphergenomics.org/sequence-variant/7-140753336-A-T",
        "PubMed": 'https://pubmed.ncbi.nlm.nih.gov/?term=BRAF AND ("p.Val600Glu" OR "c.1799T>A")',
    }


def test_identifiers_that_are_known_lead_straight_there():
    found = _links(id="x;rs113488022", clinvar_id="13961")
    assert found["dbSNP"] == "https://www.ncbi.nlm.nih.gov/snp/rs113488022"
    assert found["ClinVar"] == "https://www.ncbi.nlm.nih.gov/clinvar/variation/13961/"
    assert _links(dbsnp_id="rs1&rs2")["dbSNP"].endswith("/snp/rs1")


def test_the_older_assembly_has_its_own_addresses():
    found = _links("GRCh37", contig="7")
    assert found["gnomAD"].endswith("7-140753336-A-T?dataset=gnomad_r2_1")
    assert "grch37.ensembl.org" in found["Ensembl"]
    assert "db=hg19" in found["UCSC"]
    assert "[chrpos37]" in found["ClinVar"]
    assert "DECIPHER" not in found


def test_the_mitochondrion_is_spelt_as_each_database_spells_it():
    found = _links(contig="MT", pos=11778)
    assert "position=chrM:" in found["UCSC"]
    assert "r=MT:" in found["Ensembl"]
    assert found["gnomAD"].startswith("https://gnomad.broadinstitute.org/variant/M-11778-")
    assert "term=MT[chr]" in found["ClinVar"]


@pytest.mark.parametrize("alt", ["<DEL>", "A" * 60, "]chr2:5]A"])
def test_an_allele_that_cannot_be_spelt_has_links_to_its_place_only(alt: str):
    assert list(_links(alt=alt)) == ["ClinVar", "dbSNP", "UCSC", "Ensembl", "PubMed"]


@pytest.mark.parametrize(("assembly", "contig"), [("ASM985889v3", "NC_045512.2"), ("GRCh38", "chrUn_KI270302v1")])
def test_what_the_databases_do_not_know_has_no_links(assembly: str, contig: str):
    assert _links(assembly, contig=contig) == {}
