"""Each piece of code has a process of its own: it may end or be killed, and the next one knows nothing of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests_e2e.ready_python import ReadyPython

pytestmark = pytest.mark.e2e

COUNT = """
from django.conf import settings
settings.COUNTED = getattr(settings, "COUNTED", 0) + 1
print(settings.COUNTED, settings.FAULT)
"""
PASS_A_POINT = "from gas.faults import fault\nfault('after_claim')\nprint('alive')"


def test_what_code_does_ends_with_its_process(tmp_path: Path) -> None:
    python = ReadyPython({**os.environ, "DJANGO_SETTINGS_MODULE": "gas.settings", "GAS_VAR_DIR": str(tmp_path)})
    try:
        killed = python.run(COUNT + PASS_A_POINT, fault="after_claim")
        assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "1 after_claim\n")
        assert python.run(COUNT + PASS_A_POINT).stdout == "1 \nalive\n"
        assert python.run("raise SystemExit(3)").returncode == 3
        broken = python.run("raise ValueError('no')")
        assert (broken.returncode, broken.stderr.splitlines()[-1]) == (1, "ValueError: no")
    finally:
        python.end()
