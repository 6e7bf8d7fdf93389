"""Sources from declaration to output: what is found, how it is written, and that nothing else decides it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.sources.declaration import SHIPPED, Field, FieldType, find_declaration
from annotations.genomics.sources.layout import ValueColumn
from annotations.genomics.sources.match import write_values
from annotations.genomics.sources.values import safe_value
from annotations.genomics.tests.made import unpack_gzip
from annotations.genomics.tests.made_sources import DECLARED, SEQUENCE, build, infos, query, run, source_line

GIVEN = Path(__file__).resolve().parents[3] / "reference"


def look_up(folder: Path, source: list[str], asked: list[str], key: str = "MADE_AF") -> list[str]:
    """What INFO says of each asked record, "" where it says nothing."""
    return [info.get(key, "") for info in infos(run(build(folder, source), asked, folder / "out"))]


def test_the_same_deletion_written_at_every_place_of_its_repeat_is_found(tmp_path: Path) -> None:
    asked = []
    for place in range(18, 27):  # 0-based place of the base before a deletion of two
        if SEQUENCE[: place + 1] + SEQUENCE[place + 3 :] == SEQUENCE[:19] + SEQUENCE[21:]:
            asked.append(source_line(place + 1, SEQUENCE[place : place + 3], SEQUENCE[place], "."))
    asked.append(source_line(17, SEQUENCE[16:30], SEQUENCE[16:19] + SEQUENCE[21:30], "."))
    assert len(asked) >= 6
    assert look_up(tmp_path, [asked[-2].rsplit("\t", 1)[0] + "\tAF=50"], asked) == ["0.5"] * len(asked)


def test_the_same_insertion_written_at_every_place_of_its_repeat_is_found(tmp_path: Path) -> None:
    asked = [source_line(place, SEQUENCE[place - 1], SEQUENCE[place - 1] + "A", ".") for place in range(9, 15)]
    asked.append(source_line(20, "C", "CAC", "."))
    asked.append(source_line(22, "C", "CAC", "."))
    given = [source_line(11, "AA", "AAA", "AF=50"), source_line(27, "A", "ACA", "AF=1")]
    assert look_up(tmp_path, given, asked) == ["0.5"] * 6 + ["0.01"] * 2


def test_another_allele_at_the_same_place_is_not_found(tmp_path: Path) -> None:
    given = [source_line(16, "G", "T"), source_line(20, "CAC", "C"), source_line(16, "G", "GTT")]
    asked = [("G", "A"), ("G", "C"), ("G", "GT"), ("G", "GTTT"), ("GT", "G"), ("GTG", "G")]
    assert look_up(tmp_path, given, [source_line(16, *alleles, ".") for alleles in asked]) == [""] * 6


def test_alleles_too_long_for_an_exact_code_are_told_apart(tmp_path: Path) -> None:
    long, other = "G" + "ACGTTGCA" * 5, "G" + "ACGTTGCA" * 4 + "ACGTTGCC"
    assert look_up(
        tmp_path, [source_line(16, "G", long)], [source_line(16, "G", long, "."), source_line(16, "G", other, ".")]
    ) == ["0.5", ""]


def test_each_alternate_allele_gets_its_own_value(tmp_path: Path) -> None:
    given = [source_line(16, "G", "A,C", "AF=10,20;NAME=both;AC=1,2"), source_line(16, "G", "GT", "AF=30;AC=9")]
    files = run(
        build(tmp_path, given),
        [source_line(16, "G", "C,T,<NON_REF>,A", "."), source_line(16, "G", "GT,*", "DP=3")],
        tmp_path / "out",
    )
    first, second = infos(files)
    assert (first["MADE_AF"], first["MADE_COUNT"], first["MADE_NAME"]) == ("0.2,.,.,0.1", "2,.,.,1", "both,.,.,both")
    assert (second["DP"], second["MADE_AF"]) == ("3", "0.3,.")
    assert "MADE_NAME" not in second


def test_a_list_that_is_not_as_long_as_alt_says_nothing(tmp_path: Path) -> None:
    given = [source_line(16, "G", "A,C", "AF=10;AC=1,2,3;NAME=x")]
    files = run(build(tmp_path, given), [source_line(16, "G", "A", ".")], tmp_path / "out")
    assert {key: value for key, value in infos(files)[0].items() if key.startswith("MADE")} == {"MADE_NAME": "x"}


def test_a_contig_that_the_source_does_not_hold_finds_nothing_and_one_it_alone_holds_is_counted(tmp_path: Path) -> None:
    given = [source_line(16, "G", "A"), source_line(5, "A", "C", contig="9")]
    reference = build(tmp_path, given)
    files = run(
        reference,
        [source_line(1, "T", "G", ".", contig="2"), source_line(16, "G", "A", ".", contig="chr1")],
        tmp_path / "out",
    )
    assert [info.get("MADE_AF") for info in infos(files)] == [None, "0.5"]
    counts = json.loads((reference / "manifest.json").read_text())["sources"][0]["counts"]
    assert (counts["unknown_contig"], counts["alleles"], counts["records"]) == (1, 1, 2)


def test_an_unsorted_source_and_an_unsorted_file_find_the_same(tmp_path: Path) -> None:
    places = list(range(60, 200, 7))
    lines = [
        source_line(p, SEQUENCE[p - 1], "ACGT"[("ACGT".index(SEQUENCE[p - 1]) + 1) % 4], f"AF={p}") for p in places
    ]
    asked = [line.rsplit("\t", 1)[0] + "\t." for line in lines]
    expected = [f"{place / 100:g}" for place in places]
    assert look_up(tmp_path / "a", lines, asked) == expected
    assert look_up(tmp_path / "b", lines[::-1], asked[::2] + asked[1::2][::-1]) == expected[::2] + expected[1::2][::-1]


def test_an_allele_that_stands_twice_keeps_its_first_record(tmp_path: Path) -> None:
    given = [source_line(11, "A", "AA", "AF=20"), source_line(9, "T", "TA", "AF=10")]
    assert look_up(tmp_path, given, [source_line(9, "T", "TA", ".")]) == ["0.2"]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def shipped(*names: str) -> list[tuple[str, Path]]:
    files = {
        "mitomap_disease": "mitomap_disease.chrM.vcf.gz", "mitomap_polymorphisms": "mitomap_polymorphisms.chrM.vcf.gz",
        "cytobands": "cytoBand_hg38.tsv", "gnomad_constraint": "gnomad21_constraint.GRCh37.bed",
    }  # fmt: skip
    return [(name, GIVEN / files[name]) for name in names]


def build_mito(folder: Path, *names: str) -> Path:
    inputs = BuildInputs(
        "mito",
        "GRCh38",
        [GIVEN / "GRCh38.chrM.fa"],
        [GIVEN / "GRCh38.chrM.ensembl113.gff3"],
        {"chrM": 2},
        shipped(*names),
    )
    return build_reference(inputs, folder)


@pytest.fixture(scope="module")
def mito(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_mito(tmp_path_factory.mktemp("sources"), "mitomap_disease", "mitomap_polymorphisms")


@pytest.fixture(scope="module")
def mito_lines() -> list[str]:
    """The alleles of MITOMAP's own disease file, without what it says of them."""
    with pysam.VariantFile(str(GIVEN / "mitomap_disease.chrM.vcf.gz")) as file:
        lines = [str(record).rstrip("\n").split("\t") for record in file]
    return ["\t".join([*fields[:7], "."]) for fields in lines]


def test_building_twice_gives_the_same_bytes(mito: Path, tmp_path: Path) -> None:
    assert digests(build_mito(tmp_path, "mitomap_disease", "mitomap_polymorphisms")) == digests(mito)


def test_the_manifest_names_version_digest_and_counts_of_each_source(mito: Path) -> None:
    for source, (name, path) in zip(
        json.loads((mito / "manifest.json").read_text())["sources"],
        shipped("mitomap_disease", "mitomap_polymorphisms"),
        strict=True,
    ):
        assert (source["key"], source["version"]) == (name, "20250213")
        assert source["files"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert source["counts"]["alleles"] > 1000


def test_threads_and_chunks_change_no_byte(mito: Path, mito_lines: list[str], tmp_path: Path) -> None:
    run(mito, mito_lines, tmp_path / "first")
    expected = digests(tmp_path / "first")
    assert len(expected) == 6
    for threads, chunk_records in ((1, 1), (2, 3), (4, 137)):
        folder = tmp_path / f"{threads}-{chunk_records}"
        run(mito, mito_lines, folder, threads=threads, chunk_records=chunk_records)
        assert digests(folder) == expected, (threads, chunk_records)


def test_every_allele_of_mitomap_is_found_with_its_percent_as_a_fraction(
    mito: Path, mito_lines: list[str], tmp_path: Path
) -> None:
    """Beside the files as pysam reads them."""
    files = run(mito, mito_lines, tmp_path / "out")
    written = infos(files)
    with pysam.VariantFile(str(GIVEN / "mitomap_polymorphisms.chrM.vcf.gz")) as file:
        frequency = {(r.pos, r.ref, alt): af for r in file for alt, af in zip(r.alts or (), r.info["AF"], strict=True)}
    compared = 0
    for line, info in zip(mito_lines, written, strict=True):
        _, pos, _, ref, alts = line.split("\t")[:5]
        assert ("MITOMAP_DISEASE" in info) == (alts != ref)  # five records of MITOMAP change nothing
        for place, alt in enumerate(alts.split(",")):
            if (af := frequency.get((int(pos), ref, alt))) is not None and len(ref) == len(alt) == 1:
                assert float(info["MITOMAP_AF"].split(",")[place]) == pytest.approx(af / 100, rel=1e-6, abs=1e-12)
                compared += 1
    assert compared > 500
    with pysam.VariantFile(str(files["output"])) as answer:
        assert answer.header.info["MITOMAP_AF"].number == "A"
        header = str(answer.header)
        assert 'Source="MITOMAP, disease-associated variants",Version="20250213"' in header
        assert (
            max(
                max(r.info["MITOMAP_AF"]) for r in answer if "MITOMAP_AF" in r.info and None not in r.info["MITOMAP_AF"]
            )
            <= 1
        )


def test_the_tables_say_what_info_says(mito: Path, mito_lines: list[str], tmp_path: Path) -> None:
    files = run(mito, mito_lines, tmp_path / "out", chunk_records=100)
    keys = [
        field.key for name in ("mitomap_disease", "mitomap_polymorphisms") for field in find_declaration(name).fields
    ]
    columns = ", ".join(key.lower() for key in keys)
    rows = query(f"SELECT pos, ref, alt, alt_index, {columns} FROM '{files['parquet']}' ORDER BY row").fetchall()
    lines = [
        line.split("\t") for line in unpack_gzip(files["output"].read_bytes()).decode().splitlines() if line[0] != "#"
    ]
    told = {
        (int(fields[1]), fields[3], fields[4].split(",")[place]): (place, info)
        for fields, info in zip(lines, infos(files), strict=True)
        for place in range(len(fields[4].split(",")))
    }
    assert len(rows) > 1000
    hits = 0
    for pos, ref, alt, alt_index, *values in rows:
        place, info = told[pos, ref, alt]
        assert place == alt_index - 1
        for key, value in zip(keys, values, strict=True):
            text = info[key].split(",")[place] if key in info else "."
            hits += text != "."
            expected: Any = None if text == "." else text if isinstance(value, str) else float(text)
            assert value == expected, (pos, key)
    assert hits > 5000
    tsv = [line.split("\t") for line in files["tsv"].read_text().splitlines()]
    assert tsv[0][-len(keys) :] == [key.lower() for key in keys]
    for cells, row in zip(tsv[1:], rows, strict=True):
        assert [cell or None for cell in cells[-len(keys) :]] == [
            None if value is None else cell for cell, value in zip(cells[-len(keys) :], row[4:], strict=True)
        ]
    types = {row[0]: row[1] for row in query(f"DESCRIBE SELECT {columns} FROM '{files['parquet']}'").fetchall()}
    assert (types["mitomap_ac"], types["mitomap_af"], types["mitomap_disease"]) == ("BIGINT", "DOUBLE", "VARCHAR")


def test_the_summary_counts_the_alleles_that_each_source_knows(tmp_path: Path) -> None:
    reference = build(tmp_path, [source_line(16, "G", "A"), source_line(16, "G", "C")])
    files = run(reference, [source_line(16, "G", "A,C,T", "."), source_line(17, "T", "A", ".")], tmp_path / "out")
    assert json.loads(files["summary"].read_text())["sources"] == [
        {"key": "made", "title": "Made", "version": "7", "alleles": 2}
    ]


def test_a_reference_without_sources_says_nothing_of_them(tmp_path: Path) -> None:
    reference = build_mito(tmp_path)
    assert "sources" not in json.loads((reference / "manifest.json").read_text())
    assert not (reference / "sources").exists()
    files = run(reference, ["MT\t3243\t.\tA\tG\t.\t.\tDP=1"], tmp_path / "out")
    assert set(infos(files)[0]) == {"DP", "CSQ"}
    assert "sources" not in json.loads(files["summary"].read_text())


def test_regions_are_joined_and_an_insertion_lies_where_the_base_before_it_does(tmp_path: Path) -> None:
    (tmp_path / "zones.toml").write_text(
        'title = "Zones"\nversion = "1"\nkind = "overlap"\ncolumns = ["contig", "start", "end", "name"]\n'
        '[[fields]]\nkey = "ZONE"\nfrom = "name"\ntype = "String"\ndescription = "made"\n'
    )
    (tmp_path / "zones.bed").write_text("chr1\t0\t30\ta, b\n1\t20\t21\tinner\n1\t30\t60\tc=d;\n7\t0\t10\taway\n")
    reference = build(tmp_path, [], more=[(str(tmp_path / "zones.toml"), tmp_path / "zones.bed")])
    asked = [
        ("16", "G", "A"),
        ("21", "A", "G"),
        ("30", "C", "CT"),
        ("31", "C", "G"),
        ("61", SEQUENCE[60], "*"),
        ("29", SEQUENCE[28:32], SEQUENCE[28]),
    ]
    files = run(
        reference,
        [f"1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." for pos, ref, alt in asked] + ["1\t1\t.\tA\t<DEL>\t.\t.\tEND=40"],
        tmp_path / "out",
    )
    assert [info.get("ZONE") for info in infos(files)] == [
        "a%2C%20b", "a%2C%20b&inner", "a%2C%20b", "c%3Dd%3B", None, "a%2C%20b&c%3Dd%3B", "a%2C%20b&inner&c%3Dd%3B",
    ]  # fmt: skip


def test_a_gene_s_values_follow_the_picked_row_in_info_and_each_row_in_tables(tmp_path: Path) -> None:
    (tmp_path / "genes.toml").write_text(
        'title = "Genes"\nversion = "1"\nkind = "gene"\ncolumns = ["gene_symbol", "score"]\njoin = "gene_symbol"\n'
        '[[fields]]\nkey = "GENE_SCORE"\nfrom = "score"\ntype = "Float"\ndescription = "made"\n'
    )
    (tmp_path / "genes.tsv").write_text("#gene\tscore\nG1\t0.2500\nG9\t3\nG1\t7\n")
    reference = build(tmp_path, [], more=[(str(tmp_path / "genes.toml"), tmp_path / "genes.tsv")])
    files = run(
        reference,
        [f"1\t120\t.\t{SEQUENCE[119]}\t{'G' if SEQUENCE[119] != 'G' else 'C'}\t.\t.\t.", "2\t1\t.\tT\tG\t.\t.\t."],
        tmp_path / "out",
    )
    assert [info.get("GENE_SCORE") for info in infos(files)] == ["0.25", None]
    rows = query(f"SELECT gene_symbol, gene_score FROM '{files['parquet']}' ORDER BY row").fetchall()
    assert rows == [("G1", 0.25), (None, None)]


def test_a_key_that_the_input_has_already_is_refused_or_replaced(tmp_path: Path) -> None:
    reference = build(tmp_path, [source_line(16, "G", "A")])
    line = source_line(16, "G", "A", "DP=3;MADE_AF=0.9;CSQ=old;XMADE_AF=1;MADE_NAME=y")
    header = ['##INFO=<ID=MADE_AF,Number=1,Type=Float,Description="old">']
    for options in ({"header": header}, {}):
        with pytest.raises(AnnotationError) as caught:
            run(reference, [line.replace("CSQ=old;", "")], tmp_path / "refused", **options)
        assert (caught.value.code, caught.value.field) == ("annotated_before", "INFO/MADE_AF")
    files = run(reference, [line], tmp_path / "over", header=header, is_overwriting=True)
    info = infos(files)[0]
    assert (info["DP"], info["XMADE_AF"], info["MADE_AF"], info["MADE_NAME"]) == ("3", "1", "0.5", "x")
    assert info["CSQ"] != "old"
    assert unpack_gzip(files["output"].read_bytes()).decode().count("##INFO=<ID=MADE_AF,") == 1


@pytest.mark.parametrize(
    ("raw", "kind", "expected"),
    [
        (b"a b;c=d,e", FieldType.STRING, b"a%20b%3Bc%3Dd%2Ce"), (b"5%", FieldType.STRING, b"5%25"),
        (b".", FieldType.STRING, b""), (b"0.50", FieldType.FLOAT, b"0.5"), (b"1e-12", FieldType.FLOAT, b"1e-12"),
        (b"nan", FieldType.FLOAT, b""), (b"12.0", FieldType.INTEGER, b"12"), (b"1.5", FieldType.INTEGER, b""),
        (b"-0.250", FieldType.FLOAT, b"-0.25"), (b"0.0000", FieldType.FLOAT, b"0"),
    ],
)  # fmt: skip
def test_a_value_is_safe_in_info_and_a_number_is_written_plainly(raw: bytes, kind: FieldType, expected: bytes) -> None:
    assert safe_value(raw, Field("KEY", "k", kind, ""), is_vcf=False) == expected


def test_every_shipped_declaration_can_be_read_and_no_key_is_used_twice() -> None:
    declarations = [find_declaration(path.stem) for path in SHIPPED.glob("*.toml")]
    keys = [field.key for declaration in declarations for field in declaration.fields]
    assert {"mitomap_disease", "mitomap_polymorphisms", "kgp30x", "cytobands", "gnomad_constraint"} <= {
        d.name for d in declarations
    }
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('kind = "exact"', 'kind = "other"', "source_malformed"),
        ('key = "MADE_AF"', 'key = "made af"', "source_malformed"),
        ('from = "AF"', 'from = "MISSING"', "source_field_missing"),
        ('key = "MADE_AF"', 'key = "CODONS"', "source_key_twice"),
        ('version = "7"', 'versio = "7"', "source_malformed"), ('scale = "0.01"', 'scale = "x"', "source_malformed"),
    ],
)  # fmt: skip
def test_a_declaration_or_file_that_does_not_fit_is_refused_and_nothing_is_built(
    before: str, after: str, code: str, tmp_path: Path
) -> None:
    assert before in DECLARED
    with pytest.raises(AnnotationError) as caught:
        build(tmp_path, [source_line(16, "G", "A")], declared=DECLARED.replace(before, after, 1))
    assert caught.value.code == code
    assert list((tmp_path / "references").iterdir()) == []


def test_an_unknown_source_is_refused_with_the_names_of_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        build(tmp_path, [], more=[("../mitomap", tmp_path / "made.vcf")])
    assert caught.value.code == "source_unknown"
    assert "mitomap_disease" in caught.value.message


def test_values_of_any_length_are_written_whole() -> None:
    words = [b"a" * 300_000, b"b", b"c" * 90_000]
    offsets = np.cumsum([0, *map(len, words)]).astype(np.int64)
    column = ValueColumn(np.array([0, 1, 2, -1], np.int32), offsets, np.frombuffer(b"".join(words), np.uint8))
    rows = np.array([[1, -1], [0, 2], [3, -1], [2, 2]], np.int64)
    text, spans = write_values([(rows, column), (rows[::-1].copy(), column)], len(rows))
    written = [[bytes(text[start:stop]) for start, stop in each] for each in spans.tolist()]
    expected = [words[1], words[0] + b"&" + words[2], b"", words[2]]
    assert written == [expected, expected[::-1]]
