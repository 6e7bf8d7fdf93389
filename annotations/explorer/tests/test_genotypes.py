"""Genotype filters against a reading of the same VCF that shares nothing with ours but the specification."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from django.http import QueryDict
from django.test import Client

from accounts.tests.people import BACKEND
from annotations.explorer import database, files, queries
from annotations.explorer.conditions import both, conditions_of, trio_of
from annotations.explorer.filters import LISTED_SAMPLES, Filters
from annotations.explorer.inheritance import GENOTYPES, PATTERNS, column
from annotations.explorer.tests.made import allele, table, transcript
from annotations.genomics.output.bgzf import BGZF_END, pack_blocks
from annotations.genomics.tests.made import BENCH

pytestmark = pytest.mark.django_db

TRIO = ("child", "mother", "father")
Record = tuple[str, int, str, str, str, tuple[str, ...]]  # contig, pos, ref, alts, FORMAT, samples
GTS = ("0/0", "0|1", "1/1", "./.", "1/2", "0/.", "./1", "2|2", "1", "0", ".", "0/0/1", "2", "|1|0")


def pack(text: str) -> bytes:
    content = text.encode()
    blocks = [memoryview(content[at : at + 60_000]) for at in range(0, len(content), 60_000)]
    return b"".join([*pack_blocks(blocks), BGZF_END])


def vcf_of(records: Sequence[Record], samples: tuple[str, ...] = TRIO) -> bytes:
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    lines = ["##fileformat=VCFv4.2", "\t".join(head)]
    for contig, pos, ref, alts, keys, calls in records:
        lines.append("\t".join([contig, str(pos), ".", ref, alts, ".", "PASS", "CSQ=x", keys, *calls]))
    return pack("\n".join(lines) + "\n")


def table_of(records: Sequence[Record], gene: Callable[[int], str | None] = lambda number: "RYR1") -> bytes:
    alleles = []
    for number, (contig, pos, ref, alts, _, _) in enumerate(records):
        for place, alt in enumerate(alts.split(","), 1):
            if alt != "*":  # such an allele is carried, and has no row
                row = transcript("missense_variant", gene(number))
                alleles.append(allele(contig, pos, ref, alt, row, alt_index=place, line=number + 3))
    return table(alleles, groups=3)


def found(result, query: str) -> list[tuple[int, str]]:
    filters = Filters(QueryDict(query), samples=files.samples_of(result))
    with database.opened(result, genotypes=filters.asks_genotypes) as tables:
        where = queries.kept(tables, both(conditions_of(filters.values, tables, tables.columns()).values()))
        rows = tables.all(f"SELECT pos, alt FROM {where.source} WHERE {where.sql} ORDER BY allele", where.parameters)
        assert queries.count(tables, where) == len(rows)
    return [(row["pos"], row["alt"]) for row in rows]


# --- The plain reading ------------------------------------------------------------------------------
def kind_of(gt: str, alt_index: int) -> str:
    """What a GT says of an allele, in the words of the filter."""
    calls = gt.replace("|", "/").removeprefix("/").split("/")
    mine = [call for call in calls if call == str(alt_index)]
    called = [call for call in calls if call != "."]
    if not mine:
        return "ref" if called and called == calls else "missing"
    if len(mine) < len(called):
        return "het"
    if called != calls:
        return "half"
    return "hom" if len(mine) > 1 else "hemi"


def made_records() -> list[Record]:
    chance = random.Random(7)
    records: list[Record] = []
    for number in range(600):
        keys = chance.choice(("GT", "GT:DP", "DP:GT", "DP"))
        calls = []
        for _ in TRIO:
            gt = chance.choice(GTS[: 4 if number % 3 else None])
            calls.append({"GT": gt, "GT:DP": f"{gt}:7", "DP:GT": f"7:{gt}", "DP": "7"}[keys])
        contig = "chr1" if number < 300 else "chr19" if number < 500 else "chrM"
        alts = chance.choice(("G", "G,T", "*,G", "G,*"))
        # A place may stand twice in a file, with other genotypes.
        records.append((contig, 100 + number // 2 * 10, "A", alts, keys, tuple(calls)))
    return records


def expected(records: list[Record], wanted: Callable[[list[str]], bool]) -> list[tuple[int, str]]:
    rows = []
    for _, pos, _, alts, keys, calls in records:
        for place, alt in enumerate(alts.split(","), 1):
            if alt == "*":
                continue
            at = keys.split(":").index("GT") if "GT" in keys else None
            kinds = [kind_of(call.split(":")[at], place) if at is not None else "missing" for call in calls]
            if wanted(kinds):
                rows.append((pos, alt))
    return rows


CARRIES = ("het", "hom", "hemi", "half")


@pytest.fixture
def made(user, make_result):
    records = made_records()
    return records, make_result(user, table_of(records), vcf_of(records))


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("genotype", list(GENOTYPES))
def test_the_genotype_of_a_sample_is_that_of_the_file(genotype, number, made):
    records, result = made
    kinds = {"carrier": CARRIES, "hom": ("hom", "hemi")}.get(genotype, (genotype,))
    wanted = expected(records, lambda trio: trio[number] in kinds)
    assert wanted
    assert found(result, f"sample={TRIO[number]}&genotype={genotype}") == wanted


def test_patterns_of_a_trio_are_those_of_the_file(made):
    records, result = made
    trio = "&child=child&mother=mother&father=father"
    patterns: dict[str, Callable[[str, str, str], bool]] = {
        "recessive": lambda c, m, f: (c, m, f) == ("hom", "het", "het"),
        "from_mother": lambda c, m, f: c in CARRIES and m in CARRIES and f == "ref",
        "from_father": lambda c, m, f: c in CARRIES and f in CARRIES and m == "ref",
    }
    for name, fits in patterns.items():
        wanted = expected(records, partial(_fit, fits))
        assert wanted
        assert found(result, f"pattern={name}{trio}") == wanted
    nuclear = [record for record in records if record[0] != "chrM"]
    wanted = expected(nuclear, lambda kinds: kinds[0] in CARRIES and kinds[1] == kinds[2] == "ref")
    assert wanted
    assert found(result, f"pattern=de_novo{trio}&region=chr1+chr19") == wanted


def test_the_fathers_genotype_says_nothing_of_a_mitochondrion(user, make_result):
    records = [
        ("chrM", 100, "A", "G", "GT", ("1", "0", "1")),
        ("chrM", 200, "A", "G", "GT", ("1", "1", "0")),
        ("chr1", 300, "A", "G", "GT", ("0/1", "0/0", "0/1")),
        ("chr1", 400, "A", "G", "GT", ("0/1", "0/0", "./.")),
        ("chr1", 500, "A", "G", "GT", ("0/1", "0/0", "0/0")),
    ]
    result = make_result(user, table_of(records), vcf_of(records))
    assert found(result, "pattern=de_novo&child=child&mother=mother&father=father") == [(500, "G"), (100, "G")]


def _fit(fits: Callable[..., bool], kinds: list[str]) -> bool:
    return fits(*kinds)


COMPOUND = [
    ("chr1", 100, "A", "G", "GT", ("0/1", "0/1", "0/0")),  # one of each parent, in gene A
    ("chr1", 110, "A", "G", "GT", ("0/1", "0/0", "0/1")),
    ("chr1", 120, "A", "G", "GT", ("0/1", "0/1", "0/1")),  # of either: says nothing
    ("chr19", 200, "A", "G", "GT", ("0/1", "0/1", "0/0")),  # both of the mother, in gene B
    ("chr19", 210, "A", "G", "GT", ("0/1", "0/1", "0/0")),
    ("chr19", 300, "A", "G,T", "GT", ("1/2", "0/1", "0/2")),  # at one place, in gene C
    ("chrM", 400, "A", "G", "GT", ("0/1", "0/1", "0/0")),  # in no gene
    ("chrM", 410, "A", "G", "GT", ("0/1", "0/0", "0/1")),
]
GENES = ("A", "A", "A", "B", "B", "C", None, None)


def test_a_compound_heterozygote_has_one_allele_of_each_parent_in_a_gene(user, make_result):
    result = make_result(user, table_of(COMPOUND, GENES.__getitem__), vcf_of(COMPOUND))
    trio = "pattern=compound&child=child&mother=mother&father=father"
    assert found(result, trio) == [(100, "G"), (110, "G"), (300, "G"), (300, "T")]
    # Its other half has to pass the other filters too.
    assert found(result, f"{trio}&region=chr1:100-105+chr19") == [(300, "G"), (300, "T")]


def test_an_x_linked_allele_comes_to_a_son_from_a_mother_who_carries_it(user, make_result):
    records = [
        ("chrX", 100, "A", "G", "GT", ("1", "0/1", "0")),
        ("chrX", 200, "A", "G", "GT", ("1", "0/0", "0")),
        ("chrX", 300, "A", "G", "GT", ("1/1", "0/1", "1")),
        ("chrX", 400, "A", "G", "GT", ("0/1", "0/1", "0")),
        ("chr1", 500, "A", "G", "GT", ("1/1", "0/1", "0/0")),
    ]
    result = make_result(user, table_of(records), vcf_of(records))
    trio = "pattern=x_linked&child=child&mother=mother&father=father"
    assert found(result, trio) == [(100, "G"), (300, "G")]
    assert found(result, f"{trio}&sex=male") == [(100, "G")]
    assert found(result, f"{trio}&sex=female") == [(300, "G")]


def test_a_file_out_of_genome_order_gives_each_allele_its_own_genotypes(user, make_result):
    records = [
        ("chr19", 500, "A", "G", "GT", ("0/1", "0/0", "0/0")),
        ("chr1", 7, "A", "G", "GT", ("1/1", "0/0", "0/0")),
        ("chr19", 20, "A", "G", "GT", ("0/0", "0/0", "0/0")),
    ]
    result = make_result(user, table_of(records), vcf_of(records))
    assert found(result, "sample=child&genotype=het") == [(500, "G")]
    assert found(result, "sample=child&genotype=hom") == [(7, "G")]


def test_counts_beside_genotypes_and_patterns_are_what_each_would_leave(made):
    _, result = made
    trio = "child=child&mother=mother&father=father"
    query = f"sample=mother&genotype=het&{trio}&pattern=from_mother&region=chr1"
    filters = Filters(QueryDict(query))
    with database.opened(result, genotypes=True) as tables:
        conditions = conditions_of(filters.values, tables, tables.columns())
        genotypes = queries.genotype_counts(tables, column(tables.samples()["mother"]), conditions)
        people = trio_of(filters.values, tables.samples())
        assert people is not None
        patterns = queries.pattern_counts(tables, people, conditions)
    of_trio = f"{trio}&region=chr1&pattern=from_mother&sample=mother"
    assert genotypes == [(name, len(found(result, f"{of_trio}&genotype={name}"))) for name in GENOTYPES]
    of_sample = f"{trio}&region=chr1&sample=mother&genotype=het"
    assert patterns == [(name, len(found(result, f"{of_sample}&pattern={name}"))) for name in PATTERNS]
    assert sum(number for _, number in patterns) > 0


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("sample=nobody", "sample", "no sample nobody"),
        ("genotype=het", "genotype", "Name the sample"),
        ("sample=child&genotype=most", "genotype", "is not one of the genotypes"),
        ("pattern=de_novo&child=child&mother=mother", "pattern", "a child, a mother and a father"),
        ("pattern=de_novo&child=child&mother=mother&father=child", "child", "are three samples"),
    ],
)
def test_a_question_about_nobody_is_an_error_at_its_field(query, field, words):
    filters = Filters(QueryDict(query), samples=TRIO)
    assert words in filters.errors[field][0]
    assert field not in filters.values


def test_the_page_offers_the_samples_and_counts_their_genotypes(user, made):
    _, result = made
    client = Client()
    client.force_login(user, backend=BACKEND)
    page = client.get(f"/jobs/{result.pk}/explore/").content.decode()
    assert "Genotypes of 3 samples" in page
    assert '<option value="mother">mother</option>' in page
    assert not list(files.folder().glob("*.genotypes.duckdb"))  # nobody has asked
    trio = "child=child&mother=mother&father=father"
    counts = client.get(f"/jobs/{result.pk}/explore/counts?sample=child&{trio}&pattern=de_novo").content.decode()
    assert 'type="checkbox" name="genotype" value="het"' in counts
    assert 'type="radio" name="pattern" value="de_novo" checked' in counts


def test_the_names_of_many_samples_are_typed_and_completed_once_somebody_goes_there(user, make_result):
    names = tuple(f'S{number}"<b>' for number in range(LISTED_SAMPLES + 1))
    records = [("chr1", 100, "A", "G", "GT", ("0/1",) * len(names))]
    result = make_result(user, table_of(records), vcf_of(records, names))
    client = Client()
    client.force_login(user, backend=BACKEND)
    page = client.get(f"/jobs/{result.pk}/explore/").content.decode()
    assert page.count('list="sample-names"') == 4
    assert "S77" not in page
    assert f'hx-get="/jobs/{result.pk}/explore/samples"' in page
    options = client.get(f"/jobs/{result.pk}/explore/samples").content.decode()
    assert options.count("<option") == len(names)
    assert '<option value="S77&quot;&lt;b&gt;">' in options


def test_a_vcf_that_is_not_the_tables_gives_no_genotypes(user, make_result):
    records = [("chr1", 100, "A", "G", "GT", ("0/1", "0/1", "0/0"))]
    result = make_result(user, table_of(records), vcf_of([("chr1", 101, "A", "G", "GT", ("0/1", "0/1", "0/0"))]))
    client = Client()
    client.force_login(user, backend=BACKEND)
    answer = client.get(f"/jobs/{result.pk}/explore/?sample=child&genotype=het")
    assert answer.status_code == 422
    assert "genotypes of this file cannot be read" in answer.content.decode()


def test_a_file_without_samples_has_no_genotype_filters(user, make_result):
    result = make_result(user, table_of([("chr1", 100, "A", "G", "GT", ())]))
    client = Client()
    client.force_login(user, backend=BACKEND)
    assert "Genotypes of" not in client.get(f"/jobs/{result.pk}/explore/").content.decode()


# --- A real cohort ------------------------------------------------------------------------------
COHORT = BENCH / "inputs/kgp30x_RYR1_chr19_3202_samples.vcf.gz"


@pytest.mark.skipif(not COHORT.exists(), reason="the cohort of ../shared/data/bench is not here")
def test_genotypes_of_3202_people_are_those_that_htslib_reads(user, make_result, tmp_path):
    pysam = pytest.importorskip("pysam")
    with gzip.open(COHORT, "rt") as lines:
        text = list(lines)
    records: list[Record] = []
    for line in (line for line in text if not line.startswith("#")):
        contig, pos, _, ref, alts, *_ = line.split("\t", 6)
        records.append((contig, int(pos), ref, alts, "GT", ()))
    result = make_result(user, table_of(records), pack("".join(text)))
    names = files.samples_of(result)
    assert len(names) == 3202
    with pysam.VariantFile(str(COHORT)) as file:
        for place in (0, 1700, 3201):
            wanted = []
            file.reset()
            for record in file:
                calls = record.samples[place]["GT"]
                for number, alt in enumerate(record.alts or (), 1):
                    if calls.count(number) == 1 and len(calls) == 2 and alt != "*":
                        wanted.append((record.pos, alt))
            assert found(result, f"sample={names[place]}&genotype=het") == wanted
