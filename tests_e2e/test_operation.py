"""What an operator does on a bad day: everything is lost, and the backup brings it back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests_e2e import deployments
from tests_e2e.deployments import Templates
from tests_e2e.inputs import small_vcf
from tests_e2e.visitor import new_visitor

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("operation")]


def test_a_backup_brings_a_lost_service_back_whole(templates: Templates, tmp_path: Path) -> None:
    backup = tmp_path / "backups" / "today"
    with deployments.local(templates, tmp_path / "var", GAS_SWEEP_SECONDS="5") as site:
        site.start("web", "annotate", "control", "beat")
        visitor = new_visitor(site)
        done = visitor.annotate(small_vcf(), name="done")
        assert site.wait_for_job(done)["status"] == "completed"
        before = visitor.download(done, "vcf", tmp_path / "before.vcf.gz").read_bytes()
        site.manage("backup", str(backup))
        site.stop()

        # Everything is lost but the settings and the backup.
        shutil.rmtree(site.folder)
        site.folder.mkdir()
        site.manage("restore_backup", str(backup))
        site.check_invariants()
        site.prepare()
        site.start("web")
        # The same session still opens the same page: the secret came back too.
        assert visitor.download(done, "vcf", tmp_path / "after.vcf.gz").read_bytes() == before
        site.stop()
