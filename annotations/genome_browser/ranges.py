"""Parts of a file, as HTTP asks for them: one range of bytes (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

CHUNK = 1 << 20
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")  # more digits than any file has, fewer than int refuses

Read = Callable[[int, int], bytes]
"""(start, stop) -> those bytes of the file."""


class UnsatisfiableError(Exception):
    """The range lies behind the end."""


def read_range(header: str, size: int) -> tuple[int, int] | None:
    """(start, stop) that a Range header asks for; None for the whole, also where it asks for several parts.

    Raises UnsatisfiableError.
    """
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:  # the last bytes
        start, stop = max(size - int(found[2]), 0), size
    else:
        start, stop = int(found[1]), min(int(found[2]) + 1 if found[2] else size, size)
        if found[2] and int(found[2]) < int(found[1]):
            return None
    if start >= size or start >= stop:
        raise UnsatisfiableError
    return start, stop


def send(request: HttpRequest, size: int, read: Read, content_type: str) -> HttpResponseBase:
    """The file or the part of it that is asked for: 200, 206 or 416."""
    # Without a validator of ours no If-Range can match: then the whole is sent.
    header = "" if "If-Range" in request.headers else request.headers.get("Range", "")
    try:
        asked = read_range(header, size)
    except UnsatisfiableError:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, stop = asked or (0, size)
    response = StreamingHttpResponse(
        _chunks(read, start, stop), status=206 if asked else 200, content_type=content_type
    )
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(stop - start)
    if asked:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


def _chunks(read: Read, start: int, stop: int) -> Iterator[bytes]:
    for place in range(start, stop, CHUNK):
        yield read(place, min(place + CHUNK, stop))
