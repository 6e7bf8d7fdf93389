import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FORKED = """
import os, time
from gas import stopping

assert stopping.seconds() is None
to_parent, to_child = os.pipe(), os.pipe()
if os.fork() == 0:
    os.write(to_parent[1], b"%r" % stopping.seconds())
    os.read(to_child[0], 1)
    os.write(to_parent[1], b"asked" if stopping.seconds() is not None else b"not asked")
    os._exit(0)
print(os.read(to_parent[0], 100))
stopping.ask()
first = stopping.seconds()
os.write(to_child[1], b".")
print(os.read(to_parent[0], 100))
stopping.ask()
print(stopping.seconds() >= first >= 0)
"""


def test_a_forked_process_sees_that_its_worker_was_asked_to_stop():
    done = subprocess.run(
        [sys.executable, "-c", FORKED], check=False, cwd=ROOT, capture_output=True, text=True, timeout=30
    )

    assert done.stdout.split() == ["b'None'", "b'asked'", "True"], done.stderr
