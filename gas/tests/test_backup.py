"""A backup of one state folder, restored into another: real processes, real files."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests_e2e.emulators.postgres import MissingPostgresError, find_binaries, run_postgres

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.xdist_group("backup")  # they share a populated state folder

POPULATE = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from gas import audit
user = get_user_model().objects.create_superuser("ann@example.org", "a long password", name="Ann")
audit.record("make results", user)
audit.seal_batch()
for number in range(3):
    storages["results"].save(f"jobs/{number}/1/out.vcf.gz", ContentFile(bytes([number]) * 1000))
"""

COUNT = """
import django
django.setup()
from django.contrib.auth import authenticate, get_user_model
from django.core.files.storage import storages
from gas import audit
user = get_user_model().objects.get()
print(user.email, user.check_password("a long password"), list(audit.broken(deep=True)))
print([storages["results"].open(f"jobs/{number}/1/out.vcf.gz").read() == bytes([number]) * 1000 for number in range(3)])
"""


@contextmanager
def postgres_or_skip():
    try:
        with run_postgres() as server:
            yield server
    except MissingPostgresError as missing:
        if os.environ.get("REQUIRE_ALL_TESTS") == "1":
            raise
        pytest.skip(str(missing))


def run(var_dir, *command, expect=0, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GAS_")}
    environment |= {"DJANGO_SETTINGS_MODULE": "gas.settings", "GAS_VAR_DIR": str(var_dir), **variables}
    done = subprocess.run(
        [sys.executable, *command], check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def populated(tmp_path_factory):
    """A state folder with a user, an audit entry and three objects, and its backup."""
    var = tmp_path_factory.mktemp("from")
    run(var, "manage.py", "migrate", "--verbosity=0")
    run(var, "-c", POPULATE)
    folder = tmp_path_factory.mktemp("backups") / "today"
    run(var, "manage.py", "backup", str(folder))
    return var, folder


@pytest.fixture
def copy(populated, tmp_path):
    """The backup, to be spoilt."""
    return Path(shutil.copytree(populated[1], tmp_path / "copy"))


def test_a_backup_comes_back_whole_on_an_empty_machine(populated, tmp_path):
    var, folder = populated

    run(tmp_path / "new", "manage.py", "restore_backup", str(folder))

    assert run(tmp_path / "new", "-c", COUNT) == "ann@example.org True []\n[True, True, True]\n"
    assert (tmp_path / "new" / "secret-key").read_text() == (var / "secret-key").read_text()


def test_a_backup_is_for_its_owners_eyes_and_lists_all_it_holds(populated):
    folder = populated[1]
    manifest = json.loads((folder / "manifest.json").read_text())

    assert folder.stat().st_mode & 0o777 == 0o700
    listed = {one["path"] for one in manifest["files"]}
    assert {"database.sqlite3", "secret-key", "storage/results/jobs/2/1/out.vcf.gz"} <= listed
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert there == listed | {"manifest.json"}


def test_a_backup_does_not_go_over_another(populated):
    assert "is there already" in run(populated[0], "manage.py", "backup", str(populated[1]), expect=1)


def test_a_restore_never_overwrites(populated):
    var, folder = populated

    assert "The database is not empty" in run(var, "manage.py", "restore_backup", str(folder), expect=1)


def test_a_damaged_backup_is_refused_before_anything_is_touched(copy, tmp_path):
    damaged = copy / "storage" / "results" / "jobs" / "1" / "1" / "out.vcf.gz"
    damaged.write_bytes(b"x" * 1000)

    said = run(tmp_path / "new", "manage.py", "restore_backup", str(copy), expect=1)

    assert "storage/results/jobs/1/1/out.vcf.gz is not what was written. Nothing was restored." in said
    assert not (tmp_path / "new" / "storage").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "99.0.0"}, "newer than this one"),
        ({"database": "postgresql"}, "The backup is of a postgresql database"),
        (
            {"files": [{"path": "../secret-key", "size_bytes": 1, "sha256": ""}]},
            "../secret-key is not what was written",
        ),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(copy, tmp_path, change, said):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | change))

    assert said in run(tmp_path / "new", "manage.py", "restore_backup", str(copy), expect=1)


def test_a_folder_that_is_no_backup_is_refused(tmp_path):
    assert "is not a backup" in run(tmp_path / "new", "manage.py", "restore_backup", str(tmp_path), expect=1)


@pytest.mark.postgres
def test_a_postgresql_database_comes_back_too(tmp_path):
    with postgres_or_skip() as server:
        before, after = (server.url(server.create_database()) for _ in range(2))
        run(tmp_path / "old", "manage.py", "migrate", "--verbosity=0", GAS_DATABASE_URL=before)
        run(tmp_path / "old", "-c", POPULATE, GAS_DATABASE_URL=before)
        with_tools = {"PATH": f"{find_binaries()}{os.pathsep}{os.environ['PATH']}"}
        run(tmp_path / "old", "manage.py", "backup", str(tmp_path / "kept"), GAS_DATABASE_URL=before, **with_tools)
        restore = ("manage.py", "restore_backup", str(tmp_path / "kept"))
        run(tmp_path / "new", *restore, GAS_DATABASE_URL=after, **with_tools)

        assert (
            run(tmp_path / "new", "-c", COUNT, GAS_DATABASE_URL=after)
            == "ann@example.org True []\n[True, True, True]\n"
        )
        refused = run(tmp_path / "other", *restore, expect=1, GAS_DATABASE_URL=before, **with_tools)
        assert "The database is not empty" in refused
