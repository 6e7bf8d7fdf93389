"""Hostile files, each through the command as the service runs it: refused, soon, in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from annotations.genomics.tests.hostile import HOSTILE
from annotations.genomics.tests.made import PROJECT, build_mitochondrion

CPU_SECONDS = 5.0
MEMORY_KB = 300_000
LAUNCHER = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
# A process of its own, and small: a child's largest size counts that of whoever started it.


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references")
    build_mitochondrion(folder)
    # Whatever has to be compiled is compiled here and not inside a measured run.
    good = folder / "good.vcf"
    HOSTILE["nul_in_a_field"][1](good)
    good.write_bytes(good.read_bytes().replace(b"rs\x00", b"rs1"))
    code, _, _, _ = run(good, folder, folder / "good")
    assert code == 0
    return folder


def run(path: Path, references: Path, folder: Path) -> tuple[int, str, float, int]:
    """(exit code, stderr, CPU seconds, largest resident size in kB) of one run of the command."""
    folder.mkdir()
    outputs = {"output": "out.vcf.gz", "parquet": "out.parquet", "tsv": "out.tsv", "skipped": "skipped.tsv"}
    options = [f"--{name}={folder / file}" for name, file in outputs.items()]
    command = [sys.executable, "-m", "annotations.genomics", "annotate", str(path), "--reference=mito", *options]
    environment = os.environ | {"GAS_REFERENCES_DIR": str(references), "PYTHONPATH": str(PROJECT)}
    command.append(f"--failure={folder.parent / folder.name}.json")
    done = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCHER, *command], capture_output=True, text=True, env=environment, check=True
    )
    code, cpu, memory = done.stdout.splitlines()[-1].split()
    return int(code), done.stderr, float(cpu), int(memory)


LOOKS = """
import json, os, sys
from pathlib import Path
from annotations.genomics.vcf.preflight import preflight
for path in sys.argv[2:]:
    child = os.fork()
    if not child:
        found = preflight(Path(path), Path(sys.argv[1]))
        print(json.dumps([Path(path).name, found.verdict.value, found.code, found.sentence]), flush=True)
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    print(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]), flush=True)
"""
# A process of its own for each file; what they import is imported once.


def test_the_look_before_a_job_takes_no_longer_and_no_more_for_any_of_them(references: Path, tmp_path: Path) -> None:
    for name, (_, write) in HOSTILE.items():
        write(tmp_path / name)
    command = [sys.executable, "-c", LOOKS, str(references), *(str(tmp_path / name) for name in HOSTILE)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert len(lines) == 2 * len(HOSTILE)
    for (name, verdict, code, sentence), (status, cpu, memory) in zip(lines[::2], lines[1::2], strict=True):
        assert (status, verdict) == (0, "refuse"), (name, sentence)  # for the first fault seen, which may be another
        assert code, name
        assert sentence.endswith("."), name
        assert sentence.isprintable(), name
        assert cpu < CPU_SECONDS, name
        assert memory < MEMORY_KB, name


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_soon_and_in_little_memory(name: str, references: Path, tmp_path: Path) -> None:
    expected, write = HOSTILE[name]
    path = tmp_path / "input.vcf"
    write(path)
    begun = time.monotonic()
    code, stderr, cpu, memory = run(path, references, tmp_path / "out")
    report = json.loads((tmp_path / "out.json").read_text())
    assert code == 2, stderr
    assert report["code"] == expected
    assert stderr.strip() == report["sentence"]
    assert len(stderr.splitlines()) == 1
    assert stderr.strip().isprintable()
    assert list((tmp_path / "out").iterdir()) == []
    assert cpu < CPU_SECONDS, f"{cpu} s of CPU, {time.monotonic() - begun} s in all"
    assert memory < MEMORY_KB, f"{memory} kB"
