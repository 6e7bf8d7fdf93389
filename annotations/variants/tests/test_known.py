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

QUOTED = [
    {"key": "gnomad_exomes", "title": "gnomAD", "version": "4.1", "alleles": 1},
    {"key": "cytobands", "title": "Bands", "version": "hg38", "alleles": 1},
]


def test_a_source_says_its_values_and_their_meaning():
    gnomad, bands = facts_of({"gnomad_e_af": 0.000123456, "cytoband": "p13.2"}, DESCRIBED, QUOTED)
    assert gnomad.facts == [Fact("GNOMAD_E_AF", "Allele frequency", "0.0001235")]
    assert (bands.title, bands.version, bands.how, bands.home) == ("Bands", "hg38", "by place", "https://a")
    assert not gnomad.silence


def test_silence_has_three_meanings():
    said = [
        facts_of({"gnomad_e_af": None, "gnomad_e_status": state}, DESCRIBED, QUOTED)[0].silence
        for state in ("not_seen", "not_covered", None)
    ]
    assert "was not seen" in said[0]
    assert "not covered, so nothing is known" in said[1]
    assert said[2] == "Looked up: says nothing of this variant."


def test_a_source_that_the_job_left_out_was_not_looked_up():
    (bands,) = facts_of({"gnomad_e_af": None, "cytoband": "p13.2"}, DESCRIBED, QUOTED[1:])
    assert bands.title == "Bands"
    assert facts_of({"cytoband": None}, DESCRIBED, []) == []


def test_a_source_of_the_user_says_its_values_under_the_names_that_begin_with_its_own():
    own = {"key": "GNOMAD", "title": "GNOMAD, a source of the user", "version": "sha256 1", "alleles": 1}
    allele = {"gnomad_e_af": 0.5, "cytoband": None, "gnomad_id": "v7", "gnomad_class": None, "gnomadic": "no"}
    (found,) = facts_of(allele, DESCRIBED, [own])
    assert (found.title, found.facts) == ("GNOMAD, a source of the user", [Fact("GNOMAD_ID", "", "v7")])


def test_well_known_sources_that_are_missing_are_named():
    assert not_looked_up(["gnomad_constraint", "dbsnp"], "GRCh38") == ["ClinVar", "gnomAD's frequencies"]
    assert not_looked_up(["clinvar", "gnomad_joint", "dbsnp"], "GRCh38") == []
    assert not_looked_up([], "ASM985889v3") == []


def test_without_the_manifest_values_are_named_by_their_keys():
    allele = {"pos": 1, "hgvs_offset": None, "kgp_af": 0.5, "cytoband": None}
    assert undescribed_facts(allele) == [Fact("KGP_AF", "", "0.5")]
