from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from annotations.areas import CHUNK, FileArea, ObjectChangedError, Stored, TooManyBytesError


@pytest.fixture
def files(tmp_path: Path) -> FileArea:
    return FileArea(tmp_path / "area")


def go_on() -> None:
    pass


def pinned(content: bytes) -> Stored:
    return Stored(len(content), hashlib.sha256(content).hexdigest())


def test_an_object_comes_back_as_it_was_stored(files, tmp_path):
    content = b"genome" * CHUNK
    (tmp_path / "source").write_bytes(content)
    assert files.store(tmp_path / "source", "a/b", go_on) == pinned(content)
    assert files.head("a/b") == pinned(content)
    assert files.size("a/b") == len(content)
    files.fetch("a/b", pinned(content), tmp_path / "copy", go_on)
    assert (tmp_path / "copy").read_bytes() == content


def test_a_part_of_an_object_is_read_and_of_no_other(files):
    stored = files.receive("a/b", [b"0123456789"])
    assert files.read_part("a/b", 3, 7, stored) == b"3456"
    assert files.read_part("a/b", 8, 100, stored) == b"89"
    files.receive("a/b", [b"another one"])
    for key in ("a/b", "a/c"):
        with pytest.raises(ObjectChangedError):
            files.read_part(key, 0, 4, stored)


def test_what_is_not_there_is_said_so(files, tmp_path):
    assert files.head("a/b") is None
    assert files.size("a/b") is None
    with pytest.raises(ObjectChangedError):
        files.open("a/b")
    with pytest.raises(ObjectChangedError):
        files.fetch("a/b", pinned(b""), tmp_path / "copy", go_on)


@pytest.mark.parametrize("other", [b"genomE", b"geno", b"genomes", b""])
def test_another_object_than_the_pinned_one_is_refused(files, tmp_path, other):
    files.receive("a/b", [other])
    with pytest.raises(ObjectChangedError):
        files.fetch("a/b", pinned(b"genome"), tmp_path / "copy", go_on)


def test_a_transfer_that_is_stopped_leaves_nothing(files, tmp_path):
    (tmp_path / "source").write_bytes(b"x" * 3 * CHUNK)
    seen = []

    def stop() -> None:
        seen.append(files.keys("", 10))
        if len(seen) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        files.store(tmp_path / "source", "a/b", stop)
    assert seen[1][0].startswith("a/b.part-"), "an unfinished object has a name of its own"
    assert files.keys("", 10) == []


def test_more_than_announced_is_not_kept(files):
    with pytest.raises(TooManyBytesError):
        files.receive("a/b", [b"12", b"345"], max_bytes=4)
    assert files.keys("", 10) == []


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/passwd"])
def test_no_key_leads_out_of_the_area(files, key):
    with pytest.raises(ValueError, match="out of its area"):
        files.receive(key, [b"x"])


def test_keys_come_in_pages_without_gap_or_repeat(files):
    names = ["a/b/1", "a/b/10", "a/b/2", "a/b.c", "a/c", "b", "b0/x", "c/d/e/f"]
    for name in names:
        files.receive(name, [b"x"])
    seen, after = [], ""
    while page := files.keys(after, 3):
        assert len(page) <= 3
        seen += page
        after = page[-1]
    assert sorted(seen) == sorted(names)
    assert len(seen) == len(set(seen))


def test_a_page_goes_on_behind_a_key_that_was_deleted(files):
    for name in ("a/1", "a/2", "b/1"):
        files.receive(name, [b"x"])
    first = files.keys("", 2)
    files.delete(first)
    assert files.keys(first[-1], 2) == ["b/1"]


def test_deleting_takes_empty_folders_along_and_is_repeatable(files):
    files.receive("a/b/c", [b"x"])
    files.receive("a/d", [b"x"])
    files.delete(["a/b/c", "a/b/c", "never/there"])
    assert [path.name for path in files.root.iterdir()] == ["a"]
    files.delete(["a/d"])
    assert list(files.root.iterdir()) == []


def test_a_prefix_ends_at_its_slash(files):
    for name in ("u/1/x", "u/1/y/z", "u/10/x"):
        files.receive(name, [b"x"])
    assert sorted(files.keys_below("u/1/")) == ["u/1/x", "u/1/y/z"]
    assert files.keys_below("u/2/") == []


def test_a_prefix_may_end_within_a_name(files):
    for name in ("u/12", "u/1.part-a", "u/1.part-b/c", "u/1", "u1.part-a", "1.part-d"):
        files.receive(name, [b"x"])
    assert sorted(files.keys_below("u/1.part-")) == ["u/1.part-a", "u/1.part-b/c"]
    assert files.keys_below("1.part-") == ["1.part-d"]
    assert len(files.keys_below("")) == 6
