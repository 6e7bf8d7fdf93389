"""Fetches large public files: resumed where the connection broke, checked, and never fetched twice.

A finished file has a note beside it (NAME.json: address, ETag, size, SHA-256), an unfinished one
ends in .part and has the same note. A file whose host says that it changed is fetched anew.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from annotations.genomics.compiled import compiled
from annotations.genomics.errors import AnnotationError
from annotations.genomics.vcf.records import Bytes

TRIES: Final = 6
PAUSE_SECONDS: Final = 2.0  # before the second try, doubled each time
TIMEOUT_SECONDS: Final = 60
_BLOCK: Final = 1 << 20
_BROKEN: Final = (OSError, http.client.HTTPException)  # URLError and timeouts are OSErrors

Report = Callable[[str, int, int], None]
"""Called with a file's name, bytes that are here, bytes in all."""


@dataclass(frozen=True)
class Remote:
    """A file as its host describes it. tag: changes with the content; md5: hex, "" where it is not told."""

    url: str
    bytes: int
    tag: str
    md5: str = ""

    @property
    def name(self) -> str:
        """The last part of its address."""
        return urlsplit(self.url).path.rpartition("/")[2]


def ask(url: str) -> Remote:
    """What the host says of a file, without its content. Raises AnnotationError(download_failed)."""
    with _open(_request(url, "HEAD")) as answer:
        headers = answer.headers
        tag = headers.get("ETag") or headers.get("Last-Modified") or ""
        return Remote(
            url, int(headers.get("Content-Length") or 0), tag, _md5_told(headers.get_all("x-goog-hash") or [])
        )


def _md5_told(hashes: list[str]) -> str:
    """The MD5 that Google's storage names in its answers."""
    for word in ",".join(hashes).split(","):
        if word.strip().startswith("md5="):
            return base64.b64decode(word.strip().removeprefix("md5=")).hex()
    return ""


def read_small(url: str) -> str:
    """A small text file."""
    with _open(_request(url)) as answer:
        return str(answer.read(_BLOCK).decode("utf-8", "replace"))


def missing_bytes(remote: Remote, folder: Path) -> int:
    """How much of a file is still to be fetched."""
    if _is_same(folder / remote.name, remote):
        return 0
    part = _part(folder / remote.name)
    return remote.bytes - (part.stat().st_size if _is_same(part, remote, whole=False) else 0)


def fetch(remote: Remote, folder: Path, expected: str, report: Report) -> Path:
    """The file in folder, whole and checked. expected: "md5:HEX", "sum:N", or "" to trust size alone.

    Raises AnnotationError(download_failed | download_damaged | disk_full).
    """
    target = folder / remote.name
    if _is_same(target, remote) and _fits(json.loads(_note(target).read_text()), expected):
        report(remote.name, remote.bytes, remote.bytes)
        return target
    part = _part(target)
    if not _is_same(part, remote, whole=False):
        part.unlink(missing_ok=True)
    _note(part).write_text(json.dumps(asdict(remote)))
    try:
        _fetch_part(remote, part, report)
    except OSError as error:
        raise AnnotationError("disk_full", f"{remote.name} cannot be written: {error.strerror or error}.") from error
    found = _digests(part)
    if not _fits(found, expected):
        part.unlink()
        raise AnnotationError(
            "download_damaged",
            f"{remote.name} does not have the checksum that its host publishes; it was thrown away: install again.",
        )
    part.replace(target)
    _note(target).write_text(json.dumps(asdict(remote) | found))
    _note(part).unlink()
    return target


def _fetch_part(remote: Remote, part: Path, report: Report) -> None:
    """Append until the file is whole, through broken connections."""
    for tries in range(TRIES):
        have = part.stat().st_size if part.exists() else 0
        try:
            if have == 0 or have < remote.bytes:
                _append(remote, part, have, report)
            if part.stat().st_size == remote.bytes:
                return
        except _WriteError as error:
            raise error.cause from error
        except _BROKEN:
            pass
        if part.exists() and part.stat().st_size > have:
            continue  # it went on: try at once
        time.sleep(PAUSE_SECONDS * 2**tries)
    raise AnnotationError(
        "download_failed",
        f"The connection to {urlsplit(remote.url).hostname} broke {TRIES} times while {remote.name} was fetched; "
        "what is here is kept: install again to go on from there.",
    )


class _WriteError(Exception):
    """The disk's fault, not the network's."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _append(remote: Remote, part: Path, have: int, report: Report) -> None:
    request = _request(remote.url)
    if have:
        request.add_header("Range", f"bytes={have}-")
        if remote.tag:
            request.add_header("If-Range", remote.tag)
    with _open(request) as answer:
        is_rest = answer.status == http.client.PARTIAL_CONTENT
        with part.open("ab" if is_rest else "wb") as file:
            here = have if is_rest else 0
            while block := answer.read(_BLOCK):
                try:
                    file.write(block)
                    file.flush()
                except OSError as error:
                    raise _WriteError(error) from error
                here += len(block)
                report(remote.name, here, remote.bytes)


def _request(url: str, method: str = "GET") -> urllib.request.Request:
    _check_address(url)
    return urllib.request.Request(url, method=method)  # noqa: S310 - checked just before


def _open(request: urllib.request.Request) -> Any:
    try:
        return _OPENER.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise
        raise AnnotationError(
            "download_failed", f"{request.full_url} answers {error.code} {error.reason}; its address may have changed."
        ) from error
    except urllib.error.URLError as error:
        if request.get_method() == "HEAD":
            host = urlsplit(request.full_url).hostname
            raise AnnotationError("download_failed", f"{host} cannot be reached: {error.reason}.") from error
        raise


def _check_address(url: str) -> None:
    """HTTPS; plain HTTP only to this very machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1")):
        raise AnnotationError("download_failed", f"{url} is not an https address.")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER: Final = urllib.request.build_opener(_Redirects)


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _is_same(path: Path, remote: Remote, *, whole: bool = True) -> bool:
    """The file on the disk is the one that the host has now."""
    try:
        note = json.loads(_note(path).read_text())
        size = path.stat().st_size
    except (OSError, ValueError):
        return False
    is_size_right = size == remote.bytes if whole else size <= remote.bytes
    return bool((note["url"], note["bytes"], note["tag"]) == (remote.url, remote.bytes, remote.tag) and is_size_right)


def _digests(path: Path) -> dict[str, str]:
    """SHA-256 and MD5 of a file, and what `sum` says of it."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    total = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            sha256.update(block)
            md5.update(block)
            total = int(rotate_sum(np.frombuffer(block, np.uint8), total))
    return {"sha256": sha256.hexdigest(), "md5": md5.hexdigest(), "sum": str(total)}


@compiled
def rotate_sum(block: Bytes, total: int) -> int:
    """The 16-bit rotating checksum of BSD's `sum`, carried on."""
    for i in range(block.size):
        total = ((total >> 1) + ((total & 1) << 15) + int(block[i])) & 0xFFFF
    return total


def _fits(found: dict[str, Any], expected: str) -> bool:
    kind, _, value = expected.partition(":")
    return not expected or found.get(kind, "").lstrip("0") == value.lstrip("0")


def published(text: str, name: str) -> str:
    """What a host's list of checksums says of a file: "md5:HEX" or "sum:N"; "" where it is not in it."""
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[-1].lstrip("*").rpartition("/")[2] == name:
            if len(words[0]) == 32:
                return f"md5:{words[0].lower()}"
            if words[0].isdigit():
                return f"sum:{words[0]}"
    return ""
