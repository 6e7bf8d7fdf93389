from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from annotations import references


def test_an_installed_reference_is_found_with_its_digest(virus_reference, settings):
    found = references.find("virus")
    assert found is not None
    manifest = (settings.REFERENCES_DIR / "virus" / "manifest.json").read_bytes()
    assert (found.assembly, found.digest) == ("ASM985889v3", hashlib.sha256(manifest).hexdigest())
    assert found in references.installed()


def test_a_reference_that_was_built_anew_is_another_one_at_once(virus_reference, settings, tmp_path):
    settings.REFERENCES_DIR, source = tmp_path, settings.REFERENCES_DIR
    shutil.copytree(source / "virus", tmp_path / "virus")
    before = references.find("virus")
    shutil.copytree(source / "virus", tmp_path / ".building")
    content = json.loads((tmp_path / ".building" / "manifest.json").read_text())
    (tmp_path / ".building" / "manifest.json").write_text(json.dumps({**content, "assembly": "another"}))
    shutil.rmtree(tmp_path / "virus")
    (tmp_path / ".building").rename(tmp_path / "virus")
    after = references.find("virus")
    assert before is not None
    assert after is not None
    assert (before.assembly, after.assembly) == ("ASM985889v3", "another")
    assert before.digest != after.digest


@pytest.mark.parametrize("name", ["", ".", "..", "../virus", "virus/", "VIRUS", "other"])
def test_a_name_is_compared_and_never_a_path(virus_reference, name):
    assert references.find(name) is None


def test_what_this_version_cannot_use_is_not_offered(virus_reference, settings, tmp_path):
    settings.REFERENCES_DIR, source = tmp_path, settings.REFERENCES_DIR
    shutil.copytree(source / "virus", tmp_path / "old")
    (tmp_path / "old" / "manifest.json").write_text('{"format": 0}')
    shutil.copytree(source / "virus", tmp_path / ".building")
    (tmp_path / "empty").mkdir()
    assert references.installed() == []
