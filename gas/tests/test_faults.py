import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PASS_THREE_POINTS = """
from gas.faults import fault
for number in range(3):
    print(number, flush=True)
    fault("after_claim")
    fault("after_claim_and_more")
"""


def run(tmp_path, setting):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "gas.settings",
        "GAS_VAR_DIR": str(tmp_path),
        "GAS_FAULT": setting,
    }
    command = [sys.executable, "-c", PASS_THREE_POINTS]
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize(
    ("setting", "first", "second"),
    [
        ("", (0, ["0", "1", "2"]), (0, ["0", "1", "2"])),
        ("before_claim", (0, ["0", "1", "2"]), (0, ["0", "1", "2"])),
        ("after_claim", (-signal.SIGKILL, ["0"]), (-signal.SIGKILL, ["0"])),
        ("after_claim:2", (-signal.SIGKILL, ["0", "1"]), (0, ["0", "1", "2"])),
        ("after_claim:4", (0, ["0", "1", "2"]), (-signal.SIGKILL, ["0"])),
    ],
)
def test_a_process_dies_where_the_setting_says_and_a_numbered_fault_once(tmp_path, setting, first, second):
    assert run(tmp_path, setting) == first
    assert run(tmp_path, setting) == second
