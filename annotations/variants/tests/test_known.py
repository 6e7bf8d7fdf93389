from __future__ import annotations

from annotations.variants.known import Fact, facts_of, not_looked_up, undescribed_facts

DESCRIBED = [
    {
        "key": "gnomad_exomes",
        "version": "4.1",
        "declaration": {
            "title": "gnomAD",
            "kind": "exact",
            "status": "GNOMAD_E_STATUS",
            "fields": [{"key": "GNOMAD_E_AF", "description": "Allele frequency"}],
        },
    },
    {
        "key": "cytobands",
        "version": "hg38",
        "declaration": {"title": "Bands", "kind": "overlap", "home": "https://a", "fields": [{"key": "CYTOBAND"}]},
    },
]


def test_a_source_says_its_values_and_their_meaning():
    gnomad, bands = facts_of({"gnomad_e_af": 0.000123456, "cytoband": "p13.2"}, DESCRIBED)
    assert gnomad.facts == [Fact("GNOMAD_E_AF", "Allele frequency", "0.0001235")]
    assert (bands.title, bands.version, bands.how, bands.home) == ("Bands", "hg38", "by place", "https://a")
    assert not gnomad.silence


def test_silence_has_three_meanings():
    said = [
        facts_of({"gnomad_e_af": None, "gnomad_e_status": state}, DESCRIBED)[0].silence
        for state in ("not_seen", "not_covered", None)
    ]
    assert "was not seen" in said[0]
    assert "not covered, so nothing is known" in said[1]
    assert said[2] == "Looked up: says nothing of this variant."


def test_well_known_sources_that_are_missing_are_named():
    assert not_looked_up(["gnomad_constraint", "dbsnp"], "GRCh38") == ["ClinVar", "gnomAD's frequencies"]
    assert not_looked_up(["clinvar", "gnomad_joint", "dbsnp"], "GRCh38") == []
    assert not_looked_up([], "ASM985889v3") == []


def test_without_the_manifest_values_are_named_by_their_keys():
    allele = {"pos": 1, "hgvs_offset": None, "kgp_af": 0.5, "cytoband": None}
    assert undescribed_facts(allele) == [Fact("KGP_AF", "", "0.5")]
