"""Which sources of a reference a job quotes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from annotations import child, choices, execution, references
from annotations.forms import RunForm
from annotations.models import Job, JobStatus
from annotations.tests.conftest import put_upload

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

DECLARED = (
    'title = "{key} of the virus"\nversion = "3"\nkind = "overlap"\ncolumns = ["contig", "start", "end", "name"]\n'
    '[[fields]]\nkey = "{key}"\nfrom = "name"\ntype = "String"\ndescription = "made"\n'
)


@pytest.fixture(scope="module")
def sourced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The virus with two sources."""
    from annotations.genomics.reference.build import BuildInputs, build_reference

    folder, files = tmp_path_factory.mktemp("sourced"), django_settings.BASE_DIR / "reference"
    given = []
    for key in ("ZONES", "PARTS"):
        (folder / f"{key.lower()}.toml").write_text(DECLARED.format(key=key))
        (folder / f"{key}.bed").write_text("NC_045512.2\t200\t300\there\n")
        given.append((str(folder / f"{key.lower()}.toml"), folder / f"{key}.bed"))
    fasta, genes = [files / "NC_045512.2.fa"], [files / "NC_045512.2.gff3"]
    django_settings.REFERENCES_DIR.mkdir(parents=True, exist_ok=True)
    build_reference(BuildInputs("sourced", "ASM985889v3", fasta, genes, {}, given), django_settings.REFERENCES_DIR)
    yield "sourced"
    shutil.rmtree(django_settings.REFERENCES_DIR / "sourced", ignore_errors=True)


@pytest.fixture
def browser(make_user) -> Client:
    client = Client()
    client.user = make_user(email_confirmed_at=timezone.now())  # type: ignore[attr-defined]
    client.force_login(client.user)  # type: ignore[attr-defined]
    return client


def send(browser: Client, **fields) -> Job:
    upload = put_upload(browser.user)  # type: ignore[attr-defined]
    data = {"upload_id": upload.pk, "reference": "sourced", "submission_key": uuid4().hex, **fields}
    answer = browser.post("/jobs/new", data)
    assert answer.status_code == 302, answer.content.decode()
    return Job.objects.get(upload=upload)


def test_all_are_ticked_and_nothing_is_kept_where_all_stay_so(sourced, browser):
    page = browser.get(f"/uploads/{put_upload(browser.user).pk}/").content.decode()
    assert page.count('name="sources"') == page.count("checked") == 2
    assert "ZONES of the virus (3)" in page
    assert send(browser, asks_sources="True", sources=["zones", "parts"]).options == {}
    assert send(browser).options == {}


def test_those_that_are_ticked_reach_the_result_and_the_page(sourced, browser):
    job = send(browser, asks_sources="True", sources=["parts"], fill_ids="on")
    assert job.options == {"sources": ["parts"], "fill_ids": True}
    assert execution.run_next()
    job.refresh_from_db()
    assert job.status == JobStatus.COMPLETED, job.failure_detail
    assert [source["key"] for source in job.result.summary["sources"]] == ["parts"]
    page = browser.get(f"/jobs/{job.pk}/").content.decode()
    assert "PARTS of the virus" in page
    again = browser.post(
        f"/jobs/{job.pk}/again", {"reference": "sourced", "submission_key": uuid4().hex, "asks_sources": "True"}
    )
    second = Job.objects.get(pk=again.headers["Location"].strip("/").split("/")[-1])
    assert second.options == {"sources": [], "fill_ids": True}
    assert execution.run_next()
    second.refresh_from_db()
    assert "sources" not in second.result.summary
    assert "No source was quoted" in browser.get(f"/jobs/{second.pk}/").content.decode()


def test_running_again_begins_with_the_choices_of_before(sourced, browser):
    job = send(browser, asks_sources="True", sources=["parts"])
    form = RunForm(owner=job.owner, job_options=job.options)
    assert form["sources"].value() == ["parts"]


def test_a_source_that_the_reference_lacks_is_no_option(sourced, user):
    assert choices.problem(user, "sourced", {"sources": ["zones"]}) is None
    wrong: list[dict[str, Any]] = [
        {"sources": ["clinvar"]}, {"sources": "zones"}, {"sources": [1]}, {"own_sources": {}},
    ]  # fmt: skip
    for options in wrong:
        problem = choices.problem(user, "sourced", options)
        assert problem is not None
        assert problem[0] == "option_unknown", options


def test_choices_for_another_reference_lose_what_it_lacks(sourced, virus_reference):
    assert choices.fitted({"sources": ["zones"], "overwrite": True}, "virus") == {"sources": [], "overwrite": True}
    assert choices.fitted({"sources": ["zones"]}, "sourced") == {"sources": ["zones"]}


def test_an_installed_reference_names_its_sources(sourced):
    found = references.find("sourced")
    assert found is not None
    assert [(source.key, source.title, source.version) for source in found.sources] == [
        ("zones", "ZONES of the virus", "3"), ("parts", "PARTS of the virus", "3"),
    ]  # fmt: skip
    assert json.dumps(found.digest)


def test_sources_become_arguments_and_files_of_the_workspace(tmp_path):
    space = child.Workspace(tmp_path)
    arguments = child._arguments(space, "virus", {"sources": ["a", "b"], "fill_ids": True}, ["LAB"])
    assert {"--use-source=a", "--use-source=b", "--fill-ids", f"--own-source=LAB={tmp_path}/own-LAB"} <= set(arguments)
    assert "--no-sources" in child._arguments(space, "virus", {"sources": []})
    assert "--no-sources" not in child._arguments(space, "virus", {})
