import logging
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError

from gas import doctor, health, registry
from gas.clock import database_now
from gas.models import SweepRun

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _healthy(settings, tmp_path, monkeypatch):
    """A service with everything in place."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    settings.VAR_DIR, settings.WORK_DIR = tmp_path, tmp_path / "work"
    settings.MAIL_DIR = tmp_path / "mail"
    settings.MIN_FREE_PERCENT = 0
    monkeypatch.setattr(registry, "examinations", list)  # the apps' own are tested with them
    settings.STORAGES = settings.STORAGES | {
        area: {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / area}}
        for area in ("inputs", "results", "archive")
    }
    for sweep in registry.sweeps():
        SweepRun.objects.create(name=sweep.name, finished_at=database_now())


def faults():
    return {finding.name: finding.sentence for finding in doctor.examine() if finding.is_well is False}


def test_a_healthy_service_is_well(capsys, tmp_path):
    assert faults() == {}
    call_command("doctor")
    assert capsys.readouterr().out.endswith("All is well.\n")
    assert not list(tmp_path.rglob("doctor/*"))


def test_each_fault_comes_with_what_to_do(settings, capsys):
    settings.MIN_FREE_PERCENT = 100

    with pytest.raises(SystemExit):
        call_command("doctor")

    said = capsys.readouterr().out
    assert "no job is started below 100 %." in said
    assert "        Free space, or give GAS_VAR_DIR and GAS_WORK_DIR a larger disk." in said
    assert said.count("well    ") == len(doctor.EXAMINATIONS) - 1


def test_without_the_database_only_the_database_is_at_fault(monkeypatch, capsys):
    def away(*_, **__):
        raise OperationalError("connection refused")

    for name in ("MigrationExecutor", "database_now"):
        monkeypatch.setattr(doctor, name, away)
    monkeypatch.setattr(health, "late_sweeps", away)

    with pytest.raises(SystemExit):
        call_command("doctor")

    said = capsys.readouterr().out
    assert "FAULT   database: OperationalError: connection refused" in said
    assert "unseen  clock: the database must be well first." in said
    assert "chrony" not in said


def test_a_query_that_fails_while_the_database_is_well_is_a_fault(monkeypatch):
    def broken():
        raise OperationalError("no such table")

    monkeypatch.setattr(health, "late_sweeps", broken)

    assert faults() == {"sweeps": "OperationalError: no such table"}


def test_storage_that_cannot_be_written_is_found(tmp_path):
    (tmp_path / "results").write_text("a file where the folder should be")

    assert list(faults()) == ["storage of results"]


def test_storage_that_gives_back_something_else_is_found(monkeypatch):
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage

    monkeypatch.setattr(FileSystemStorage, "_open", lambda self, name, mode: ContentFile(b"other"))

    assert set(faults().values()) == {"What was read is not what was written."}


def test_clocks_that_are_apart_are_found(monkeypatch):
    monkeypatch.setattr(doctor, "database_now", lambda: database_now() - timedelta(hours=1))

    assert faults() == {"clock": "This machine's clock is +3600 s from the database's."}


def test_a_full_disk_is_found(settings):
    settings.MIN_FREE_PERCENT = 100

    assert list(faults()) == ["disk"]


def test_a_mail_server_that_does_not_answer_is_found(settings):
    settings.MAIL, settings.EMAIL_BACKEND = "smtp", "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 2

    assert faults() == {"mail": "127.0.0.1:1 does not let us in: Connection refused."}


def test_settings_that_do_not_fit_are_found(settings):
    settings.STORAGE = "s3"

    assert "The file broker works within one host, but the storage is S3." in faults()["settings"]
    assert "Set GAS_BROKER=sqs" in faults()["settings"]


def test_late_sweeps_are_found(settings):
    late = health.LATE_PERIODS * settings.SWEEP_SECONDS + 10
    SweepRun.objects.filter(name="outbox").update(finished_at=database_now() - timedelta(seconds=late))

    assert list(faults()) == ["sweeps"]


def test_migrations_that_are_missing_are_found():
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.recorder import MigrationRecorder

    ((app, newest),) = MigrationLoader(connection).graph.leaf_nodes("gas")
    MigrationRecorder(connection).record_unapplied(app, newest)

    assert faults() == {"database": "1 migration is not applied."}


def test_a_database_newer_than_the_code_is_found():
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder(connection).record_applied("gas", "9999_from_the_future")

    assert "newer than this code" in faults()["database"]


def test_doctor_looks_again_for_as_long_as_it_is_told_to(monkeypatch, capsys):
    from django.core.management import call_command

    from gas.management.commands import doctor as command

    seen = iter([[doctor.Finding("sweeps", False, "late", "wait")], [doctor.Finding("sweeps", True, "in time", "")]])
    monkeypatch.setattr(command, "LOOK_SECONDS", 0)
    monkeypatch.setattr(doctor, "examine", lambda: next(seen))
    call_command("doctor", "--wait=60")
    assert "All is well." in capsys.readouterr().out


def test_what_a_look_writes_to_the_log_is_not_between_the_lines_of_the_report(monkeypatch, caplog):
    def look() -> str:
        logging.getLogger("annotations.child").info("The annotator ended.")
        logging.getLogger("annotations.child").warning("The disk is slow.")
        return "runs"

    monkeypatch.setattr(doctor, "EXAMINATIONS", (registry.Examination("sandbox", look, ""),))
    with caplog.at_level(logging.INFO):
        call_command("doctor")
        logging.getLogger("annotations.child").info("Afterwards all is heard again.")
    assert caplog.messages == ["The disk is slow.", "Afterwards all is heard again."]
