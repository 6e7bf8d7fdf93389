"""What an operator does on a bad day and a good one: back up, lose everything, come back; upgrade."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests_e2e import deployments
from tests_e2e.deployments import Templates
from tests_e2e.emulators.loopback import PROJECT
from tests_e2e.inputs import small_vcf
from tests_e2e.processes import wait_until
from tests_e2e.visitor import new_visitor

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("operation")]


def test_a_backup_brings_a_lost_service_back_whole_and_an_upgrade_keeps_it(
    templates: Templates, tmp_path: Path
) -> None:
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

        upgraded = upgrade(site.environment, site.folder, tmp_path / "upgrade.log")
        try:
            wait_until(
                lambda: "Done. The backup in" in (tmp_path / "upgrade.log").read_text(), "the upgrade is done", 200
            )
            said = (tmp_path / "upgrade.log").read_text()
            order = ["Backing up", "Stopping", "Fetching", "Migrating", "Starting", "All is well", "New jobs are taken"]
            places = [said.index(word) for word in order]
            assert places == sorted(places)
            assert len(list((site.folder / "backups").iterdir())) == 1
            again = visitor.annotate(small_vcf(), name="after the upgrade")
            assert site.wait_for_job(again)["status"] == "completed"
        finally:
            upgraded.terminate()
            upgraded.wait(60)
        site.check_invariants()


def upgrade(environment: dict[str, str], state: Path, log: Path) -> subprocess.Popen[bytes]:
    """`make upgrade` onto the code that is here, without a service that runs."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GAS_")}
    told = {"UPGRADE_PULL": "true", "GAS_VAR_DIR": str(state), **environment}
    with log.open("wb") as output:
        return subprocess.Popen([PROJECT / "deploy" / "upgrade"], env={**own, **told}, stdout=output, stderr=output)
