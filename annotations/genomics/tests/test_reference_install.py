"""Installing from a loopback host that serves real small files, and breaks as real hosts do."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import download, installed
from annotations.genomics.reference.install import ADDRESSES, Wish, describe_progress, install
from annotations.genomics.reference.load import load_reference
from annotations.genomics.tests.made import PROJECT

GIVEN = PROJECT / "reference"


class Host:
    """What is served, what was asked, and what goes wrong next."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str]] = []  # method, path, Range
        self.cut_at: list[int] = []  # bytes after which the next answers break off
        self.knows_ranges = True
        self.url = ""

    def bodies(self) -> list[tuple[str, str]]:
        """(path, Range) of each request for content, less those for checksums."""
        return [(path, span) for method, path, span in self.asked if method == "GET" and "SUM" not in path]


class Handler(BaseHTTPRequestHandler):
    host: Host

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        host, span = self.host, self.headers.get("Range", "")
        host.asked.append((self.command, self.path, span))
        content = host.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        is_part = bool(span) and host.knows_ranges and self.headers.get("If-Range", tag) == tag
        body = content[int(span[6:-1]) :] if is_part else content
        self.send_response(206 if is_part else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", tag)
        self.end_headers()
        if with_body:
            cut = host.cut_at.pop(0) if host.cut_at and "SUM" not in self.path else len(body)
            self.wfile.write(body[:cut])
            if cut < len(body):
                self.connection.close()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)
    found = Host()
    handler = type("Bound", (Handler,), {"host": found})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    found.files = {
        "/virus.fa.gz": gzip.compress((GIVEN / "NC_045512.2.fa").read_bytes()),
        "/virus.gff3": (GIVEN / "NC_045512.2.gff3").read_bytes(),
        "/bands.txt": b"NC_045512.2\t0\t20000\tleft\tx\nNC_045512.2\t20000\t29903\tright\tx\n",
    }
    publish(found)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def publish(host: Host) -> None:
    """The list of checksums that fits what is served."""
    lines = [f"{hashlib.md5(content).hexdigest()}  ./{path[1:]}" for path, content in host.files.items()]
    host.files["/MD5SUMS"] = "\n".join(lines).encode()


def addresses(host: Host, folder: Path, built_bytes: int = 1_000_000) -> Path:
    path = folder / "virus.toml"
    sums = f'checksums = "{host.url}/MD5SUMS"\n'
    path.write_text(
        f'assembly = "ASM985889v3"\nbuilt_bytes = {built_bytes}\n'
        f'[sequence]\nurl = "{host.url}/virus.fa.gz"\n{sums}'
        f'[transcripts.ensembl]\nurl = "{host.url}/virus.gff3"\n{sums}'
        f'[sources.cytobands]\nurl = "{host.url}/bands.txt"\n'
    )
    return path


def run(host: Host, folder: Path, **wish) -> Path:
    out = io.StringIO()
    target = folder / "references"
    target.mkdir(exist_ok=True)
    return install(Wish(addresses(host, folder), **wish), target, out)


def refusal(host: Host, folder: Path, **wish) -> AnnotationError:
    with pytest.raises(AnnotationError) as caught:
        run(host, folder, **wish)
    assert caught.value.message.endswith(".")
    assert not list((folder / "references").glob("[!.]*"))
    return caught.value


def test_an_assembly_is_downloaded_checked_and_built(host: Host, tmp_path: Path) -> None:
    built = run(host, tmp_path, sources=("cytobands",))
    reference = load_reference(built)
    assert (reference.name, reference.assembly) == ("ASM985889v3", "ASM985889v3")
    assert len(reference.sources) == 1
    inputs = {one["file"]: one["sha256"] for one in reference.manifest["inputs"]}
    assert inputs["virus.fa.gz"] == hashlib.sha256(host.files["/virus.fa.gz"]).hexdigest()
    assert sorted(path for path, _ in host.bodies()) == ["/bands.txt", "/virus.fa.gz", "/virus.gff3"]


def test_a_second_installation_downloads_nothing_and_builds_the_same(host: Host, tmp_path: Path) -> None:
    first = installed.digest(run(host, tmp_path))
    host.asked.clear()
    assert installed.digest(run(host, tmp_path)) == first
    assert host.bodies() == []


def test_what_changed_at_its_host_is_fetched_again_and_alone(host: Host, tmp_path: Path) -> None:
    run(host, tmp_path)
    host.files["/virus.gff3"] += b"# one more line\n"
    publish(host)
    host.asked.clear()
    run(host, tmp_path)
    assert host.bodies() == [("/virus.gff3", "")]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(host: Host, tmp_path: Path) -> None:
    host.cut_at = [4000, 3000]
    built = run(host, tmp_path)
    spans = [span for path, span in host.bodies() if path == "/virus.fa.gz"]
    assert spans == ["", "bytes=4000-", "bytes=7000-"]
    assert load_reference(built).contigs[0].length == 29903


def test_a_host_without_ranges_sends_the_whole_file_again(host: Host, tmp_path: Path) -> None:
    host.cut_at, host.knows_ranges = [4000], False
    assert load_reference(run(host, tmp_path)).contigs[0].length == 29903


def test_a_file_that_changed_while_it_was_fetched_is_begun_anew(host: Host, tmp_path: Path) -> None:
    host.cut_at = [4000] + [0] * download.TRIES
    assert refusal(host, tmp_path).code == "download_failed"
    host.files["/virus.fa.gz"] = gzip.compress((GIVEN / "NC_045512.2.fa").read_bytes(), 1)
    publish(host)
    host.cut_at.clear()
    host.asked.clear()
    assert load_reference(run(host, tmp_path)).contigs[0].length == 29903
    assert host.bodies()[0] == ("/virus.fa.gz", "")


def test_a_connection_that_stays_broken_ends_and_the_next_run_goes_on(host: Host, tmp_path: Path) -> None:
    host.cut_at = [4000] + [0] * download.TRIES
    error = refusal(host, tmp_path)
    assert error.code == "download_failed"
    assert "install again to go on from there" in error.message
    host.cut_at.clear()
    host.asked.clear()
    run(host, tmp_path)
    assert host.bodies()[0] == ("/virus.fa.gz", "bytes=4000-")


def test_a_wrong_checksum_keeps_nothing_and_builds_nothing(host: Host, tmp_path: Path) -> None:
    host.files["/MD5SUMS"] = host.files["/MD5SUMS"].replace(
        hashlib.md5(host.files["/virus.gff3"]).hexdigest().encode(), b"0" * 31 + b"1"
    )
    error = refusal(host, tmp_path)
    assert error.code == "download_damaged"
    assert "virus.gff3" in error.message
    kept = [path.name for path in (tmp_path / "references" / ".downloads" / "ASM985889v3").iterdir()]
    assert "virus.gff3" not in kept
    assert "virus.fa.gz" in kept


def test_room_is_looked_for_before_the_first_byte(host: Host, tmp_path: Path) -> None:
    (tmp_path / "references").mkdir()
    with pytest.raises(AnnotationError) as caught:
        install(Wish(addresses(host, tmp_path, 10**18)), tmp_path / "references", io.StringIO())
    assert caught.value.code == "disk_full"
    assert "free" in caught.value.message
    assert host.bodies() == []


COMMAND = [sys.executable, "-m", "annotations.genomics", "reference", "install", "ASM985889v3", "--addresses"]


def start(host: Host, folder: Path, **options) -> subprocess.Popen[str]:
    (folder / "references").mkdir(exist_ok=True)
    environment = os.environ | {"GAS_REFERENCES_DIR": str(folder / "references"), "PYTHONPATH": str(PROJECT)}
    command = [*COMMAND, str(addresses(host, folder))]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, text=True, stdout=pipe, stderr=pipe, **options)


def test_a_disk_that_fills_up_is_said_and_what_is_here_is_kept(host: Host, tmp_path: Path) -> None:
    """The system itself refuses to write more: no file may be larger than 4,096 bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    process = start(host, tmp_path, preexec_fn=limit)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.splitlines()[-1] == "virus.fa.gz cannot be written: File too large."
    assert (tmp_path / "references" / ".downloads" / "ASM985889v3" / "virus.fa.gz.part").stat().st_size == 4096
    host.asked.clear()
    run(host, tmp_path)
    assert host.bodies()[0] == ("/virus.fa.gz", "bytes=4096-")


def test_of_two_at_once_one_is_told_to_wait(host: Host, tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "references").mkdir()
    with (tmp_path / "references" / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(host, tmp_path)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, "wait until it has ended" in said) == (2, True)
        assert host.asked == []
    process = start(host, tmp_path)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "[##########] 100 % of" in said
    assert out.strip().endswith("ASM985889v3")


def test_only_encrypted_hosts_are_asked(tmp_path: Path) -> None:
    for url in ("http://example.org/x.gz", "ftp://example.org/x.gz", "file:///etc/passwd"):
        with pytest.raises(AnnotationError, match="is not an https address"):
            download.ask(url)


def test_what_is_not_there_is_named(host: Host, tmp_path: Path) -> None:
    assert "mane transcripts" in refusal(host, tmp_path, transcripts="mane").message
    assert "known: cytobands" in refusal(host, tmp_path, sources=("other",)).message
    assert refusal(host, tmp_path, name="../x").code == "install_unknown"
    del host.files["/virus.fa.gz"]
    assert "404" in refusal(host, tmp_path).message


def test_lists_of_checksums_are_read_as_hosts_write_them() -> None:
    assert download.published("0" * 31 + "a  ./x.gz\n", "x.gz") == "md5:" + "0" * 31 + "a"
    assert download.published("26389 860589 x.gz\n", "x.gz") == "sum:26389"
    assert download.published("26389 860589 xx.gz\n", "x.gz") == ""


def test_the_sum_is_that_of_the_program_of_this_name(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(os.urandom(100_000))
    expected = subprocess.run(["sum", str(path)], capture_output=True, text=True, check=True).stdout.split()[0]
    assert download._digests(path)["sum"].zfill(5) == expected


def test_progress_tells_speed_and_time_left() -> None:
    line = describe_progress("x.gz", 440_000_000, 880_000_000, 400_000_000, 40.0)
    assert line == "[#####.....] 50 % of 880 MB, 10 MB/s, 0:44 left  x.gz"


@pytest.mark.parametrize("assembly", ["GRCh38", "GRCh37"])
def test_the_shipped_addresses_are_whole(assembly: str) -> None:
    import tomllib

    from annotations.genomics.sources.declaration import find_declaration

    content = tomllib.loads((ADDRESSES / f"{assembly}.toml").read_text())
    parts = [content["sequence"], *content["transcripts"].values(), *content["sources"].values()]
    assert content["assembly"] == assembly
    assert all(part["url"].startswith("https://") for part in parts)
    for key in content["sources"]:
        assert find_declaration(key).name == key


# --- What is installed -------------------------------------------------------------------------
def test_a_reference_is_shown_verified_and_removed(host: Host, tmp_path: Path) -> None:
    built = run(host, tmp_path, sources=("cytobands",))
    shown = "\n".join(installed.describe(built))
    for words in (installed.digest(built), "29,903 bases", "virus.fa.gz", "cytobands hg38", "bands.txt"):
        assert words in shown
    assert installed.verify(built).startswith("ASM985889v3: whole")
    subprocess.run(["sha256sum", "--quiet", "-c", "checksums.sha256"], cwd=built, check=True)
    with (built / "sequence.bin").open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"\x03\x03\x03\x03\x03\x00")
    with pytest.raises(AnnotationError, match=r"sequence\.bin .* is not as it was built"):
        installed.verify(built)
    (built / "exons.npy").unlink()
    with pytest.raises(AnnotationError, match=r"exons\.npy"):
        installed.verify(built)
    assert installed.remove(built) == "ASM985889v3 is removed"
    assert not built.exists()
    assert json.loads((tmp_path / "references/.downloads/ASM985889v3/virus.fa.gz.json").read_text())["sha256"]
