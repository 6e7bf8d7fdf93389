"""Files of the table that were damaged after they were made, as the pages meet them."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from annotations.areas import area
from annotations.explorer import damage, database, files
from annotations.explorer.tests.made import allele, table, transcript
from annotations.explorer.tests.test_genotypes import vcf_of
from annotations.models import Output, OutputKind, Result
from gas.models import Incident

pytestmark = pytest.mark.django_db

Damage = Callable[[Path], object]
CALLS = ("0/1", "0/0", "0/0")
HEAD = 12288  # of DuckDB's own format: three headers


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    """All blocks behind the headers, as a disk does that lost them."""
    _write(path, HEAD, os.urandom(path.stat().st_size - HEAD))


def of_another_version(path: Path) -> None:
    """The header as another DuckDB would write it, its checksum included."""
    _write(path, 12, struct.pack("<Q", 7))
    with pytest.raises(duckdb.Error, match="checksum") as told:
        duckdb.connect(str(path), read_only=True)
    (right,) = re.findall(r"computed checksum (\d+)", str(told.value))
    _write(path, 0, struct.pack("<Q", int(right)))
    with pytest.raises(duckdb.IOException, match="version"):
        duckdb.connect(str(path), read_only=True)


def _write(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(content)


def without_a_table(path: Path) -> None:
    """As a release that did not need it yet would have made it."""
    with duckdb.connect(str(path)) as connection:
        found = connection.execute("SELECT max(table_name) FROM duckdb_tables()").fetchall()
        connection.execute(f"DROP TABLE {found[0][0]}")


DAMAGES = [cut_in_half, lambda path: os.truncate(path, 0), overwrite, of_another_version, without_a_table]
NAMES = ["cut in half", "empty", "overwritten", "of another version", "without a table"]


@pytest.fixture
def results(user, make_result) -> list[Result]:
    """Two of the same alleles, with genotypes."""
    missense, intron = transcript("missense_variant", "RYR1"), transcript("intron_variant", "RYR1")
    places = range(10, 300, 10)
    content = table([allele("chr19", pos, "A", "G", missense, intron, line=pos // 10 + 2) for pos in places])
    vcf = vcf_of([("chr19", pos, "A", "G", "GT", CALLS) for pos in places])
    return [make_result(user, content, vcf) for _ in range(2)]


def _addresses(results: list[Result]) -> dict[str, str]:
    """A page for each kind of file, by its ending."""
    ours, other = results
    return {
        ".alleles.duckdb": f"/jobs/{ours.pk}/explore/?gene=RYR1",
        ".genotypes.duckdb": f"/jobs/{ours.pk}/explore/?sample=child&genotype=het",
        ".comparison.duckdb": f"/jobs/{ours.pk}/compare/?with={other.pk}",
    }


def _forget_attached() -> None:
    """From here on the pages are those of a process that has read nothing yet."""
    for path in [*database._attachments]:
        database._database().execute(f'DETACH DATABASE IF EXISTS "{path.stem}"')
    database._attachments.clear()


def _file(result: Result, ending: str) -> Path:
    (path,) = (path for path in files.folder().glob(f"*{ending}") if str(result.pk) in path.name)
    return path


@pytest.mark.parametrize("harm", DAMAGES, ids=NAMES)
@pytest.mark.parametrize("ending", [".alleles.duckdb", ".genotypes.duckdb", ".comparison.duckdb"])
def test_a_damaged_file_is_thrown_away_and_made_again(harm: Damage, ending, client, results, caplog):
    address = _addresses(results)[ending]
    before = client.get(address)
    path = _file(results[0], ending)
    _forget_attached()
    harm(path)
    answer = client.get(address)
    assert answer.status_code == 202
    assert f"{path.name} was damaged" in caplog.text
    assert not path.exists()
    after = client.get(address)
    assert (after.status_code, _number(after)) == (200, _number(before))
    assert damage.is_whole(path)
    assert Incident.objects.count() == 0


def _number(answer) -> list[str]:
    return re.findall(r"chr19:\d+", answer.content.decode())


@pytest.mark.parametrize("ending", [".alleles.duckdb", ".genotypes.duckdb", ".comparison.duckdb"])
def test_a_file_that_is_damaged_again_is_one_that_cannot_be_made_until_somebody_asks(ending, client, results):
    address = _addresses(results)[ending]
    assert client.get(address).status_code == 200
    for _ in range(2):
        _forget_attached()
        cut_in_half(_file(results[0], ending))
        assert client.get(address).status_code == 202
        answer = client.get(address)
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "Something broke on our side" in page
    incident = Incident.objects.get()
    assert f"<code>{incident.code}</code>" in page
    assert incident.error == "IOException"
    client.post(f"/jobs/{results[0].pk}/explore/again", {"next": address})
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("ending", [".genotypes.duckdb", ".comparison.duckdb"])
def test_what_is_made_of_a_damaged_file_waits_for_that_to_be_made_again(ending, client, results):
    tables = files.tables_of(results[0])
    overwrite(tables.alleles)
    address = _addresses(results)[ending]
    answers = [client.get(address).status_code for _ in range(2)]
    assert answers == [202, 200]
    assert damage.is_whole(tables.alleles)


def test_a_file_that_was_replaced_by_another_process_is_read_anew(client, results):
    address = _addresses(results)[".alleles.duckdb"]
    assert client.get(address).status_code == 200
    path = _file(results[0], ".alleles.duckdb")
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole)
    with database.opened(results[0]) as tables:
        assert tables.all("SELECT count(*) AS n FROM alleles") == [{"n": 29}]
        held = [os.stat(f"/proc/self/fd/{fd}").st_ino for fd in os.listdir("/proc/self/fd") if _is_of(fd, str(path))]
    assert held == [path.stat().st_ino]


def _is_of(fd: str, path: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").removesuffix(" (deleted)") == path
    except FileNotFoundError:
        return False


def test_a_damaged_copy_of_the_stored_table_is_fetched_again(client, results, monkeypatch):
    monkeypatch.setattr("annotations.areas.FileArea.local_path", lambda self, key: None)
    address = f"/jobs/{results[0].pk}/explore/transcripts/0"
    assert client.get(address).status_code == 200
    copy = _file(results[0], ".rows.parquet")
    assert copy.parent == files.folder()
    cut_in_half(copy)
    assert [client.get(address).status_code for _ in range(2)] == [202, 200]


def test_a_stored_table_that_was_damaged_later_is_kept_and_said_to_be_not_what_was_recorded(client, results):
    address = f"/jobs/{results[0].pk}/explore/transcripts/0"
    assert client.get(address).status_code == 200
    stored = area("results").local_path(Output.objects.get(result=results[0], kind=OutputKind.PARQUET).storage_key)
    assert stored is not None
    cut_in_half(stored)
    assert client.get(address).status_code == 202
    answer = client.get(address)
    assert answer.status_code == 500
    assert b"not what was recorded" in answer.content
    assert stored.exists()


def test_an_error_that_no_damage_explains_is_ours_and_leaves_the_file(user, results):
    path = files.tables_of(results[0]).alleles
    inode = path.stat().st_ino
    with pytest.raises(duckdb.CatalogException), database.opened(results[0]) as tables:
        tables.execute("SELECT * FROM nothing_of_that_name")
    assert path.stat().st_ino == inode
