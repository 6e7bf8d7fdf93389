from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from django.conf import settings

from annotations import child
from annotations.child import ChildCrashedError, FileRefusedError, Workspace
from annotations.claims import Progress


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def program(monkeypatch):
    """Put another program in the annotator's place; it runs where the annotator would."""

    def replace(source: str) -> None:
        command = [sys.executable, "-c", textwrap.dedent(source)]
        monkeypatch.setattr(child, "_launcher", lambda: command)

    return replace


def go_on(progress: Progress) -> None:
    pass


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ends(pid: int) -> bool:
    """The process ends within ten seconds, or has."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)


def test_a_refusal_brings_the_annotators_own_report(space, program):
    program("""
        import sys
        name = next(word[10:] for word in sys.argv if word.startswith("--failure="))
        open(name, "w").write('{"code": "bad_pos", "sentence": "Line 3 is wrong.", "line": 3}')
        sys.exit(2)
    """)
    with pytest.raises(FileRefusedError) as caught:
        child.annotate(space, "virus", {}, go_on)
    assert caught.value.report == {"code": "bad_pos", "sentence": "Line 3 is wrong.", "line": 3}


def test_a_refusal_without_a_report_is_a_crash_of_ours(space, program):
    program("import sys; sys.exit(2)")
    with pytest.raises(ChildCrashedError) as caught:
        child.annotate(space, "virus", {}, go_on)
    assert caught.value.code == "annotator_crashed"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("raise MemoryError", "out_of_memory"),
        ("raise OSError(27, 'File too large')", "output_too_large"),
        ("raise OSError(28, 'No space left on device')", "disk_full"),
        ("raise KeyError('a bug')", "annotator_crashed"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
        ("import os; os.kill(os.getpid(), 24)", "cpu_limit"),
        ("import os; os.abort()", "annotator_crashed"),
        ("import os; os.write(2, b'terminate called: std::bad_alloc'); os.abort()", "out_of_memory"),
    ],
)
def test_each_way_to_break_has_its_code(space, program, source, code):
    program(source)
    with pytest.raises(ChildCrashedError) as caught:
        child.annotate(space, "virus", {}, go_on)
    assert caught.value.code == code


def test_progress_is_the_last_whole_line_of_the_file(space, program):
    lines = [json.dumps({"records": count, "bytes_read": count * 10, "bytes_total": 90}) for count in (1, 2)]
    space.path("progress").write_text("\n".join([*lines, '{"rec']))
    program("import time; time.sleep(600)")
    seen = []

    def tick(progress: Progress) -> None:
        seen.append(progress)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        child.annotate(space, "virus", {}, tick)
    assert seen == [Progress(2, 20, 90)]


def test_stopping_the_child_ends_its_whole_group(space, program):
    program("""
        import os, subprocess, sys, time
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open("new", "w").write(f"{os.getpid()} {other.pid}")
        os.rename("new", "pids")
        time.sleep(600)
    """)

    def tick(progress: Progress) -> None:
        if space.path("pids").exists():
            raise InterruptedError

    with pytest.raises(InterruptedError):
        child.annotate(space, "virus", {}, tick)
    assert all(ends(int(pid)) for pid in space.path("pids").read_text().split())


def test_what_a_finished_child_leaves_running_ends_too(space, program):
    program("""
        import subprocess, sys
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open("pid", "w").write(str(other.pid))
    """)
    child.annotate(space, "virus", {}, go_on)
    assert ends(int(space.path("pid").read_text()))


def test_the_child_knows_no_secret(space, program, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("GAS_DATABASE_URL", "postgresql://user:secret@host/name")
    program("import os, json; json.dump(dict(os.environ), open('environment', 'w'))")
    child.annotate(space, "virus", {}, go_on)
    environment = json.loads(space.path("environment").read_text())
    assert "secret" not in str(environment)
    assert environment["GAS_REFERENCES_DIR"] == str(settings.REFERENCES_DIR)


def test_options_become_flags_and_names_stay_ours(space):
    arguments = child._arguments(space, "virus", {"overwrite": True, "other": False})
    assert arguments[:2] == ["annotate", str(space.path("input"))]
    assert "--overwrite" in arguments
    assert not [argument for argument in arguments if "other" in argument]


# --- The limits, in a process of their own -----------------------------------------------------
CONFINED = """
import json, os, resource, sys
from annotations.confine import confine
confine(parent=int(sys.argv[1]), data_bytes=400_000_000, cpu_seconds=7, file_bytes=5_000_000, open_files=64)
{then}
"""


def confined(then: str, parent: int | None = None) -> subprocess.CompletedProcess[str]:
    source = CONFINED.format(then=textwrap.dedent(then))
    command = [sys.executable, "-c", source, str(parent or os.getpid())]
    return subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)


def test_the_limits_hold_in_the_child():
    done = confined("""
        names = ("DATA", "CPU", "FSIZE", "NOFILE", "CORE")
        print(json.dumps([resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in names]))
    """)
    assert json.loads(done.stdout) == [[400_000_000] * 2, [7, 12], [5_000_000] * 2, [64, 64], [0, 0]]


@pytest.mark.parametrize(
    ("then", "error"),
    [
        ("bytearray(500_000_000)", "MemoryError"),
        # A write is cut at the limit, and refused behind it.
        (
            "f = os.open('/tmp', os.O_TMPFILE | os.O_WRONLY); [os.write(f, b'x' * 5_000_000) for _ in 'ab']",
            "[Errno 27]",
        ),
        ("files = [open('/dev/null') for _ in range(100)]", "Too many open files"),
    ],
)
def test_passing_a_limit_ends_in_an_error(then, error):
    if not error:  # a write is cut at the limit first, and refused behind it
        then = (
            "import os; f = os.open('/tmp', os.O_TMPFILE | os.O_WRONLY); [os.write(f, b'x' * 5_000_000) for _ in 'ab']"
        )
        error = "[Errno 27]"
    done = confined(then)
    assert done.returncode == 1
    assert error in done.stderr


def test_a_large_read_only_map_is_no_memory(tmp_path):
    reference = tmp_path / "reference"
    reference.touch()
    os.truncate(reference, 1_000_000_000)
    done = confined(f"""
        import mmap
        print(len(mmap.mmap(os.open({str(reference)!r}, os.O_RDONLY), 0, prot=mmap.PROT_READ)))
    """)
    assert done.stdout == "1000000000\n"


def test_the_annotator_and_its_session_give_way_to_who_waits_for_a_page():
    source = "import os; from annotations.confine import give_way; give_way(4); print(os.nice(0))\n"
    source += "file = '/proc/self/autogroup'\nif os.path.exists(file): print(open(file).read().split()[-1])"
    command = [sys.executable, "-c", source]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, start_new_session=True
    )
    assert set(done.stdout.split()) == {"4"}, done.stderr
    assert "--nice=4" in child._launcher()


def test_a_child_whose_worker_is_gone_already_does_not_start():
    assert confined("print('started')", parent=1).stdout == ""


def test_the_child_dies_with_its_worker(tmp_path):
    source = f"""
import os, subprocess, sys
child = "import os, sys, time; from annotations.confine import confine; " \
    "confine(parent=int(sys.argv[1]), data_bytes=10**9, cpu_seconds=9, file_bytes=9, open_files=64); " \
    "os.symlink(str(os.getpid()), {str(tmp_path / "pid")!r}); time.sleep(600)"
subprocess.run([sys.executable, "-c", child, str(os.getpid())], start_new_session=True)
"""
    worker = subprocess.Popen([sys.executable, "-c", source], cwd=settings.BASE_DIR)
    while not (tmp_path / "pid").is_symlink():
        os.sched_yield()
    pid = int(os.readlink(tmp_path / "pid"))
    assert is_alive(pid)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert ends(pid)
