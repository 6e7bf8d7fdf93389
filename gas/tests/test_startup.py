import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as live_settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from gas import startup
from gas.startup import StartupError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.VAR_DIR = tmp_path


def test_one_run_holds_the_state_folder(settings):
    settings.PORT = 8123
    with startup.lock_state_folder(), pytest.raises(StartupError, match="running already on http://localhost:8123"):
        startup.lock_state_folder()
    startup.lock_state_folder().close()


HOLD_LOCK = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


def test_the_lock_of_a_killed_run_is_free(settings):
    command = [sys.executable, "-c", HOLD_LOCK, str(settings.VAR_DIR / "run.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StartupError):
            startup.lock_state_folder()
        process.kill()

    startup.lock_state_folder().close()


def test_a_taken_port_is_refused_with_what_to_do(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.BIND, settings.PORT = server.getsockname()
        with pytest.raises(StartupError, match=f"port {settings.PORT} .*set GAS_PORT to a free port"):
            startup.require_free_port()
    startup.require_free_port()


@pytest.mark.parametrize(
    ("bind", "bound", "local"),
    [
        ("127.0.0.1", "127.0.0.1:8000", "http://localhost:8000"),
        ("::1", "[::1]:8000", "http://localhost:8000"),
        ("::", "[::]:8000", "http://localhost:8000"),
        ("fd00::7", "[fd00::7]:8000", "http://[fd00::7]:8000"),
    ],
)
def test_addresses_of_ipv6_are_in_brackets(settings, bind, bound, local):
    settings.BIND, settings.PORT = bind, 8000

    assert (startup.bound_to(), startup.local_address()) == (bound, local)
    assert urlsplit(f"http://{startup.bound_to()}/healthz").port == 8000


def test_an_address_of_another_machine_is_refused(settings):
    settings.BIND = "192.0.2.1"

    with pytest.raises(StartupError, match=r"cannot listen on 192\.0\.2\.1"):
        startup.require_free_port()


def test_settings_that_do_not_fit_together_are_refused(settings):
    settings.STORAGE = "s3"

    with pytest.raises(StartupError, match="The file broker works within one host"):
        startup.require_settings()


@pytest.mark.django_db
def test_a_database_newer_than_the_code_is_refused():
    startup._refuse_newer_database()
    MigrationRecorder(connection).record_applied("gas", "9999_from_the_future")

    with pytest.raises(StartupError, match=r"newer than this version of GAS.*gas\.9999_from_the_future"):
        startup._refuse_newer_database()


def test_a_broken_database_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "gas.sqlite3").write_bytes(b"this is not a database" * 100)

    done = manage_run(tmp_path)

    assert done.returncode == 1
    assert done.stderr.strip().endswith("or restore a backup.")
    assert "file is not a database" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def manage_run(var_dir, **variables):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = {"PATH": "/usr/bin:/bin", "GAS_VAR_DIR": str(var_dir), "GAS_PORT": str(port), **variables}
    return subprocess.run(
        [sys.executable, "manage.py", "run"],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_reference_that_is_not_installed_is_refused(settings, tmp_path):
    settings.REFERENCES_DIR, settings.DEFAULT_REFERENCE = tmp_path, "GRCh38"

    with pytest.raises(StartupError, match=r"The reference GRCh38 is not installed in .*manage\.py reference"):
        startup.prepare_reference(print)


def test_an_installed_reference_is_not_built_again(settings, tmp_path):
    settings.REFERENCES_DIR, settings.DEFAULT_REFERENCE = tmp_path, "demo"
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "manifest.json").write_text("{}")
    said: list[str] = []

    startup.prepare_reference(said.append)

    assert said == []


def test_demo_files_that_are_missing_are_told(settings, tmp_path):
    settings.REFERENCES_DIR, settings.DEFAULT_REFERENCE = tmp_path, "demo"
    settings.DEMO_REFERENCE_SOURCES = ["--assembly=GRCh38", "--fasta=/nowhere/chr19.fa", "--genes=/nowhere/genes.gff3"]

    with pytest.raises(StartupError, match=r"The demo reference could not be built from .*/nowhere/"):
        startup.prepare_reference(print)
    assert not (tmp_path / "demo").exists()


def test_an_annotator_that_does_not_run_is_told(settings):
    settings.ANNOTATOR = "gas.nothing_of_that_name"

    with pytest.raises(StartupError, match=r"The annotator does not run on this machine: .*nothing_of_that_name"):
        startup.prepare_annotator(print)


def test_the_demo_account_is_for_the_local_profile_only(settings):
    settings.IS_LOCAL = False

    assert startup.demo_account() is None


@pytest.mark.django_db
def test_the_demo_accounts_password_opens_it():
    from django.contrib.auth import get_user_model

    account = startup.demo_account()
    assert account
    address, password = account
    assert len(password) >= 10
    assert get_user_model().objects.get(email=address).check_password(password)
    assert startup.demo_account() == (address, password)
    assert live_settings.IS_LOCAL


HEAVY = ("numba", "pyarrow", "boto3")
LOAD_THE_PAGES = f"""
import sys, django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
import gas.celery
gas.celery.app.loader.import_default_modules()
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_programs_start_without_what_only_annotating_or_the_cloud_needs(tmp_path):
    """It would be two thirds of the time to start, and a hundred megabytes in each program."""
    environment = {"DJANGO_SETTINGS_MODULE": "gas.settings", "GAS_VAR_DIR": str(tmp_path), "PATH": ""}
    command = [sys.executable, "-c", LOAD_THE_PAGES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
