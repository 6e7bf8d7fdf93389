"""What `manage.py doctor` asks of the annotator: is its reference whole, and do the limits of its child hold?"""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from annotations import child
from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import installed, manifest
from gas import registry
from gas.doctor import FaultError

SMALL_SECONDS = 60.0  # a child that does nothing ends long before
REFUSAL = "failure.json"


@registry.examination(
    "reference",
    "Build or install it (docs/references.md), or set GAS_DEFAULT_REFERENCE to one of `manage.py reference list`.",
)
def reference() -> str:
    """The default reference, every file of it read: a damaged one would fail each job."""
    folder = settings.REFERENCES_DIR / settings.DEFAULT_REFERENCE
    try:
        _read_once(folder, (folder / manifest.FILE_NAME).stat().st_mtime_ns)
    except FileNotFoundError:
        raise FaultError(f"The reference {folder.name} is not in {settings.REFERENCES_DIR}.") from None
    except (AnnotationError, ValueError) as error:
        raise FaultError(f"In {folder}: {error}") from None
    return f"{folder.name} in {settings.REFERENCES_DIR}, whole"


@lru_cache(maxsize=1)
def _read_once(folder: Path, _built_ns: int) -> None:
    """A whole genome's is gigabytes: `doctor --wait` reads it once."""
    installed.verify(folder)


@registry.examination(
    "sandbox",
    "Strangers' files are read in this child: run the workers on Linux 5.4 or newer, under a container runtime that "
    "lets prctl, setrlimit and pidfd_open through.",
)
def sandbox() -> str:
    """A child as each job has one: it starts within its limits, and one without memory or output gets nowhere."""
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=settings.WORK_DIR) as name:
        folder = Path(name)
        try:
            child.check_source(child.Workspace(folder), "DOCTOR", settings.DEFAULT_REFERENCE, lambda _: None)
        except child.FileRefusedError:  # there is no file, and the child wrote down that it found none
            (folder / REFUSAL).unlink()
        except child.ChildCrashedError as crash:
            raise FaultError(f"The annotator's child does not run here: {crash.how}.") from None
        for what, nothing in {"memory": {"memory_mb": 0}, "output": {"output_mb": 0}}.items():
            if _refuses(folder, **nothing):
                raise FaultError(f"A child that was allowed no {what} went on: limits do not hold on this machine.")
    return "the annotator's child runs, and its limits hold"


def _refuses(folder: Path, *, memory_mb: int = 500, output_mb: int = 1) -> bool:
    """The child says that there is no such file, which takes some memory and writes a little."""
    launcher = child.launcher(memory_mb=memory_mb, cpu_seconds=int(SMALL_SECONDS), output_mb=output_mb)
    arguments = ["check-source", "none", "--key=DOCTOR", "--reference=none", f"--failure={folder / REFUSAL}"]
    done = subprocess.run(
        [*launcher, *arguments],
        cwd=folder,
        env=child.environment(),
        capture_output=True,
        check=False,
        timeout=SMALL_SECONDS,
    )
    written = folder / REFUSAL
    return done.returncode == child.REFUSED and written.exists() and written.stat().st_size > 0
