"""What holds for every allele, however it is written and whatever stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.genomics.tests.made import vcf_text
from annotations.genomics.tests.made_sources import (
    DECLARED,
    INFO,
    SEQUENCE,
    build_with,
    infos,
    query,
    run,
    source_line,
)

ZONE = (
    'title = "Zones"\nkind = "overlap"\ncolumns = ["contig", "start", "end", "name"]\n'
    '[[fields]]\nkey = "ZONE"\nfrom = "name"\ntype = "String"\ndescription = "made"\n'
)
SCORE = (
    'title = "Score"\nlicence = "made"\nkind = "score"\ncolumns = ["contig", "pos", "ref", "alt", "gene_id", "v"]\n'
    'join = "gene_id"\n[[fields]]\nkey = "SCORE"\nfrom = "v"\ntype = "Float"\ndescription = "made"\n'
)
Allele = tuple[int, str, str]


def places() -> list[Allele]:
    """Changes all over the contig: (start, removed, added), no base shared at the front or the end."""
    found = []
    for start in range(1, 200, 3):
        base = SEQUENCE[start]
        substitute = "ACGT"[("ACGT".index(base) + 1 + start % 3) % 4]
        found += [
            (start, base, substitute),
            (start, SEQUENCE[start : start + 1 + start % 4], ""),
            (start, "", "AC"[: 1 + start % 2]),
        ]
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of three changes are known, each with a value of its own."""
    folder = tmp_path_factory.mktemp("properties")
    for name, text in (("made", DECLARED), ("zone", ZONE), ("score", SCORE)):
        (folder / f"{name}.toml").write_text(text)
    known, scores = [], []
    for number, (start, removed, added) in enumerate(places()):
        if number % 3 != 2:
            before = SEQUENCE[start - 1]
            known.append(
                source_line(start, before + removed, before + added, f"AF={number};AC={number};NAME=n{number}")
            )
            scores.append(f"1\t{start}\t{before + removed}\t{before + added}\tG1\t{number / 8}")
    (folder / "made.vcf").write_text(vcf_text(known, header=INFO))
    (folder / "score.tsv").write_text("\n".join(scores) + "\n")
    (folder / "zone.bed").write_text("1\t50\t120\tleft\n1\t100\t180\tright\n")
    files = {"made": "made.vcf", "zone": "zone.bed", "score": "score.tsv"}
    return build_with(folder, [(str(folder / f"{name}.toml"), folder / file) for name, file in files.items()])


def written(allele: Allele, left: int, right: int) -> str:
    """The allele as a record that says `left` bases before it and `right` behind it too."""
    start, removed, added = allele
    left = max(min(left, start), 1)
    end = start + len(removed)
    before, behind = SEQUENCE[start - left : start], SEQUENCE[end : end + right]
    return source_line(start - left + 1, before + removed + behind, before + added + behind, ".")


def known(info: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in info.items() if key.startswith("MADE")}


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=201, max_size=201))
def test_an_allele_written_in_another_way_gets_the_same_match(
    reference: Path, tmp_path_factory: pytest.TempPathFactory, flanks: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("ways")
    short = [written(allele, 1, 0) for allele in places()]
    longer = [written(allele, *flank) for allele, flank in zip(places(), flanks, strict=True)]
    first, second = (infos(run(reference, lines, folder / name)) for name, lines in (("a", short), ("b", longer)))
    assert [known(info) for info in first] == [known(info) for info in second]
    assert sum(bool(known(info)) for info in first) > 100


def test_several_alleles_in_a_record_get_what_each_gets_alone(reference: Path, tmp_path: Path) -> None:
    by_start: dict[int, list[Allele]] = {}
    for allele in places():
        by_start.setdefault(allele[0], []).append(allele)
    alone, together = [], []
    for start, alleles in by_start.items():
        ref = SEQUENCE[start - 1 : start + 4]
        alts = [ref[0] + added + ref[1 + len(removed) :] for _, removed, added in alleles]
        alone += [source_line(start, ref, alt, ".") for alt in alts]
        together.append(source_line(start, ref, ",".join(alts), "."))
    singles = infos(run(reference, alone, tmp_path / "alone"))
    joined = infos(run(reference, together, tmp_path / "together"))
    keys = ("MADE_AF", "MADE_NAME", "MADE_COUNT", "ZONE", "SCORE")
    expected = [tuple(info.get(key, ".") for key in keys) for info in singles]
    found = [
        tuple(info[key].split(",")[place] if key in info else "." for key in keys)
        for info, alleles in zip(joined, by_start.values(), strict=True)
        for place in range(len(alleles))
    ]
    assert found == expected
    assert sum(row[0] != "." for row in found) > 100
    assert sum(row[4] != "." for row in found) > 30


def test_the_tables_say_of_picked_rows_what_info_says(reference: Path, tmp_path: Path) -> None:
    asked = [written(allele, 1, 0) for allele in places()]
    files = run(reference, asked, tmp_path / "out")
    columns = ["made_af", "made_name", "made_count", "zone", "score"]
    rows = query(f"SELECT {', '.join(columns)} FROM '{files['parquet']}' WHERE picked ORDER BY row").fetchall()
    tsv = [line.split("\t") for line in files["tsv"].read_text().splitlines()]
    at = [tsv[0].index(column) for column in columns]
    picked = [cells for cells in tsv[1:] if cells[tsv[0].index("picked")] == "1"]
    hits = 0
    for info, row, cells in zip(infos(files), rows, picked, strict=True):
        for column, value, place in zip(columns, row, at, strict=True):
            said = info.get(column.upper())
            hits += said is not None
            if isinstance(value, str) or value is None:
                assert (value, cells[place]) == (said, said or "")
            else:
                assert said is not None
                assert float(said) == value == float(cells[place])
    assert hits > 300
