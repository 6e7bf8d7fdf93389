from __future__ import annotations

import pytest
from django.test import RequestFactory

from annotations.genome_browser.ranges import UnsatisfiableError, read_range, send

FILE = bytes(range(100))


def _get(header: str, **more: str):
    return send(RequestFactory().get("/", headers={"Range": header, **more}), 100, lambda a, b: FILE[a:b], "text/plain")


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-5000", (90, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-500", (0, 100)),
    ],
)
def test_a_range_gets_exactly_its_bytes(header: str, part: tuple[int, int]):
    response = _get(header)
    start, stop = part
    assert response.status_code == 206
    assert b"".join(response.streaming_content) == FILE[start:stop]
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/100"
    assert response["Content-Length"] == str(stop - start)


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes=-", "bytes=9-2", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b"),
        pytest.param(f"bytes={'9' * 5000}-", id="more digits than Python reads"),
    ],
)
def test_what_is_no_single_range_gets_the_whole(header: str):
    response = _get(header)
    assert response.status_code == 200
    assert b"".join(response.streaming_content) == FILE
    assert "Content-Range" not in response


def test_a_condition_that_cannot_match_gets_the_whole():
    assert _get("bytes=0-9", **{"If-Range": '"another"'}).status_code == 200


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_refused_with_the_size(header: str):
    response = _get(header)
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */100")


def test_an_empty_file_has_no_ranges():
    with pytest.raises(UnsatisfiableError):
        read_range("bytes=0-0", 0)
