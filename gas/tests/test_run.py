"""`manage.py run` and its parts, as operators start them."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDLE_STOP_SECONDS = 5  # takes half a second
pytestmark = pytest.mark.xdist_group("run")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(var_dir, *arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GAS_")}
    environment |= {"GAS_VAR_DIR": str(var_dir), "PYTHONUNBUFFERED": "1", **variables}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "run", *arguments],
        cwd=var_dir,  # from any folder
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process, wanted):
    """Lines up to the one that contains `wanted`."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if wanted in line:
            return lines
    pytest.fail("".join(lines))


def end(process, number=signal.SIGTERM):
    """Stop it; its last lines and its status."""
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    return said, process.returncode


def children_of(session):
    """Processes of this machine that descend from a process, by /proc."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(fields[1])
    found: set[int] = set()
    more = {session}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more} - found
        found |= more
    return found


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A state folder that is ready for a start."""
    var = tmp_path_factory.mktemp("state")
    process = start(var, "prepare")  # compiles the annotator, unless NUMBA_CACHE_DIR has it compiled
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 0, said
    return var


def test_preparing_again_builds_nothing_again(prepared):
    built = (prepared / "references" / "demo" / "manifest.json").stat().st_mtime_ns
    process = start(prepared, "prepare")

    assert "Building" not in process.communicate(timeout=120)[0]
    assert process.returncode == 0
    assert (prepared / "references" / "demo" / "manifest.json").stat().st_mtime_ns == built


def test_state_is_closed_to_other_users(prepared):
    open_to_others = [
        path for path in prepared.iterdir() if path.stat().st_mode & 0o077 and not path.name.startswith(".")
    ]

    assert open_to_others == []


@pytest.mark.parametrize("part", ["annotate", "control"])
def test_a_worker_runs_by_itself_and_stops_when_asked(prepared, part):
    process = start(prepared, part)
    read_until(process, f"The {part} worker is ready.")
    asked_at = time.monotonic()

    assert end(process)[1] == 0
    assert time.monotonic() - asked_at < IDLE_STOP_SECONDS


def test_the_web_server_runs_by_itself_and_stops_when_asked(prepared):
    port = free_port()
    process = start(prepared, "web", GAS_PORT=str(port))
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                assert answer.read() == b"ok\n"
            break
        except URLError:
            assert process.poll() is None
            assert time.monotonic() < deadline

    assert end(process)[1] == 0


def test_beat_rings_for_every_sweep(prepared):
    from gas import registry

    process = start(prepared, "beat", GAS_SWEEP_SECONDS="0.2")
    folder = prepared / "broker" / "messages"
    wanted = {sweep.task_name for sweep in registry.sweeps()}
    deadline = time.monotonic() + 60
    while wanted:
        assert process.poll() is None
        assert time.monotonic() < deadline, wanted
        texts = [file.read_text() for file in folder.glob("[!.]*.control.msg")]
        wanted = {name for name in wanted if not any(f'"task": "{name}"' in text for text in texts)}
    end(process)
    for file in folder.iterdir():
        file.unlink()

    assert process.returncode in (0, -signal.SIGTERM)


def test_the_whole_service_starts_refuses_a_second_run_and_stops_clean(prepared):
    port = free_port()
    process = start(prepared, GAS_PORT=str(port))
    lines = read_until(process, f"is ready: http://localhost:{port}")
    lines += read_until(process, "Stop with Ctrl-C.")
    text = "".join(lines)
    assert "Sign in as demo@localhost with the password" in text
    told = text.split("Make the first admin with: ")[1].splitlines()[0].split()
    assert subprocess.run([*told[:-1], "--help"], cwd=prepared, capture_output=True, check=False).returncode == 0
    family = children_of(process.pid)
    assert len(family) >= 5

    second = start(prepared, GAS_PORT=str(free_port()))
    said, _ = second.communicate(timeout=60)
    assert (second.returncode, said.count("\n")) == (1, 1)
    assert f"GAS is running already on http://localhost:{port}" in said

    said, status = end(process, signal.SIGINT)
    assert status == 0
    assert said.endswith("run      | All is stopped.\n")
    assert not family & children_of(1)
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]


def test_a_state_folder_that_cannot_be_written_ends_the_start_with_one_sentence(prepared, tmp_path):
    place = tmp_path / "a-file"
    place.touch()
    process = start(prepared, GAS_VAR_DIR=str(place))

    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == (
        f"The state folder {place} cannot be written to (File exists): "
        "set GAS_VAR_DIR to a folder that belongs to the user who runs GAS.\n"
    )


def test_a_misspelt_setting_ends_the_start_with_one_sentence(prepared):
    process = start(prepared, GAS_PROT="1")

    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, "GAS_PROT is not a setting of GAS; did you mean GAS_PORT?\n")
