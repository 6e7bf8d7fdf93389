from __future__ import annotations

import os

import duckdb
import pytest

from annotations import erasure, submission
from annotations.explorer import database, files
from annotations.explorer.tests.made import allele, table, transcript
from annotations.models import Output, OutputKind, Result, StorageState

pytestmark = pytest.mark.django_db

MISSENSE = transcript("missense_variant", "RYR1")
INTRON = transcript("intron_variant", "MAP4K1")
STOP = transcript("stop_gained", "RYR1")


def _alleles(result: Result, columns: str) -> list[tuple]:
    with database.opened(result) as tables:
        found: list[tuple] = tables.execute(f"SELECT {columns} FROM alleles ORDER BY allele").fetchall()
    return found


def test_each_allele_is_one_row_with_its_picked_transcript_and_the_genes_of_the_others(user, make_result):
    alleles = [allele("chr19", 10, "A", "G", MISSENSE, INTRON, STOP), allele("chr19", 20, "A", "AT", INTRON)]
    result = make_result(user, table(alleles, groups=2))
    assert _alleles(result, "allele, allele_row, pos, gene_symbol, other_genes, transcripts, hides_more_severe") == [
        (0, 0, 10, "RYR1", "MAP4K1", 3, True),
        (1, 1, 20, "MAP4K1", None, 1, False),
    ]


def test_alleles_are_numbered_in_genome_order_and_lead_back_to_their_rows(user, make_result):
    places = [("chr19", 500), ("chr1", 7), ("chr19", 20)]
    result = make_result(user, table([allele(contig, pos, "A", "G", MISSENSE) for contig, pos in places], groups=3))
    assert _alleles(result, "allele, contig, pos, allele_row") == [
        (0, "chr1", 7, 1),
        (1, "chr19", 20, 2),
        (2, "chr19", 500, 0),
    ]
    with database.opened(result) as tables:
        assert tables.all("SELECT pos FROM rows WHERE allele_row = 2") == [{"pos": 20}]


def test_a_result_without_alleles_is_an_empty_table(user, make_result):
    assert _alleles(make_result(user, table([])), "allele") == []


@pytest.mark.parametrize("state", [StorageState.COLD, StorageState.RESTORING, StorageState.DELETED])
def test_an_archived_table_is_not_at_hand(state, user, make_result):
    result = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    result.storage = state
    with pytest.raises(files.NotAtHandError), database.opened(result):
        pass


def test_queries_see_nothing_of_the_disk_but_the_tables(user, make_result, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    result = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    with database.opened(result) as tables:
        for statement in (
            f"FROM '{secret}'",
            f"COPY alleles TO '{secret}'",
            "SET memory_limit = '9GB'",
            "INSTALL httpfs",
        ):
            with pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException, duckdb.Error)):
                tables.execute(statement)
    assert secret.read_text() == "a\n1\n"


def test_a_query_that_takes_too_long_is_stopped(settings, user, make_result):
    settings.EXPLORER_QUERY_SECONDS = 0.1
    result = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    with database.opened(result) as tables:
        with pytest.raises(database.TooSlowError):
            tables.execute("SELECT count(*) FROM range(10000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3")
        assert tables.all("SELECT count(*) AS n FROM alleles") == [{"n": 1}]


def test_a_table_in_a_bucket_is_copied_and_only_the_recorded_bytes_are_taken(user, make_result, monkeypatch):
    monkeypatch.setattr("annotations.areas.FileArea.local_path", lambda self, key: None)
    result = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    Output.objects.filter(result=result, kind=OutputKind.PARQUET).update(sha256="0" * 64)
    with pytest.raises(files.PreparingError):
        files.tables_of(result, wait_seconds=30)
    assert list(files.folder().iterdir()) == []
    good = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    tables = files.tables_of(good, wait_seconds=30)
    assert tables.rows.parent == tables.alleles.parent == files.folder()


def test_the_files_of_a_deleted_job_and_of_an_erased_user_go(user, make_user, make_result):
    content = table([allele("chr19", 10, "A", "G", MISSENSE)])
    deleted, erased = make_result(user, content), make_result(make_user(), content)
    kept = make_result(make_user(), content)
    for result in (deleted, erased, kept):
        files.tables_of(result, wait_seconds=30)
    submission.delete_job(user, deleted.job)
    files.tidy()
    erasure.erase(erased.job.owner)
    assert [path.name.split(".")[1] for path in files.folder().glob("*.duckdb")] == [str(kept.pk)]


def test_what_was_not_used_for_longest_goes_when_the_folder_is_full(settings, user, make_result):
    content = table([allele("chr19", 10, "A", "G", MISSENSE)])
    old, new = make_result(user, content), make_result(user, content)
    paths = [files.tables_of(result, wait_seconds=30).alleles for result in (old, new)]
    os.utime(paths[0], (1, 1))
    settings.EXPLORER_CACHE_MB = paths[1].stat().st_size / 1_000_000
    files.tidy()
    assert [path.exists() for path in paths] == [False, True]
