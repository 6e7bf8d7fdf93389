"""The areas of storage - inputs, results, archive - as folders or as prefixes of a bucket.

An area knows keys and bytes, nothing of jobs. `area(name)` gives the one the settings chose;
both kinds keep the same promise: an object appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol
from uuid import uuid4

from django.core.files.storage import FileSystemStorage, storages

AreaName = Literal["inputs", "results", "archive"]
CHUNK = 1 << 20
PART = ".part-"  # follows the key of a file that is still being written

Check = Callable[[], None]  # called between chunks; raises to stop a long transfer


class StorageAwayError(Exception):
    """Storage cannot be reached or does not answer; trying again later may help."""


class ObjectChangedError(Exception):
    """The object is gone, or is not the one whose size and ETag were pinned."""


class TooManyBytesError(Exception):
    """More bytes arrived than were announced."""


@dataclass(frozen=True)
class Stored:
    """What storage says of an object; `etag` pins its content."""

    size_bytes: int
    etag: str


@dataclass(frozen=True)
class PostForm:
    """Where and with which fields a browser may send one file by a form."""

    url: str
    fields: dict[str, str]


class Area(Protocol):
    """Bytes by key. A key is made by the service, relative, with `/` between its parts."""

    def head(self, key: str) -> Stored | None:
        """The object's size and ETag; None when there is none."""

    def size(self, key: str) -> int | None:
        """The object's size without reading it; None when there is none."""

    def post_form(self, key: str, size_bytes: int) -> PostForm | None:
        """A signed form for exactly this key and size; None where uploads pass through the web server."""

    def link(self, key: str, file_name: str) -> str | None:
        """A signed, short-lived address that downloads the object; None where the web server sends it."""

    def local_path(self, key: str) -> Path | None:
        """Where the object is a file of this machine that may be read in place; None where it is none."""

    def open(self, key: str) -> BinaryIO:
        """A stream of the object's bytes. Raises ObjectChangedError when there is none."""

    def read_part(self, key: str, start: int, stop: int, pinned: Stored | None = None) -> bytes:
        """Bytes start to stop (half-open) of the object, fewer at its end.

        Raises ObjectChangedError when there is none, or it is not the pinned one.
        """

    def store(self, source: Path, key: str, check: Check) -> Stored:
        """Put a file under a key."""

    def fetch(self, key: str, pinned: Stored, target: Path, check: Check) -> None:
        """Copy the pinned object to a file. Raises ObjectChangedError when it is another one."""

    def keys(self, after: str, limit: int) -> list[str]:
        """Up to `limit` keys in the area's order, beginning behind `after`."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that is not there is no error."""

    def keys_below(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`."""

    def unfinished(self) -> Iterator[tuple[str, str]]:
        """(key, upload id) of each multipart upload that nobody completed or aborted."""

    def abort(self, key: str, upload_id: str) -> None:
        """Forget an unfinished multipart upload and its parts."""


def area(name: AreaName) -> Area:
    """The area of that name as the settings define it."""
    storage = storages[name]
    if isinstance(storage, FileSystemStorage):
        return FileArea(Path(storage.location))
    from annotations.s3_area import S3Area  # boto3 takes a third of a second to import; one machine has no use for it

    return S3Area(storage)


def digest_of(stream: BinaryIO, copy: BinaryIO | None = None) -> tuple[int, str]:
    """(bytes, SHA-256 as hex) of a stream, read to its end and written to `copy`."""
    digest = hashlib.sha256()
    size = 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if copy is not None:
            copy.write(chunk)
    return size, digest.hexdigest()


class FileArea:
    """An area as a folder. The ETag of an object is the SHA-256 of its bytes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def head(self, key: str) -> Stored | None:
        """See Area; reads the whole file."""
        try:
            with self._path(key).open("rb") as file:
                return Stored(*digest_of(file))
        except FileNotFoundError:
            return None

    def size(self, key: str) -> int | None:
        """See Area."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            return None

    def post_form(self, key: str, size_bytes: int) -> None:
        """None: the web server takes the upload."""

    def link(self, key: str, file_name: str) -> None:
        """None: the web server sends the file."""

    def local_path(self, key: str) -> Path:
        """See Area."""
        return self._path(key)

    def open(self, key: str) -> BinaryIO:
        """See Area."""
        try:
            return self._path(key).open("rb")
        except FileNotFoundError as error:
            raise ObjectChangedError(f"{key} is not there") from error

    def read_part(self, key: str, start: int, stop: int, pinned: Stored | None = None) -> bytes:
        """See Area; of what was pinned only the size is compared, for the ETag is of all bytes."""
        with self.open(key) as stream:
            if pinned is not None and os.fstat(stream.fileno()).st_size != pinned.size_bytes:
                raise ObjectChangedError(f"{key} is not what was uploaded")
            stream.seek(start)
            return stream.read(stop - start)

    def store(self, source: Path, key: str, check: Check) -> Stored:
        """See Area."""
        with source.open("rb") as file:
            return self.receive(key, _checked(file, check))

    def receive(self, key: str, chunks: Iterable[bytes], max_bytes: int | None = None) -> Stored:
        """Write chunks as they come; nothing is left behind when they stop early or are too many.

        The bytes and the name are on the disk before this returns.
        """
        path = self._path(key)
        beside = path.with_name(f"{path.name}{PART}{uuid4().hex}")
        digest = hashlib.sha256()
        size = 0
        try:
            with self._create(beside) as file:
                for chunk in chunks:
                    size += len(chunk)
                    if max_bytes is not None and size > max_bytes:
                        raise TooManyBytesError(f"more than {max_bytes} bytes")
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        return Stored(size, digest.hexdigest())

    def rename(self, key: str, new_key: str) -> None:
        """Move an object to another key of the same folder, replacing what is there."""
        path = self._path(new_key)
        self._path(key).replace(path)
        _sync_folder(path.parent)

    def fetch(self, key: str, pinned: Stored, target: Path, check: Check) -> None:
        """See Area."""
        digest = hashlib.sha256()
        size = 0
        with self.open(key) as source, target.open("wb") as copy:
            for chunk in _checked(source, check):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
        if (size, digest.hexdigest()) != (pinned.size_bytes, pinned.etag):
            raise ObjectChangedError(f"{key} is not what was uploaded")

    def keys(self, after: str, limit: int) -> list[str]:
        """See Area; ordered part by part."""
        found: list[str] = []
        for key in self._walk(self.root, "", after):
            found.append(key)
            if len(found) == limit:
                break
        return found

    def delete(self, keys: Iterable[str]) -> None:
        """See Area; folders that become empty go too."""
        for key in keys:
            path = self._path(key)
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self.root:
                    break
                try:
                    folder.rmdir()
                except OSError:  # not empty, or gone
                    break

    def keys_below(self, prefix: str) -> list[str]:
        """See Area."""
        folder = prefix[: prefix.rfind("/") + 1]
        return [key for key in self._walk(self._path(folder), folder, "") if key.startswith(prefix)]

    def unfinished(self) -> Iterator[tuple[str, str]]:
        """None: files that are being written have keys of their own."""
        return iter(())

    def abort(self, key: str, upload_id: str) -> None:
        """Nothing to do: see `unfinished`."""

    def _path(self, key: str) -> Path:
        """The place of a key, which must not lead out of the area."""
        path = self.root / key
        if not path.is_relative_to(self.root) or ".." in path.parts:
            raise ValueError("a key leads out of its area")
        return path

    def _create(self, path: Path) -> BinaryIO:
        for _ in range(3):
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # a delete took the empty folder away in between
                return path.open("xb")
        return path.open("xb")

    def _walk(self, folder: Path, prefix: str, after: str) -> Iterator[str]:
        first, _, rest = after.partition("/")
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in entries:
            if entry.name < first:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path), f"{prefix}{entry.name}/", rest if entry.name == first else "")
            elif entry.name != first or rest:
                yield prefix + entry.name


def _checked(stream: BinaryIO, check: Check) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        check()
        yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_percent(folder: Path) -> float:
    """How much of the disk under a folder is free, in percent."""
    usage = shutil.disk_usage(folder)
    return 100.0 * usage.free / usage.total
