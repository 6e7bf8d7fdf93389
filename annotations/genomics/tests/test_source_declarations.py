"""The shipped declarations, each read from a small file of its publisher's layout."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pysam
import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.output.csq import CSQ_FIELDS
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.sources.declaration import find_declaration
from annotations.genomics.tests.made import BENCH, PROJECT, vcf_text
from annotations.genomics.tests.made_sources import SEQUENCE, build_with, infos, lines_of, query, run

LIFTED = BENCH / "clinvar_20170404.GRCh38.chr19.lifted.vcf.gz"
CLINVAR = [
    "##fileDate=2025-03-01", "##source=ClinVar",
    '##INFO=<ID=ALLELEID,Number=1,Type=Integer,Description="the ClinVar Allele ID">',
    *(
        f'##INFO=<ID={key},Number=.,Type=String,Description="as ClinVar has it">'
        for key in (
            "CLNDN", "CLNDISDB", "CLNHGVS", "CLNREVSTAT", "CLNSIG", "CLNSIGCONF", "CLNVC", "GENEINFO", "ONC",
            "ONCDN", "ONCREVSTAT", "ONCCONF", "ORIGIN", "RS", "SCI", "SCIDN", "SCIREVSTAT",
        )
    ),
]  # fmt: skip
GROUPS = ("afr", "ami", "amr", "asj", "eas", "fin", "mid", "nfe", "remaining", "sas")


def other(pos: int) -> str:
    """A base that the made contig 1 does not have at pos."""
    return "ACGT"[("ACGT".index(SEQUENCE[pos - 1]) + 1) % 4]


def line(pos: int, info: str = ".", *, contig: str = "1", name: str = ".", status: str = ".", alt: str = "") -> str:
    return f"{contig}\t{pos}\t{name}\t{SEQUENCE[pos - 1]}\t{alt or other(pos)}\t.\t{status}\t{info}"


def write(folder: Path, name: str, header: Iterable[str], records: list[str]) -> tuple[str, Path]:
    path = folder / f"{name}.vcf"
    path.write_text(vcf_text(records, header=header))
    return name, path


def test_clinvar_gives_significance_stars_conflicts_condition_and_the_somatic_fields(tmp_path: Path) -> None:
    source = write(tmp_path, "clinvar", CLINVAR, [
        line(110, "ALLELEID=7;CLNDN=Cancer,_familial|not_provided;CLNREVSTAT=reviewed_by_expert_panel;"
             "CLNSIG=Pathogenic/Likely_pathogenic|drug_response", name="12345"),
        line(111, "CLNDN=Other;CLNREVSTAT=criteria_provided,_conflicting_classifications;"
             "CLNSIG=Conflicting_classifications_of_pathogenicity;CLNSIGCONF=Pathogenic(2)|Uncertain_significance(1)",
             name="12346"),
        line(112, "CLNDN=not_provided;CLNREVSTAT=no_classification_provided;CLNSIG=not_provided;ONC=Oncogenic;"
             "ONCDN=Melanoma;ONCREVSTAT=criteria_provided,_single_submitter;SCI=Tier_I_-_Strong;SCIDN=Neoplasm;"
             "SCIREVSTAT=criteria_provided,_multiple_submitters", name="12347"),
    ])  # fmt: skip
    reference = build_with(tmp_path, [source])
    first, second, third = infos(run(reference, [line(pos) for pos in (110, 111, 112)], tmp_path / "out"))
    assert first["CLINVAR_ID"] == "12345"
    assert first["CLINVAR_CLNSIG"] == "Pathogenic/Likely_pathogenic|drug_response"
    assert first["CLINVAR_CONDITION"] == "Cancer%2C_familial|not_provided"
    assert (first["CLINVAR_STARS"], second["CLINVAR_STARS"], third["CLINVAR_STARS"]) == ("3", "1", "0")
    assert second["CLINVAR_CLNSIGCONF"] == "Pathogenic(2)|Uncertain_significance(1)"
    assert (third["CLINVAR_ONC"], third["CLINVAR_ONC_STARS"], third["CLINVAR_ONC_CONDITION"]) == (
        "Oncogenic", "1", "Melanoma",
    )  # fmt: skip
    assert (third["CLINVAR_SOMATIC"], third["CLINVAR_SOMATIC_STARS"], third["CLINVAR_SOMATIC_CONDITION"]) == (
        "Tier_I_-_Strong", "2", "Neoplasm",
    )  # fmt: skip
    manifest = json.loads((reference / "manifest.json").read_text())["sources"][0]
    assert (manifest["key"], manifest["version"]) == ("clinvar", "2025-03-01")


def test_a_clinvar_of_before_the_somatic_fields_is_read_without_them(tmp_path: Path) -> None:
    header = [row for row in CLINVAR if "ID=ONC" not in row and "ID=SCI" not in row]
    source = write(tmp_path, "clinvar", header, [line(110, "CLNSIG=Benign;CLNDN=x;CLNREVSTAT=practice_guideline")])
    files = run(build_with(tmp_path, [source]), [line(110)], tmp_path / "out")
    assert infos(files)[0]["CLINVAR_STARS"] == "4"
    with pysam.VariantFile(str(files["output"])) as answer:
        keys = [key for key in answer.header.info if key.startswith("CLINVAR")]
    assert "CLINVAR_CLNSIG" in keys
    assert not [key for key in keys if "ONC" in key or "SOMATIC" in key]


def test_a_review_status_that_nobody_knows_is_no_number_of_stars(tmp_path: Path) -> None:
    source = write(tmp_path, "clinvar", CLINVAR, [line(110, "CLNSIG=Benign;CLNDN=x;CLNREVSTAT=new_words")])
    info = infos(run(build_with(tmp_path, [source]), [line(110)], tmp_path / "out"))[0]
    assert info["CLINVAR_CLNSIG"] == "Benign"
    assert "CLINVAR_STARS" not in info


@pytest.mark.skipif(not LIFTED.exists(), reason="needs ../shared/data/bench")
def test_every_allele_of_a_real_clinvar_is_found_with_its_significance(tmp_path: Path) -> None:
    """The file as pysam reads it is what the answer must say."""
    folder = PROJECT / "reference"
    fasta, genes = [folder / "GRCh38.chr19.fa.gz", folder / "GRCh38.chrM.fa"], [folder / "GRCh38.chrM.ensembl113.gff3"]
    inputs = BuildInputs("clinvar", "GRCh38", fasta, genes, {}, [("clinvar", LIFTED)])
    reference = build_reference(inputs, tmp_path / "references")
    with pysam.VariantFile(str(LIFTED)) as file:
        records = [(record.contig, record.pos, record.ref, record.alts, record.info.get("CLNSIG")) for record in file]
    asked = [f"{c}\t{pos}\t.\t{ref}\t{','.join(alts)}\t.\t.\t." for c, pos, ref, alts, _ in records if alts]
    found = infos(run(reference, asked, tmp_path / "out"))
    told = [significance for _, _, _, alts, significance in records if alts]
    assert len(found) > 1000
    missing = [info for info, says in zip(found, told, strict=True) if says and "CLINVAR_CLNSIG" not in info]
    assert missing == []


def test_rsids_stand_in_existing_variation_and_fill_an_empty_id_only_when_asked(tmp_path: Path) -> None:
    header = ["##dbSNP_BUILD_ID=156", '##INFO=<ID=RS,Number=1,Type=Integer,Description="dbSNP ID">']
    source = write(tmp_path, "dbsnp", header, [
        line(110, "RS=7", name="rs7"), line(16, "RS=8", name="rs8", alt="A,C"), line(112, name="rs9"),
    ])  # fmt: skip
    reference = build_with(tmp_path, [source])
    asked = [line(16, alt="C,T,A"), line(110), line(111), line(112, name="mine")]
    files = run(reference, asked, tmp_path / "plain")
    place = CSQ_FIELDS.index("Existing_variation")
    told = [[entry.split("|")[place] for entry in info["CSQ"].split(",")] for info in infos(files)]
    assert told == [["rs8", "", "rs8"], ["rs7"], [""], ["rs9"]]
    assert all(len(entry.split("|")) == len(CSQ_FIELDS) for info in infos(files) for entry in info["CSQ"].split(","))
    assert [fields[2] for fields in lines_of(files)] == [".", ".", ".", "mine"]
    assert "DBSNP_ID" not in infos(files)[1]
    rows = query(f"SELECT pos, alt, dbsnp_id FROM '{files['parquet']}' ORDER BY row").fetchall()
    assert rows == [
        (16, "C", "rs8"), (16, "T", None), (16, "A", "rs8"), (110, other(110), "rs7"), (111, other(111), None),
        (112, other(112), "rs9"),
    ]  # fmt: skip
    filled = run(reference, asked, tmp_path / "filled", fills_ids=True)
    assert [fields[2] for fields in lines_of(filled)] == ["rs8", "rs7", ".", "mine"]
    assert [fields[:2] + fields[3:] for fields in lines_of(filled)] == [
        fields[:2] + fields[3:] for fields in lines_of(files)
    ]


@pytest.mark.parametrize(
    ("name", "suffix", "prefix"),
    [("gnomad_exomes", "", "GNOMAD_E"), ("gnomad_genomes", "", "GNOMAD_G"), ("gnomad_joint", "_joint", "GNOMAD_J")],
)
def test_gnomad_gives_frequencies_by_group_and_filters(name: str, suffix: str, prefix: str, tmp_path: Path) -> None:
    by_group = "AF_joint_" if suffix else "AF_"
    groups = [group for group in GROUPS if group != "ami" or name != "gnomad_exomes"]
    keys = [f"{key}{suffix}" for key in ("AC", "AF", "nhomalt", "grpmax", "AF_grpmax", "fafmax_faf95_max")]
    keys += [f"fafmax_faf95_max_gen_anc{suffix}", *(f"{by_group}{group}" for group in groups)]
    values = ["3", "2.05241e-06", "0", "nfe", "3.5e-06", "0.0000011", "nfe", *(f"{k}e-6" for k in range(len(groups)))]
    header = [f'##INFO=<ID={key},Number=A,Type=String,Description="as gnomAD has it">' for key in keys]
    header.append(f'##INFO=<ID=AN{suffix},Number=1,Type=Integer,Description="Total number of alleles">')
    info = ";".join([f"AN{suffix}=1461694", *(f"{key}={value}" for key, value in zip(keys, values, strict=True))])
    source = write(tmp_path, name, header, [line(110, info, contig="chr1", status="AC0;AS_VQSR")])
    found = infos(run(build_with(tmp_path, [source]), [line(110)], tmp_path / "out"))[0]
    assert (found[f"{prefix}_AC"], found[f"{prefix}_AN"]) == ("3", "1461694")
    assert float(found[f"{prefix}_AF"]) == 2.05241e-06
    assert (found[f"{prefix}_GRPMAX"], found[f"{prefix}_FAF95_GROUP"]) == ("nfe", "nfe")
    assert float(found[f"{prefix}_AF_GRPMAX"]) == 3.5e-06
    assert float(found[f"{prefix}_FAF95"]) == 1.1e-06
    assert [float(found[f"{prefix}_AF_{group.upper()}"]) for group in groups] == [
        pytest.approx(k * 1e-6) for k in range(len(groups))
    ]
    assert found[f"{prefix}_FILTER"] == "AC0&AS_VQSR"
    assert f"{prefix}_STATUS" not in found


def status_of(folder: Path, bed: str | None) -> list[str | None]:
    """What the status says of an allele that the source has, of three that it lacks, and of a symbolic one."""
    folder.mkdir()
    names = find_declaration("gnomad_exomes").fields
    header = [f'##INFO=<ID={field.origin},Number=A,Type=String,Description="made">' for field in names]
    source = write(folder, "gnomad_exomes", header, [line(110, "AF=0.5"), line(30, "AF=0.1")])
    callables = []
    if bed is not None:
        (folder / "callable.bed").write_text(bed)
        callables = [("gnomad_exomes", folder / "callable.bed")]
    reference = build_with(folder, [source], callables=callables)
    deletion = f"1\t125\t.\t{SEQUENCE[124:130]}\t{SEQUENCE[124]}\t.\t.\t."
    asked = [line(110), line(120), line(130), deletion, line(30), f"1\t40\t.\t{SEQUENCE[39]}\t<DEL>\t.\t.\tEND=50"]
    files = run(reference, asked, folder / "out")
    counts = json.loads(files["summary"].read_text())["sources"][0]["alleles"]
    assert counts == 2
    return [info.get("GNOMAD_E_STATUS") for info in infos(files)]


def test_a_frequency_has_three_states_with_a_callable_file_and_two_without(tmp_path: Path) -> None:
    assert status_of(tmp_path / "without", None) == [None] * 6
    # Places 100 to 127 in two stretches that touch: the deletion of 125 to 129 is covered in part only.
    told = status_of(tmp_path / "with", "chr1\t112\t127\n1\t100\t112\n5\t1\t9\n")
    assert told == ["found", "not_seen", "not_covered", "not_covered", "found", None]


def test_a_callable_file_of_a_source_without_a_status_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path, "clinvar", CLINVAR, [])
    with pytest.raises(AnnotationError) as caught:
        build_with(tmp_path, [source], callables=[("clinvar", source[1])])
    assert caught.value.code == "source_not_callable"


def test_segmental_duplications_and_the_gwas_catalogue_are_read_as_ucsc_writes_them(tmp_path: Path) -> None:
    (tmp_path / "dups").write_text(
        "585\tchr1\t100\t120\tchr1:180723\t0\t+\tchr1\t180723\t182013\t1290\t1\t1000\tN/A\tN/A\tN/A\tN/A\talign_both/1\t"
        "1296\t6\t6\t1290\t1283\t7\t2\t5\t0.994574\t0.992284\t0.00544687\t0.00545209\n"
    )
    (tmp_path / "gwas").write_text(
        "585\tchr1\t109\t110\trs7\t24390342\tOkada Y\t2014-01-01\tNature\tA title\tRheumatoid arthritis\t14,361 cases\t"
        "NR\t1p36.32\tPLCH2\trs7-T\t0.49\t4E-8\t\t1.1\t[1.07-1.14]\tIllumina\tN\n"
    )
    reference = build_with(
        tmp_path, [("segmental_duplications", tmp_path / "dups"), ("gwas_catalog", tmp_path / "gwas")]
    )
    first, second = infos(run(reference, [line(110), line(119)], tmp_path / "out"))
    assert (first["SEGDUP"], first["SEGDUP_IDENTITY"]) == ("chr1:180723", "0.994574")
    assert (first["GWAS_TRAIT"], first["GWAS_RISK_ALLELE"], first["GWAS_PVALUE"], first["GWAS_PUBMED"]) == (
        "Rheumatoid%20arthritis", "rs7-T", "4E-8", "24390342",
    )  # fmt: skip
    assert "GWAS_TRAIT" not in second
    assert second["SEGDUP"] == "chr1:180723"


def test_a_gene_of_the_acmg_list_says_so(tmp_path: Path) -> None:
    listed = PROJECT / "reference" / "acmg_sf.v3.2.tsv"
    genes = [row.split("\t") for row in listed.read_text().splitlines()[1:]]
    assert len({gene for gene, _ in genes}) == 81
    (tmp_path / "list").write_text(listed.read_text() + "G1\tother\n")
    info = infos(run(build_with(tmp_path, [("acmg_sf", tmp_path / "list")]), [line(110)], tmp_path / "out"))[0]
    assert info["ACMG_SF"] == "other"


def test_only_the_sources_that_are_chosen_are_quoted(tmp_path: Path) -> None:
    clinvar = write(tmp_path, "clinvar", CLINVAR, [line(110, "CLNSIG=Benign;CLNDN=x")])
    dbsnp = write(tmp_path, "dbsnp", [], [line(110, name="rs7")])
    reference = build_with(tmp_path, [clinvar, dbsnp])
    for chosen, expected in ((None, {"clinvar", "dbsnp"}), (("dbsnp",), {"dbsnp"}), ((), set())):
        files = run(reference, [line(110)], tmp_path / f"out{len(expected)}", sources=chosen)
        summary = json.loads(files["summary"].read_text())
        assert {source["key"] for source in summary.get("sources", [])} == expected
        info = infos(files)[0]
        assert ("CLINVAR_CLNSIG" in info, "|rs7|" in info["CSQ"]) == ("clinvar" in expected, "dbsnp" in expected)
        columns = {row[0] for row in query(f"DESCRIBE SELECT * FROM '{files['parquet']}'").fetchall()}
        assert ("clinvar_clnsig" in columns, "dbsnp_id" in columns) == ("clinvar" in expected, "dbsnp" in expected)
    with pytest.raises(AnnotationError) as caught:
        run(reference, [line(110)], tmp_path / "refused", sources=("gnomad",))
    assert caught.value.code == "source_missing"
    assert "it has clinvar, dbsnp" in caught.value.message
