"""The whole way, the same in each profile: sign up, confirm, submit, wait, download, read."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet
import pysam
import pytest

from tests_e2e import deployments
from tests_e2e.conftest import skip_or_fail
from tests_e2e.emulators.loopback import PROJECT
from tests_e2e.emulators.smtp import SmtpSink
from tests_e2e.inputs import SAMPLE, read_bench
from tests_e2e.processes import wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import PASSWORD, Visitor, new_visitor, wait_for_text

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("whole_way")]


@dataclass(frozen=True)
class Profile:
    """A running service, and where its mails arrive."""

    service: Deployment
    sink: SmtpSink | None

    def mail_to(self, address: str, subject: str) -> EmailMessage:
        """Wait for the mail to an address whose subject has these words."""

        def find() -> EmailMessage | None:
            mails = self.sink.messages if self.sink else self.service.mails_about(address)
            fitting = [mail for mail in mails if address in str(mail["To"]) and subject in str(mail["Subject"])]
            return fitting[0] if fitting else None

        found: EmailMessage = wait_until(find, f"a mail to {address} about {subject!r}")
        return found


@pytest.fixture(scope="module", params=["local", pytest.param("emulated", marks=pytest.mark.postgres)])
def profile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Profile]:
    """Everything runs, as `manage.py run` would start it."""
    folder = tmp_path_factory.mktemp(request.param) / "var"
    with ExitStack() as stack:
        if request.param == "local":
            sink = None
            templates = request.getfixturevalue("templates")
            service = stack.enter_context(deployments.local(templates, folder, GAS_LOG_FORMAT="json"))
        else:
            sink = stack.enter_context(SmtpSink())
            server = request.getfixturevalue("postgres")
            doors = deployments.Doors(request.getfixturevalue("aws_process"), server, sink.port)
            templates = request.getfixturevalue("postgres_templates")
            service = stack.enter_context(deployments.emulated(templates, doors, folder, GAS_LOG_FORMAT="json"))
        service.start("web", "annotate", "control", "beat")
        yield Profile(service, sink)
        service.check_invariants()


@pytest.fixture(scope="module")
def account(profile: Profile) -> tuple[Visitor, str]:
    """A visitor who signed up by the form and confirmed by the mail's link; and their address."""
    visitor = Visitor(profile.service.url)
    address = f"ann-{uuid4().hex[:8]}@example.org"
    person = {"name": "Ann Example", "email": address, "institution": "Institute", "password": PASSWORD}
    answer = visitor.post("/accounts/sign-up/", **person, terms="on", consent="on")
    assert answer.url.endswith("/accounts/sign-up/done/"), answer.text
    text = profile.mail_to(address, "").get_content()
    link = re.search(r"https?://\S+/accounts/confirm/\S+", text)
    assert link, text
    confirmed = visitor.post(link.group(), password=PASSWORD)
    assert confirmed.url.endswith("/jobs/new"), confirmed.text
    return visitor, address


def records_of(file: Path) -> list[str]:
    """The first seven columns and the sample columns of each record: what must not change."""
    with gzip.open(file, "rt") as lines:
        columns = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    return ["\t".join(record[:7] + record[8:]) for record in columns]


def test_from_sign_up_to_a_result_that_other_tools_read(
    profile: Profile, account: tuple[Visitor, str], tmp_path: Path
) -> None:
    visitor, address = account
    job = visitor.annotate(SAMPLE.read_bytes(), SAMPLE.name)
    wait_for_text(visitor, job, "download/vcf")
    vcf = visitor.download(job, "vcf", tmp_path / "out.vcf.gz")
    visitor.download(job, "vcf_index", tmp_path / "out.vcf.gz.tbi")
    assert records_of(vcf) == records_of(SAMPLE)
    with pysam.VariantFile(str(vcf)) as annotated:
        form = (annotated.header.info["CSQ"].description or "").partition("Format: ")[2].rstrip('"').split("|")
        first = next(annotated.fetch("chr19"))
        entries = [entry.split("|") for entry in first.info["CSQ"]]
        assert {len(entry) for entry in entries} == {len(form)}
        assert form[:4] == ["Allele", "Consequence", "IMPACT", "SYMBOL"]
        middle = list(annotated.fetch("chr19", 10_000_000, 20_000_000))
    positions = [int(record.split("\t")[1]) for record in records_of(SAMPLE)]
    assert [record.pos for record in middle] == [pos for pos in positions if 10_000_000 < pos <= 20_000_000]
    table = pyarrow.parquet.read_table(visitor.download(job, "parquet", tmp_path / "out.parquet"))
    assert table.num_rows >= len(positions)
    summary = json.loads(visitor.download(job, "summary", tmp_path / "summary.json").read_text())
    assert summary
    with gzip.open(visitor.download(job, "tsv", tmp_path / "out.tsv.gz"), "rt", encoding="utf-8") as text:
        assert next(text).rstrip("\n").split("\t") == table.schema.names
        assert sum(1 for _ in text) == table.num_rows
    assert job in profile.mail_to(address, "Done").get_content()


def test_the_log_tells_of_a_job_from_the_click_to_the_mail_and_of_nobody(
    profile: Profile, account: tuple[Visitor, str]
) -> None:
    visitor, address = account
    job = visitor.annotate(SAMPLE.read_bytes(), "patient-smith.vcf.gz", name="Smith, Jane")
    profile.service.wait_for_job(job)
    assert visitor.get(job).ok
    profile.mail_to(address, "Smith, Jane")
    job_id = job.strip("/").rpartition("/")[2]

    personal = (address, "Ann Example", "smith", "Smith", str(visitor.session.cookies["sessionid"]))

    def lines_of(program: str) -> list[dict[str, str]]:
        """A program's lines about the job. Mails that a local service shows beside them are no lines of the log."""
        logs = sorted(profile.service.folder.glob(f"{program}-*.log"))
        lines = [line for log in logs for line in log.read_text().splitlines() if line.startswith("{")]
        assert lines
        assert [line for line in lines for word in personal if word in line] == []
        return [entry for entry in map(json.loads, lines) if entry.get("job") == job_id]

    wait_until(lambda: any("Completed" in line["message"] for line in lines_of("annotate")), "the worker's last line")
    web, worker = lines_of("web"), lines_of("annotate")
    (click,) = [line for line in web if line["message"] == "Submitted."]
    assert any(line["message"].startswith("GET /jobs/<uuid:job_id>/ 200") for line in web)
    assert {line["user"] for line in web} == {click["user"]}
    ids = {(line["request"], line["user"], line["attempt"]) for line in worker}
    assert ids == {(click["request"], click["user"], "1")}
    assert any("The annotator, process" in line["message"] for line in worker)
    lines_of("control")


def test_what_one_user_has_another_does_not_find(profile: Profile, account: tuple[Visitor, str]) -> None:
    visitor, _ = account
    job = visitor.annotate(SAMPLE.read_bytes(), SAMPLE.name)
    profile.service.wait_for_job(job)
    stranger = new_visitor(profile.service)
    for path in (job, f"{job}live", f"{job}download/vcf", f"{job}input"):
        assert stranger.get(path).status_code == 404, path
        assert visitor.get(path).status_code == 200, path


OLD = "nobody supports NCBI36 any more"
ELSEWHERE = "choose a reference that holds them"
REFUSED = {
    "NA12878_chr21_GRCh38.vcf.gz": ("the file has only chr21", ELSEWHERE),
    "crlf_windows.vcf": ("does not begin with ##fileformat", "send the file as its caller wrote it"),
    "gas_free_2.vcf": ("the file has only Y", OLD),
    "gas_premium_1.vcf": ("is on the assembly NCBI36", OLD),
    "gas_premium_2.vcf": ("the file has only 1 ", ELSEWHERE),
    "gas_premium_3.vcf": ("VCF 3.3, and it is on NCBI36", "call the variants anew"),
    "kgp_chr10_1k_sites_2548_samples.vcf.gz": ("the file has only 10", ELSEWHERE),
}
# What the page of the result says: (records, annotated, skipped).
ANNOTATED = {
    "gas_free_1.vcf": (1_141, 1_140, 1),
    "gas_test.vcf": (350, 350, 0),
    "kgp30x_RYR1_chr19_3202_samples.vcf.gz": (4_403, 4_403, 0),
    "gvcf_HG00187_chr22.g.vcf.gz": (1_745, 0, 1_745),
}


@pytest.mark.parametrize("profile", ["local"], indirect=True)
def test_a_file_that_cannot_be_annotated_is_refused_before_it_is_queued(profile: Profile) -> None:
    visitor = new_visitor(profile.service)
    for name, words in REFUSED.items():
        upload = visitor.upload(bench_input(name), name)
        page = visitor.get(f"/uploads/{upload}/").text
        answer = visitor.post("/jobs/new", upload_id=upload, submission_key=uuid4().hex, reference="demo")
        assert "This file cannot be annotated." in page, name
        assert answer.status_code == 422, name
        for said in words:
            assert said in page, name
            assert said in answer.text, name


@pytest.mark.parametrize("profile", ["local"], indirect=True)
@pytest.mark.parametrize("name", ANNOTATED)
def test_what_a_job_annotates_and_skips_adds_up_on_its_page(profile: Profile, name: str, tmp_path: Path) -> None:
    content = bench_input(name)
    records, annotated, skipped = ANNOTATED[name]
    visitor = new_visitor(profile.service)
    upload = visitor.upload(content, name)
    form = {"upload_id": upload, "submission_key": uuid4().hex, "reference": "demo"}
    answer = visitor.post("/jobs/new", **form)
    if not annotated:
        assert answer.status_code == 422
        assert "None of the records looked at would be annotated" in answer.text
        answer = visitor.post("/jobs/new", **form, confirmed="on")
    job = answer.url.removeprefix(visitor.url)
    assert profile.service.wait_for_job(job)["status"] == "completed"
    page = re.sub(r"<[^>]+>|\s+", " ", visitor.get(job).text)
    assert f"{records:,} records: {annotated:,} annotated, {skipped:,} skipped" in re.sub(" +", " ", page)
    vcf = visitor.download(job, "vcf", tmp_path / "out.vcf.gz")
    given = tmp_path / "in.vcf.gz"
    given.write_bytes(content if name.endswith(".gz") else gzip.compress(content))
    assert records_of(vcf) == records_of(given)


def bench_input(name: str) -> bytes:
    """One of the benchmark's inputs; skips where they are not beside the project."""
    content = read_bench(name)
    if content is None:
        pytest.skip("the benchmark's inputs are not beside the project")
    return content


MAKE_TOKEN = """
from accounts.models import User
from accounts.security import tokens
print(tokens.make(User.objects.get(email={email!r}), "examples", ["jobs:read", "jobs:write"], 1)[1])
"""


@dataclass(frozen=True)
class Example:
    """A folder and an environment to run what docs/api.md shows."""

    folder: Path
    environment: dict[str, str]

    def run(self, language: str, *command: str) -> str:
        """Run all blocks of a language as one program; return what it printed."""
        page = (PROJECT / "docs" / "api.md").read_text()
        program = "\n".join(re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL))
        done = subprocess.run(
            [*command, program],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def examples(profile: Profile, account: tuple[Visitor, str], tmp_path: Path) -> Example:
    """The documentation's examples with a token, beside the file they send."""
    token = profile.service.run_code(MAKE_TOKEN.format(email=account[1])).strip()
    shutil.copy(SAMPLE, tmp_path / "patient.vcf.gz")
    return Example(tmp_path, {"PATH": os.environ["PATH"], "GAS": profile.service.url, "TOKEN": token})


def test_the_documented_program_runs_against_either_kind_of_storage(examples: Example) -> None:
    examples.run("python", sys.executable, "-c")
    (vcf,) = examples.folder.glob("*annotated*.vcf.gz")
    assert records_of(vcf) == records_of(SAMPLE)


@pytest.mark.parametrize("profile", ["local"], indirect=True)  # they send a file to the service itself, not to S3
def test_the_documented_calls_of_curl_run(profile: Profile, examples: Example) -> None:
    if shutil.which("curl") is None:
        skip_or_fail("curl is not installed")
    said = examples.run("sh", "bash", "-euo", "pipefail", "-c")
    assert records_of(examples.folder / "annotated.vcf.gz") == records_of(SAMPLE)
    assert '"code": "annotated_before"' in said
    assert "Submitted" in said
    assert "The job had ended already" in said
