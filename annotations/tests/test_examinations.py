"""What doctor says of a reference that is broken and of a machine that holds no limits."""

import pytest

from annotations import child, examinations
from annotations.genomics.reference import installed
from annotations.genomics.reference.layout import FORMAT
from gas.doctor import FaultError


@pytest.fixture
def demo(settings, tmp_path):
    """A folder that is a reference to `reference verify`."""
    settings.REFERENCES_DIR, settings.DEFAULT_REFERENCE = tmp_path / "references", "demo"
    folder = tmp_path / "references" / "demo"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(f'{{"format": {FORMAT}}}')
    (folder / "sequence").write_bytes(b"ACGT")
    installed.write_checksums(folder)
    return folder


def test_a_whole_reference_is_well(demo):
    assert examinations.reference().endswith("whole")


def test_a_reference_that_is_not_there_is_said_with_its_folder(settings, demo):
    settings.DEFAULT_REFERENCE = "GRCh38"

    with pytest.raises(FaultError, match=f"GRCh38 is not in {demo.parent}"):
        examinations.reference()


@pytest.mark.parametrize(("file", "content"), [("sequence", b"ACGA"), ("manifest.json", b"{")])
def test_a_damaged_reference_is_found(demo, file, content):
    (demo / file).write_bytes(content)

    with pytest.raises(FaultError, match=str(demo)):
        examinations.reference()


def test_a_child_without_memory_or_output_gets_nowhere(settings, tmp_path):
    settings.REFERENCES_DIR = tmp_path / "none"

    assert examinations.sandbox() == "the annotator's child runs, and its limits hold"
    assert list(settings.WORK_DIR.iterdir()) == []


@pytest.mark.parametrize("what", ["memory", "output"])
def test_a_limit_that_does_not_hold_is_found(settings, tmp_path, monkeypatch, what):
    settings.REFERENCES_DIR = tmp_path / "none"
    launcher = child.launcher

    def without(**limits):
        return launcher(**{name: 500 if name == f"{what}_mb" else limit for name, limit in limits.items()})

    monkeypatch.setattr(child, "launcher", without)
    monkeypatch.setattr(child, "check_source", lambda *_: None)  # the test above runs it

    with pytest.raises(FaultError, match=f"allowed no {what} went on"):
        examinations.sandbox()
