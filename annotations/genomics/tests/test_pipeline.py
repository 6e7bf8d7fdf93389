"""A file from end to end, on the real mitochondrion: what comes out, and that nothing else decides it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pysam
import pytest

from annotations.genomics import pipeline
from annotations.genomics.errors import AnnotationError
from annotations.genomics.output.csq import CSQ_FIELDS
from annotations.genomics.pipeline import annotate
from annotations.genomics.reference.load import Reference, load_reference
from annotations.genomics.request import Receipt, Request
from annotations.genomics.tests.made import COLUMNS, build_mitochondrion, pack_bgzf, unpack_gzip, vcf_text

OTHERS = {"A": "CG", "C": "TA", "G": "AC", "T": "GC"}


@pytest.fixture(scope="module")
def mito(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_mitochondrion(tmp_path_factory.mktemp("references"))


@pytest.fixture(scope="module")
def lines(mito: Path) -> list[str]:
    """Every 9th base changed; some insertions, deletions, two ALTs, and what is carried or skipped."""
    codes = load_reference(mito).sequence(0).tolist()
    bases = "".join("ACGTN"[code] for code in codes)
    found = []
    for place in range(100, 16_400, 9):
        ref, pos = bases[place], place + 1
        if ref == "N":
            continue
        alt = OTHERS[ref][0]
        if place % 7 == 0:
            ref, alt = bases[place : place + 3], ref
        elif place % 11 == 0:
            alt = f"{ref}{alt}A,{OTHERS[ref][1]}"
        elif place % 13 == 0:
            alt = f"{alt},*"
        found.append(f"MT\t{pos}\trs{pos}\t{ref}\t{alt}\t{place % 90}.5\tPASS\tAC=2;AN=10\tGT:DP\t0/1:7\t1|1:9")
    found[40] = found[40].replace("\tAC=2;AN=10\t", "\t.\t")
    found.insert(50, found[50].split("\t")[0] + "\t" + found[49].split("\t")[1] + "\t.\tN\t.\t.\t.\tDP=3\tGT\t0/0\t0/0")
    return found


def read_table(query: str) -> Any:
    return duckdb.sql(query)


def write_input(folder: Path, lines: list[str], name: str = "input.vcf") -> Path:
    path = folder / name
    path.write_text(vcf_text(lines, columns=COLUMNS + "\tFORMAT\ta\tb"))
    return path


def run(path: Path, reference: Path, folder: Path, **options: Any) -> tuple[Receipt, dict[str, Path]]:
    folder.mkdir(exist_ok=True)
    files: dict[str, Any] = {
        "output": folder / "out.vcf.gz", "tsv": folder / "out.tsv", "parquet": folder / "out.parquet",
        "summary": folder / "out.json", "skipped": folder / "skipped.tsv",
    }  # fmt: skip
    return annotate(Request(path, reference, **files, **options)), files


def csq_of(line: str) -> list[dict[str, str]]:
    info = line.split("\t")[7]
    values = [item[4:] for item in info.split(";") if item.startswith("CSQ=")]
    assert len(values) == 1
    return [dict(zip(CSQ_FIELDS, entry.split("|"), strict=True)) for entry in values[0].split(",")]


def test_bytes_do_not_depend_on_threads_or_on_chunks(mito: Path, lines: list[str], tmp_path: Path) -> None:
    path = write_input(tmp_path, lines)
    _, first = run(path, mito, tmp_path / "first")
    expected = {file.name: file.read_bytes() for file in first["output"].parent.iterdir()}
    assert {"out.vcf.gz", "out.vcf.gz.tbi", "out.parquet", "out.tsv", "out.json", "skipped.tsv"} == set(expected)
    for threads, chunk_records in ((1, 1), (2, 2000), (2, 3), (4, 137)):
        folder = tmp_path / f"{threads}-{chunk_records}"
        run(path, mito, folder, threads=threads, chunk_records=chunk_records)
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == expected, (threads, chunk_records)


@pytest.mark.parametrize(("limit", "times"), [(-(1 << 40), 3), (1 << 40, 0)], ids=["small", "large"])
def test_pages_are_let_go_where_too_many_are_resident(
    mito: Path, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, times: int
) -> None:
    path = write_input(tmp_path, lines)
    _, kept = run(path, mito, tmp_path / "kept")
    let_go: list[None] = []
    real = Reference.release_pages
    monkeypatch.setattr(pipeline, "MAPPED_BYTES", limit)
    monkeypatch.setattr(Reference, "release_pages", lambda self: let_go.append(real(self)))
    _, files = run(path, mito, tmp_path / "let_go", threads=2, chunk_records=len(lines) // 3 + 1)
    assert len(let_go) == times
    assert files["output"].read_bytes() == kept["output"].read_bytes()


def test_every_input_column_comes_back_untouched_and_in_order(mito: Path, lines: list[str], tmp_path: Path) -> None:
    _, files = run(write_input(tmp_path, lines), mito, tmp_path / "out")
    text = unpack_gzip(files["output"].read_bytes()).decode()
    body = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(body) == len(lines)
    for given, answer in zip(lines, body, strict=True):
        before, after = given.split("\t"), answer.split("\t")
        assert after[:7] + after[8:] == before[:7] + before[8:]
        kept = [item for item in after[7].split(";") if not item.startswith("CSQ=")]
        assert (";".join(kept) or ".") == before[7]
    assert any("CSQ=" in line for line in body)


def test_the_index_finds_what_reading_all_finds(mito: Path, lines: list[str], tmp_path: Path) -> None:
    _, files = run(write_input(tmp_path, lines), mito, tmp_path / "out")
    with pysam.VariantFile(str(files["output"])) as whole:
        places = [(record.start, record.stop, record.pos) for record in whole]
    with pysam.TabixFile(str(files["output"])) as indexed:
        for start in range(0, 16_569, 517):
            found = [int(line.split("\t")[1]) for line in indexed.fetch("MT", start, start + 300)]
            assert found == [pos for first, last, pos in places if first < start + 300 and last > start]


def test_every_row_of_the_table_says_what_csq_says(mito: Path, lines: list[str], tmp_path: Path) -> None:
    receipt, files = run(write_input(tmp_path, lines), mito, tmp_path / "out", chunk_records=100)
    text = unpack_gzip(files["output"].read_bytes()).decode()
    entries = []
    for number, line in enumerate(text.splitlines()):
        if not line.startswith("#") and "CSQ=" in line:
            entries += [(number, line.split("\t"), entry) for entry in csq_of(line)]
    query = read_table(f"SELECT * FROM '{files['parquet']}' ORDER BY row")
    rows = [dict(zip(query.columns, row, strict=True)) for row in query.fetchall()]
    assert len(rows) == len(entries) == receipt.pairs
    assert [row["row"] for row in rows] == list(range(len(rows)))
    added = text.count("\n##") + 2 - (vcf_text([]).count("##") + 1)
    for row, (number, fields, entry) in zip(rows, entries, strict=True):
        assert row["line"] == number + 1 - added
        assert [row["contig"], str(row["pos"]), row["ref"]] == [fields[0], fields[1], fields[3]]
        assert row["alt"] == fields[4].split(",")[int(entry["ALLELE_NUM"]) - 1]
        assert row["qual"] == float(fields[5])
        assert (row["id"], row["filter"]) == (fields[2], fields[6])
        told = {
            "Consequence": row["consequence"], "IMPACT": row["impact"], "SYMBOL": row["gene_symbol"],
            "Gene": row["gene_id"], "Feature": row["transcript_id"], "BIOTYPE": row["biotype"],
            "EXON": row["exon"], "INTRON": row["intron"], "HGVSc": row["hgvsc"], "HGVSp": row["hgvsp"],
            "HGVSg": row["hgvsg"], "Amino_acids": row["amino_acids"], "Codons": row["codons"],
            "DISTANCE": row["distance"], "VARIANT_CLASS": row["variant_class"],
            "PICK": 1 if row["picked"] else "", "STRAND": row["strand"],
            "CDS_position": span(row["cds_first"], row["cds_last"]),
            "Protein_position": span(row["protein_first"], row["protein_last"]),
        }  # fmt: skip
        for field, value in told.items():
            assert ("" if value is None else str(value)) == entry[field].replace("%3D", "="), (field, row, entry)


def span(first: int | None, last: int | None) -> str:
    if first is None and last is None:
        return ""
    return str(first) if first == last else f"{'?' if first is None else first}-{'?' if last is None else last}"


def test_the_tsv_and_the_parquet_hold_the_same_cells(mito: Path, lines: list[str], tmp_path: Path) -> None:
    _, files = run(write_input(tmp_path, lines), mito, tmp_path / "out")
    table = read_table(f"SELECT * FROM '{files['parquet']}' ORDER BY row")
    rows = [
        [
            "" if v is None else str(int(v)) if isinstance(v, bool) else f"{v:g}" if isinstance(v, float) else str(v)
            for v in row
        ]
        for row in table.fetchall()
    ]
    cells = [line.split("\t") for line in files["tsv"].read_text().splitlines()]
    assert cells[0] == table.columns
    at = table.columns.index("qual")
    for row in cells[1:]:
        row[at] = f"{float(row[at]):g}" if row[at] else ""
    assert cells[1:] == rows


def test_a_formula_in_the_users_own_text_is_made_harmless_in_tsv(mito: Path, tmp_path: Path) -> None:
    line = "MT\t3243\t=HYPERLINK(1)\tA\tG\t.\t@SUM\t."
    path = tmp_path / "input.vcf"
    path.write_text(vcf_text([line, "MT\t3244\t.\t=1+1\tG\t.\t.\t.", *["MT\t3243\t.\tA\tG\t.\t.\t."] * 2]))
    _, files = run(path, mito, tmp_path / "out")
    header, row = (line.split("\t") for line in files["tsv"].read_text().splitlines()[:2])
    cells = dict(zip(header, row, strict=True))
    assert (cells["id"], cells["filter"]) == ("'=HYPERLINK(1)", "'@SUM")
    assert files["skipped"].read_text().splitlines()[1].split("\t")[3] == "'=1+1"
    assert b"=HYPERLINK(1)" in unpack_gzip(files["output"].read_bytes())


def test_the_receipt_adds_up_and_names_each_skipped_line(mito: Path, lines: list[str], tmp_path: Path) -> None:
    given = [*lines, "MT\t16450\t.\tN\tC,\t.\t.\t.\tGT\t0/1\t0/1", "chrZ\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/1"]
    receipt, files = run(write_input(tmp_path, given), mito, tmp_path / "out")
    assert receipt.records == len(given) == receipt.annotated + sum(receipt.skipped.values())
    assert receipt.skipped == {"no_alternate": 1, "alt_invalid": 1, "unknown_contig": 1}
    assert receipt.carried == {"*": sum(",*" in line for line in lines)}
    skipped = [line.split("\t") for line in files["skipped"].read_text().splitlines()]
    assert skipped[0][0] == "#line"
    assert [(int(row[0]), row[5]) for row in skipped[1:]] == [
        (53, "no_alternate"), (len(given) + 1, "alt_invalid"), (len(given) + 2, "unknown_contig"),
    ]  # fmt: skip
    summary = json.loads(files["summary"].read_text())
    assert summary["records"]["total"] == len(given)
    assert summary["records"]["skipped"] == 3
    assert sum(summary["consequences"].values()) == receipt.alleles == sum(summary["classes"].values())
    assert sum(summary["frequencies"][place]["alleles"] for place in range(11)) == receipt.alleles
    assert summary["reference"]["digest"]


def test_an_allele_s_frequency_in_the_file_is_in_the_table_and_its_bin_in_the_summary(
    mito: Path, lines: list[str], tmp_path: Path
) -> None:
    given = list(lines[:40])
    told = ["AF=0.0001", "AF=0.00011", "DP=9;AF=1e-05;AC=9;AN=10", "AC=3;AN=12", "AC=3", "AF=.", "AF=1.5", "AF=0"]
    for place, text in enumerate(told):
        given[place] = given[place].replace("\tAC=2;AN=10\t", f"\t{text}\t")
    several = [place for place in range(len(told), 40) if "," in given[place].split("\t")[4]]
    two = next(place for place in several if "*" not in given[place].split("\t")[4])
    given[two] = given[two].replace("\tAC=2;AN=10\t", "\tAF=0.25,0.75\t")
    _, files = run(write_input(tmp_path, given), mito, tmp_path / "out")
    query = f"SELECT line, alt_index, any_value(allele_frequency) FROM '{files['parquet']}' GROUP BY ALL ORDER BY ALL"
    found = read_table(query).fetchall()
    heads = vcf_text([]).count("\n")
    by_allele = {(line - 1 - heads, alt): frequency for line, alt, frequency in found}
    assert [by_allele[place, 1] for place in range(len(told))] == [0.0001, 0.00011, 1e-05, 0.25, None, None, None, 0.0]
    assert (by_allele[two, 1], by_allele[two, 2]) == (0.25, 0.75)
    for entry in json.loads(files["summary"].read_text())["frequencies"]:
        low, high = entry["above"], entry["up_to"]
        within = [
            one is None if high is None else one is not None and one <= high and (one > low or low == 0)
            for one in by_allele.values()
        ]
        assert sum(within) == entry["alleles"], entry


def test_below_one_percent_a_ref_mismatch_is_skipped_and_from_there_on_refused(
    mito: Path, lines: list[str], tmp_path: Path
) -> None:
    def spoil(count: int) -> list[str]:
        spoiled = list(lines[:1000])
        for place in range(count):
            fields = spoiled[100 + 20 * place].split("\t")
            fields[3] = {"A": "C", "C": "G", "G": "T", "T": "A"}[fields[3][0]] + fields[3][1:]
            spoiled[100 + 20 * place] = "\t".join(fields)
        return spoiled

    receipt, _ = run(write_input(tmp_path, spoil(9)), mito, tmp_path / "nine")
    assert receipt.ref_mismatches == receipt.skipped["ref_mismatch"] == 9
    with pytest.raises(AnnotationError) as caught:
        run(write_input(tmp_path, spoil(10)), mito, tmp_path / "ten")
    assert caught.value.code == "wrong_assembly"
    assert "GRCh38 (mito) 99 %" in caught.value.message
    assert list((tmp_path / "ten").iterdir()) == []


def test_an_unsorted_file_keeps_its_order_and_has_no_index(mito: Path, lines: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "out.vcf.gz.tbi").write_text("of an earlier run")
    receipt, files = run(write_input(tmp_path, [*lines[500:], *lines[:500]]), mito, folder)
    assert not receipt.is_sorted
    assert receipt.index == ""
    assert not (folder / "out.vcf.gz.tbi").exists()
    text = unpack_gzip(files["output"].read_bytes()).decode()
    ids = [line.split("\t")[2] for line in text.splitlines() if not line.startswith("#")]
    assert ids == [line.split("\t")[2] for line in [*lines[500:], *lines[:500]]]


def test_crlf_and_packing_of_the_input_change_nothing_in_the_answer(
    mito: Path, lines: list[str], tmp_path: Path
) -> None:
    plain = write_input(tmp_path, lines)
    _, expected = run(plain, mito, tmp_path / "plain")
    crlf, packed = tmp_path / "crlf.vcf", tmp_path / "packed.vcf"
    crlf.write_bytes(plain.read_bytes().replace(b"\n", b"\r\n"))
    packed.write_bytes(pack_bgzf(plain.read_bytes(), 777))
    for other in (crlf, packed):
        _, files = run(other, mito, tmp_path / other.stem)
        assert files["output"].read_bytes() == expected["output"].read_bytes()


def test_an_annotated_file_is_refused_unless_it_is_to_be_overwritten(
    mito: Path, lines: list[str], tmp_path: Path
) -> None:
    _, first = run(write_input(tmp_path, lines), mito, tmp_path / "first")
    with pytest.raises(AnnotationError) as caught:
        run(first["output"], mito, tmp_path / "again")
    assert caught.value.code == "annotated_before"
    assert not any((tmp_path / "again").iterdir())
    _, second = run(first["output"], mito, tmp_path / "over", is_overwriting=True)
    bodies = [
        [
            line
            for line in unpack_gzip(files["output"].read_bytes()).decode().splitlines()
            if not line.startswith("##GAS")
        ]
        for files in (first, second)
    ]
    assert bodies[0] == bodies[1]


def test_csq_that_no_header_announces_is_seen(mito: Path, tmp_path: Path) -> None:
    path = tmp_path / "input.vcf"
    for info in ("CSQ=old", "A=1;CSQ=old", "CSQ=old;B=2", "A=1;CSQ=old;B=2"):
        path.write_text(vcf_text([f"MT\t3243\t.\tA\tG\t.\t.\t{info}"]))
        with pytest.raises(AnnotationError) as caught:
            run(path, mito, tmp_path / "out")
        assert (caught.value.code, caught.value.line) == ("annotated_before", 3)
        _, files = run(path, mito, tmp_path / "out", is_overwriting=True)
        answer = unpack_gzip(files["output"].read_bytes()).decode().splitlines()[-1]
        assert "old" not in answer
        kept = [item for item in answer.split("\t")[7].split(";") if not item.startswith("CSQ=")]
        assert kept == [item for item in info.split(";") if item != "CSQ=old"]
    path.write_text(vcf_text(["MT\t3243\t.\tA\tG\t.\t.\tXCSQ=old"]))
    run(path, mito, tmp_path / "out")


def test_a_header_without_records_is_annotated_to_the_same(mito: Path, tmp_path: Path) -> None:
    receipt, files = run(write_input(tmp_path, []), mito, tmp_path / "out")
    assert receipt.records == 0
    assert read_table(f"SELECT count(*) FROM '{files['parquet']}'").fetchall() == [(0,)]
    with pysam.VariantFile(str(files["output"])) as answer:
        assert list(answer) == []


def test_contigs_that_the_reference_does_not_hold_are_refused_in_a_sentence(mito: Path, tmp_path: Path) -> None:
    path = tmp_path / "input.vcf"
    path.write_text(vcf_text(["7\t140\t.\tA\tG\t.\t.\t."], header=["##reference=human_b36_both.fasta"]))
    with pytest.raises(AnnotationError) as caught:
        run(path, mito, tmp_path / "out")
    assert caught.value.code == "unknown_contigs"
    assert "NCBI36" in caught.value.message
    assert "GRCh38" in caught.value.message


def test_progress_counts_records_and_bytes_to_the_end(mito: Path, lines: list[str], tmp_path: Path) -> None:
    path = write_input(tmp_path, lines)
    seen: list[tuple[int, int, int]] = []
    annotate(Request(path, mito, tmp_path / "out.vcf.gz"), lambda *counts: seen.append(counts))
    size = path.stat().st_size
    assert seen[-1] == (len(lines), size, size)


def test_a_full_disk_leaves_nothing_behind(mito: Path, lines: list[str], tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    folder = tmp_path / "out"
    folder.mkdir()
    request = Request(
        write_input(tmp_path, lines), mito, folder / "out.vcf.gz", parquet=folder / "none" / "out.parquet"
    )
    with pytest.raises(FileNotFoundError):
        annotate(request)
    assert list(folder.iterdir()) == []
