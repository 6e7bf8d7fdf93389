from __future__ import annotations

import errno
import fcntl
import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest

from annotations import erasure, submission
from annotations.areas import area
from annotations.explorer import database, failing, files, making
from annotations.explorer.tests.made import allele, table, transcript
from annotations.models import Output, OutputKind, Result, StorageState
from gas.models import Incident

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
    with pytest.raises(files.NotMadeError):
        files.tables_of(result, wait_seconds=30)
    assert [path.suffix for path in files.folder().iterdir()] == [".failed"]
    good = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    tables = files.tables_of(good, wait_seconds=30)
    assert tables.rows.parent == tables.alleles.parent == files.folder()


def test_each_process_says_how_far_the_one_that_makes_the_file_has_come(monkeypatch, tmp_path):
    target = tmp_path / f"{uuid4()}.{uuid4()}.1.alleles.duckdb"
    heard, goes_on = threading.Event(), threading.Event()

    def make(beside, hear):
        hear(0.42)
        heard.set()
        assert goes_on.wait(30)
        beside.touch()

    for _ in range(2):  # what two processes share is the folder alone
        monkeypatch.setattr(making, "makers", making._Makers())
        with pytest.raises(making.PreparingError) as told:
            making.have(target, make, wait_seconds=0)
        assert heard.wait(30)
    assert told.value.percent == 42
    goes_on.set()
    making.have(target, make, wait_seconds=30)
    assert target.exists()


# --- What cannot be made ------------------------------------------------------------------------
@pytest.fixture
def broken(user, make_result) -> Result:
    """A result whose stored table has lost its end."""
    result: Result = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    path = _stored(result, OutputKind.PARQUET)
    os.truncate(path, path.stat().st_size - 50)
    return result


def _stored(result: Result, kind: OutputKind) -> Path:
    path = area("results").local_path(Output.objects.get(result=result, kind=kind).storage_key)
    assert path is not None
    return path


def _said(page: str) -> str:
    return page.partition("The table cannot be shown now</h2>")[2].partition("</p>")[0]


@contextmanager
def _no_file_beyond(size: int) -> Iterator[None]:
    """A disk without room, as far as this process can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_table_that_was_cut_short_says_so_once_and_is_tried_again_when_somebody_asks(client, broken, caplog):
    address = f"/jobs/{broken.pk}/explore/?impact=HIGH"
    answer = client.get(address)
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "not what was recorded" in _said(page)
    assert "Its other files can be downloaded as before." in page
    assert 'hx-trigger="every' not in page
    first = Incident.objects.get()
    assert f"<code>{first.code}</code>" in page
    assert first.place == f"alleles of job {broken.pk}"
    assert "ObjectChangedError" in first.traceback
    assert [record.ctx_job for record in caplog.records if first.code in record.message] == [str(broken.pk)]

    assert f"<code>{first.code}</code>" in client.get(address).content.decode()  # looked at, not tried

    answer = client.post(f"/jobs/{broken.pk}/explore/again", {"next": address})
    assert answer.headers["Location"] == address
    assert first.code not in client.get(address).content.decode()
    assert Incident.objects.count() == 2


def test_a_table_that_is_mended_is_shown_after_a_while(client, broken):
    assert client.get(f"/jobs/{broken.pk}/explore/").status_code == 500
    _stored(broken, OutputKind.PARQUET).write_bytes(table([allele("chr19", 10, "A", "G", MISSENSE)]))
    (note,) = files.folder().glob("*.failed")
    assert client.get(f"/jobs/{broken.pk}/explore/").status_code == 500
    os.utime(note, (1, time.time() - failing.RETRY_SECONDS))
    assert client.get(f"/jobs/{broken.pk}/explore/").status_code == 200


def test_what_another_process_could_not_make_is_not_tried_again(client, broken):
    target = files._wanted(broken).tables.alleles
    files.folder().mkdir()
    with target.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # the other process is at it
        files.prepare(broken)
        (maker,) = making.makers._by_file.values()
        theirs = failing.failure_of(OSError(errno.ENOSPC, "No space left on device"))
        failing.note(target, theirs)
    maker.thread.join(30)
    page = client.get(f"/jobs/{broken.pk}/explore/").content.decode()
    assert "has no room" in _said(page)
    assert f"<code>{theirs.code}</code>" in page
    assert [incident.code for incident in Incident.objects.all()] == [theirs.code]


def test_a_full_disk_and_a_folder_that_cannot_be_made_are_told_apart(client, user, make_result, settings, tmp_path):
    result = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    with _no_file_beyond(200_000):
        page = client.get(f"/jobs/{result.pk}/explore/").content.decode()
    assert "has no room" in _said(page)
    (tmp_path / "file").touch()
    settings.EXPLORER_DIR = tmp_path / "file" / "explorer"
    assert "Something broke on our side" in _said(client.get(f"/jobs/{result.pk}/explore/").content.decode())
    settings.EXPLORER_DIR = tmp_path / "elsewhere"
    assert client.get(f"/jobs/{result.pk}/explore/").status_code == 200


def test_where_not_even_the_note_can_be_written_whoever_asks_hears_of_the_try_before(
    user, make_result, settings, tmp_path
):
    (tmp_path / "file").touch()
    settings.EXPLORER_DIR = tmp_path / "file" / "explorer"
    result = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    wanted = files._wanted(result)
    maker = making.makers.start(wanted.tables.alleles, lambda: False, wanted.make)
    maker.thread.join(30)
    heard = maker.failure
    assert heard is not None
    with pytest.raises(files.NotMadeError) as told:
        files.tables_of(result)
    assert told.value.code == heard.code


def test_every_page_that_needs_the_table_says_why_there_is_none(client, user, broken, make_result):
    other = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    for address in (f"/jobs/{other.pk}/compare/?with={broken.pk}", f"/jobs/{broken.pk}/variants/0/"):
        page = client.get(address).content.decode()
        assert "not what was recorded" in _said(page), address
        assert f'action="/jobs/{broken.pk}/explore/again"' in page
    assert client.get(f"/jobs/{broken.pk}/explore/headline").status_code == 204
    assert client.get(f"/jobs/{broken.pk}/").status_code == 200
    assert b"could not be read" in client.get(f"/jobs/{broken.pk}/report").content


def test_an_object_that_is_gone_is_not_what_was_recorded(client, broken):
    for kind in (OutputKind.PARQUET, OutputKind.VCF):
        _stored(broken, kind).unlink()
    assert "not what was recorded" in _said(client.get(f"/jobs/{broken.pk}/explore/").content.decode())


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


# --- Tidying ------------------------------------------------------------------------------------
def test_what_is_not_ours_in_the_folder_is_left_alone(user, make_result):
    files.tables_of(make_result(user, table([])))
    stranger = f"{uuid4()}.{uuid4()}.1.alleles.duckdb"  # the form of ours: of a job that is gone
    names = ["5000000.alleles.duckdb", "mine.rows.parquet", "notes.partial", "a+b.comparison.duckdb", "last.failed"]
    for name in (*names, stranger):
        (files.folder() / name).touch()
        os.utime(files.folder() / name, (1, 1))
    files.tidy()
    left = {path.name for path in files.folder().iterdir()}
    assert left >= set(names)
    assert stranger not in left


def test_what_cannot_be_tidied_is_logged_and_the_reader_has_the_table(
    client, user, make_result, monkeypatch, settings, caplog
):
    monkeypatch.setattr(files, "TIDY_SECONDS", -1)
    result = make_result(user, table([allele("chr19", 10, "A", "G", MISSENSE)]))
    stuck, gone = (files.folder() / f"{uuid4()}.{uuid4()}.1.alleles.duckdb" for _ in range(2))
    stuck.mkdir(parents=True)  # nobody can unlink a folder, not even root
    gone.touch()
    assert client.get(f"/jobs/{result.pk}/explore/").status_code == 200
    assert f"{stuck.name} could not be deleted" in caplog.text
    assert not gone.exists()
    settings.EXPLORER_CACHE_MB = None  # and where tidying breaks for a reason that nobody thought of
    assert client.get(f"/jobs/{result.pk}/explore/").status_code == 200
    assert "could not be tidied" in caplog.text
