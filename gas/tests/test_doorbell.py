import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings

from gas import doorbell

ROOT = Path(__file__).resolve().parents[2]

RING = """
import time, django
django.setup()
from gas import celery, doorbell
started = time.monotonic()
doorbell.ring("annotations.annotate_next")
print(time.monotonic() - started)
"""


def waiting():
    folder = settings.CELERY_BROKER_DIR / "messages"
    return {json.loads(file.read_text())["headers"]["task"]: file for file in folder.glob("[!.]*")}


def test_a_ring_reaches_its_queue_by_name_with_ids():
    doorbell.ring("nobody.imports_this", queue="control", job_id="42")

    file = waiting()["nobody.imports_this"]
    message = json.loads(file.read_text())
    file.unlink()
    assert file.name.endswith(".control.msg")
    assert message["headers"]["kwargsrepr"] == "{'job_id': '42'}"
    assert message["headers"]["expires"] is None
    assert message["headers"]["eta"] is None


def test_a_ring_to_a_queue_that_does_not_exist_is_a_warning_and_not_an_error(caplog):
    with caplog.at_level(logging.WARNING, "gas.doorbell"):
        doorbell.ring("annotations.annotate_next", queue="typo")  # type: ignore[arg-type]

    assert "Doorbell annotations.annotate_next did not ring" in caplog.text


@pytest.mark.parametrize("listens", [True, False], ids=["server hangs", "nothing listens"])
def test_a_dead_sqs_does_not_keep_the_caller(listens):
    """A listening socket that nobody accepts from answers the connect and then nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
        port = server.getsockname()[1]
        if not listens:
            server.close()
        url = f"http://127.0.0.1:{port}/000000000000"
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "gas.settings",
            "GAS_BROKER": "sqs",
            "GAS_SQS_ANNOTATE_URL": f"{url}/annotate",
            "GAS_SQS_CONTROL_URL": f"{url}/control",
            "AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", RING],
            check=False,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert "did not ring" in done.stderr
    assert float(done.stdout) < 3, f"{done.stdout} of {time.monotonic() - started}"


def test_a_broker_folder_that_cannot_be_used_does_not_fail_the_caller(tmp_path):
    (tmp_path / "broker").write_text("a file where the folder should be")
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "gas.settings", "GAS_VAR_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", RING], check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert "did not ring" in done.stderr
    assert float(done.stdout) < 3
