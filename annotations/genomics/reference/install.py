"""Installs a public assembly: downloads what it is made of, and builds it.

Downloads stay in `<references>/.downloads/<assembly>`, so a second installation fetches only what
changed at its host. One installation at a time: two would write the same files.
"""

from __future__ import annotations

import fcntl
import shutil
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import download
from annotations.genomics.reference.build import BuildInputs, build_reference

ADDRESSES: Final = Path(__file__).with_name("addresses")
DOWNLOADS: Final = ".downloads"
_SOURCE_SHARE: Final = 1.0  # room that a compiled source may take, of its packed file's size
_LINE_SECONDS: Final = 5.0  # between lines of progress where there is no terminal


@dataclass(frozen=True)
class Wish:
    """What is to be installed. name: "" for the usual one."""

    addresses: Path
    transcripts: str = "ensembl"
    sources: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class _Needed:
    """One file: what for ("fasta", "genes", or a source's name), and what its host says of it."""

    role: str
    remote: download.Remote
    expected: str


def install(wish: Wish, folder: Path, out: TextIO) -> Path:
    """Download and build; returns the reference's folder.

    Raises AnnotationError (install_busy, install_unknown, disk_full, download_failed,
    download_damaged, or the build's own); finished downloads are kept.
    """
    content = tomllib.loads(wish.addresses.read_text(encoding="utf-8"))
    parts = _parts(wish, content)
    usual = content["assembly"] if wish.transcripts == "ensembl" else f"{content['assembly']}-{wish.transcripts}"
    name = wish.name or usual
    _check_name(name)
    downloads = folder / DOWNLOADS / content["assembly"]
    downloads.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        needed = [_ask(role, url, part) for role, part in parts for url in _urls(part)]
        _check_space(needed, downloads, int(content["built_bytes"]))
        progress = Progress(out)
        files = [(one.role, download.fetch(one.remote, downloads, one.expected, progress.report)) for one in needed]
        progress.end("building")
        return build_reference(_inputs(name, content["assembly"], files), folder)


def _parts(wish: Wish, content: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(role, table of addresses) of all that is wished for."""
    transcripts, sources = content["transcripts"], content.get("sources", {})
    if wish.transcripts not in transcripts:
        raise AnnotationError(
            "install_unknown",
            f"There are no {wish.transcripts} transcripts of {content['assembly']}, only {', '.join(transcripts)}.",
        )
    unknown = [key for key in wish.sources if key not in sources]
    if unknown:
        raise AnnotationError(
            "install_unknown",
            f"No address is known of {', '.join(unknown)}; known: {', '.join(sources)}. "
            "A file that you have goes into `reference build --source`.",
        )
    chosen = [(key, sources[key]) for key in wish.sources]
    return [("fasta", content["sequence"]), ("genes", transcripts[wish.transcripts]), *chosen]


def _check_name(name: str) -> None:
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
        raise AnnotationError(
            "install_unknown", f"{name!r} is no name of a reference: letters, digits, - _ and . only."
        )


def _urls(part: dict[str, Any]) -> list[str]:
    return [part["url"].format(each) for each in part["each"]] if "each" in part else [part["url"]]


def _ask(role: str, url: str, part: dict[str, Any]) -> _Needed:
    remote = download.ask(url)
    if remote.bytes <= 0:
        raise AnnotationError("download_failed", f"The host does not say how large {url} is.")
    told = f"md5:{remote.md5}" if remote.md5 else ""
    expected = download.published(download.read_small(part["checksums"]), remote.name) if "checksums" in part else told
    if "checksums" in part and not expected:
        raise AnnotationError("download_failed", f"{part['checksums']} names no checksum of {remote.name}.")
    return _Needed(role, remote, expected)


def _check_space(needed: list[_Needed], downloads: Path, built_bytes: int) -> None:
    """Before the first byte: what is still to come, and what will be built of it."""
    to_fetch = sum(download.missing_bytes(one.remote, downloads) for one in needed)
    of_sources = sum(one.remote.bytes for one in needed if one.role not in ("fasta", "genes"))
    wanted = to_fetch + built_bytes + int(of_sources * _SOURCE_SHARE)
    free = shutil.disk_usage(downloads).free
    if free < wanted:
        raise AnnotationError(
            "disk_full",
            f"This needs {in_bytes(wanted)} ({in_bytes(to_fetch)} to download) and {downloads} has {in_bytes(free)} "
            "free: make room, or set GAS_REFERENCES_DIR to a larger disk.",
        )


def _inputs(name: str, assembly: str, files: list[tuple[str, Path]]) -> BuildInputs:
    of = {role: [path for other, path in files if other == role] for role in ("fasta", "genes")}
    sources = [(role, path) for role, path in files if role not in of]
    return BuildInputs(name, assembly, of["fasta"], of["genes"], {}, sources)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No second installation in the same folder, however the first one ends."""
    with (folder / ".install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnnotationError(
                "install_busy", f"Another installation is at work in {folder}; wait until it has ended."
            ) from None
        yield


class Progress:
    """A bar with speed and time left: one moving line on a terminal, a line now and then elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._name = ""
        self._began = self._told = 0.0
        self._first = 0

    def report(self, name: str, here: int, total: int) -> None:
        """Called for every block that has arrived."""
        now = time.monotonic()
        if name != self._name:
            self._name, self._began, self._first, self._told = name, now, here, 0.0
        pause = 0.2 if self._is_terminal else _LINE_SECONDS
        if now - self._told < pause and here < total:
            return
        self._told = now
        self._say(describe_progress(name, here, total, here - self._first, now - self._began), is_last=here >= total)

    def _say(self, line: str, *, is_last: bool) -> None:
        ending = "\n" if is_last or not self._is_terminal else ""
        self._out.write(f"\r{line:<79}{ending}" if self._is_terminal else f"{line}{ending}")
        self._out.flush()

    def end(self, line: str) -> None:
        """What comes after the downloads."""
        self._say(line, is_last=True)


def describe_progress(name: str, here: int, total: int, fetched: int, seconds: float) -> str:
    """ "[#####.....] 50 % of 880 MB, 12 MB/s, 0:36 left  Homo_sapiens.fa.gz"."""
    share = here / max(total, 1)
    bar = f"[{'#' * int(10 * share):.<10}] {int(100 * share)} % of {in_bytes(total)}"
    if fetched and seconds > 0 and here < total:
        speed = fetched / seconds
        left = int((total - here) / speed)
        bar += f", {in_bytes(int(speed))}/s, {left // 60}:{left % 60:02} left"
    return f"{bar}  {name}"


def in_bytes(size: int) -> str:
    """Bytes with a decimal unit."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if round(value, 1) < 1000:
            return f"{value:.1f} {unit}".replace(".0 ", " ")
        value /= 1000
    return f"{value:.1f} TB"
