"""Every service of the compose files that is ours starts by the command that is written there.

No container engine is needed: the image's entry point runs here with the service's own environment. Only
what names another container (database, aws, mail) is led to the double of it on loopback.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests_e2e.deployments import Doors, Templates, credentials, migrated_database
from tests_e2e.emulators.loopback import PROJECT, free_port
from tests_e2e.emulators.postgres import Postgres
from tests_e2e.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

DOTENV = {
    "GAS_HOST": "localhost",
    "GAS_SECRET_KEY": "k" * 50,
    "POSTGRES_PASSWORD": "unused",
    "GAS_SMTP_HOST": "localhost",
}
READY = {"annotate": "The annotate worker is ready.", "control": "The control worker is ready."}


def compose(*names: str) -> dict[str, Any]:
    """The services of these files, the later ones laid over the first."""
    services: dict[str, Any] = {}
    for name in names:
        for service, said in yaml.safe_load((PROJECT / name).read_text())["services"].items():
            merged = services.setdefault(service, {})
            environment = {**merged.get("environment", {}), **said.get("environment", {})}
            merged |= {**said, "environment": environment}
    return services


def filled_in(text: str) -> str:
    """`${NAME}`, `${NAME:-other}`, `${NAME:?say so}` as compose reads them from .env."""
    return re.sub(r"\$\{(\w+)(?::[-?][^}]*)?\}", lambda found: DOTENV[found[1]], text)


def command_of(service: dict[str, Any]) -> list[str]:
    """What the container would run: the entry point of the image (or its own) and the command."""
    image = re.search(r'^ENTRYPOINT \["python", "manage.py"\]$', (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert image is not None
    words = [*service.get("entrypoint", ["python", "manage.py"]), *service.get("command", [])]
    program, script, *rest = map(filled_in, words)
    assert program == "python"
    return [sys.executable, str(PROJECT / script.lstrip("/")), *rest]


@pytest.fixture
def world(postgres_templates: Templates, doors: Doors, tmp_path: Path) -> dict[str, str]:
    """What stands in for the other containers, by setting."""
    return {
        **credentials(doors),
        "GAS_DATABASE_URL": doors.postgres.url(migrated_or_new(postgres_templates, doors.postgres, tmp_path)),
        "GAS_SMTP_PORT": str(doors.smtp_port),
        "GAS_REFERENCES_DIR": str(postgres_templates.references),
        "GAS_VAR_DIR": str(tmp_path / "state"),
        "GAS_PORT": str(free_port()),
        "GAS_SWEEP_SECONDS": "2.5",  # until the first sweep nothing is ready
    }


def migrated_or_new(templates: Templates, server: Postgres, folder: Path) -> str:
    """A database that the service `prepare` would find prepared."""
    return migrated_database(server, folder / "template", templates.references)


def environment_of(service: dict[str, Any], world: dict[str, str], **more: str) -> dict[str, str]:
    """The environment as written, with the doubles in the place of other containers."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GAS_", "AWS_"))}
    written = {name: filled_in(str(value)) for name, value in service["environment"].items()}
    if "GAS_SMTP_HOST" in written:
        written["GAS_SMTP_HOST"] = "127.0.0.1"
    return {**own, **written, **world, **more}


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Services that are stopped at the end as `docker compose stop` does it."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        process.wait(60)


def test_every_service_starts_by_its_command_as_production_would_run_it(
    world: dict[str, str], running: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    services = compose("docker-compose.yml", "docker-compose.aws.yml")
    made = subprocess.run(
        command_of(services["queues"]),
        env=environment_of(services["queues"], world),
        capture_output=True,
        text=True,
        check=True,
    )
    cloud = dict(line.split("=", 1) for line in made.stdout.splitlines())
    ours = [name for name in ("prepare", "web", "annotate", "control", "beat") if "run" in services[name]["command"]]
    assert len(ours) == 5
    for name in ours:
        with (tmp_path / f"{name}.log").open("wb") as log:
            environment = environment_of(services[name], world, **cloud)
            process = subprocess.Popen(command_of(services[name]), cwd=PROJECT, env=environment, stdout=log, stderr=log)
        if name == "prepare":
            assert process.wait(240) == 0, (tmp_path / "prepare.log").read_text()
        else:
            running.append(process)
    for name, line in READY.items():
        wait_until(lambda name=name, line=line: line in (tmp_path / f"{name}.log").read_text(), f"{name} is ready", 120)  # type: ignore[misc]

    def is_ready() -> bool:
        try:
            answer = requests.get(f"http://localhost:{world['GAS_PORT']}/readyz", timeout=10)
        except requests.ConnectionError:
            return False
        # Sweeps ran: beat rang, control heard it through SQS and wrote to PostgreSQL.
        return bool(answer.json()["state"] == "ready")

    wait_until(is_ready, "web, control and beat find one another", 120)
    assert all(process.poll() is None for process in running)
    assert '"message"' in (tmp_path / "control.log").read_text(), "JSON, as the file says"
