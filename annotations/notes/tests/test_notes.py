from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.people import BACKEND
from annotations import erasure
from annotations import exports as takeout
from annotations.explorer import exports
from annotations.models import Export, Job, VariantNote
from annotations.notes import keeping
from annotations.sharing import granting

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(virus_job: Job) -> str:
    return f"/jobs/{virus_job.pk}/"


def _star(browser: Client, at: str, number: int, on: str = "1", **more: Any) -> Any:
    return browser.post(f"{at}variants/{number}/star", {"on": on}, **more)


def _write(browser: Client, at: str, number: int, text: str, **more: Any) -> Any:
    return browser.post(f"{at}variants/{number}/note", {"text": text}, **more)


def _rows(page: bytes) -> list[str]:
    return re.findall(r'class="place" href="[^"]+/variants/(\d+)/"', page.decode())


def test_a_star_stays_until_it_is_taken_away(browser, at, virus_job, person):
    assert _star(browser, at, 1).headers["Location"] == f"{at}variants/1/"
    note = VariantNote.objects.get()
    assert (note.author, note.contig, note.pos, note.ref, note.alt) == (person, "NC_045512.2", 23403, "A", "G")
    assert b'aria-pressed="true"' in browser.get(f"{at}variants/1/").content
    assert b'aria-pressed="true"' not in browser.get(f"{at}variants/0/").content
    _star(browser, at, 1, on="")
    assert not VariantNote.objects.exists()


def test_a_star_in_the_table_changes_in_its_place_and_leads_back_without_a_script(browser, at):
    table = f"{at}explore/?impact=MODERATE"
    answer = browser.post(f"{at}variants/1/star", {"on": "1", "back": table})
    assert answer.headers["Location"] == table
    for elsewhere in ("https://elsewhere.example/", "//elsewhere.example/"):
        answer = browser.post(f"{at}variants/1/star", {"on": "1", "back": elsewhere})
        assert answer.headers["Location"] == f"{at}variants/1/"
    part = _star(browser, at, 1, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert part.content.startswith(b"<form")
    assert b'aria-pressed="true"' in part.content
    page = browser.get(f"{at}explore/").content.decode()
    assert page.count('aria-pressed="true"') == 1
    assert page.count('aria-pressed="false"') == 2


def test_the_filter_keeps_the_starred_and_combines_with_others(browser, at):
    for number in (0, 2):
        _star(browser, at, number)
    assert _rows(browser.get(f"{at}explore/?starred=on").content) == ["0", "2"]
    assert _rows(browser.get(f"{at}explore/?starred=on&region=NC_045512.2:29000-29999").content) == ["2"]
    assert _rows(browser.get(f"{at}explore/").content) == ["0", "1", "2"]
    assert b"Starred (2)" in browser.get(f"{at}explore/?starred=on").content
    counts = browser.get(f"{at}explore/counts?starred=on").content.decode()
    assert sum(map(int, re.findall(r'<span class="num muted">(\d+)', counts[: counts.index("Consequence")]))) == 2


def test_a_star_that_comes_or_goes_changes_the_filtered_table_at_once(browser, at):
    assert _rows(browser.get(f"{at}explore/?starred=on").content) == []
    assert b"No variant passes" in browser.get(f"{at}explore/?starred=on").content
    _star(browser, at, 1)
    assert _rows(browser.get(f"{at}explore/?starred=on").content) == ["1"]
    _star(browser, at, 1, on="")
    assert _rows(browser.get(f"{at}explore/?starred=on").content) == []


def test_the_starred_can_be_downloaded(browser, at):
    _star(browser, at, 1)
    answer = browser.post(f"{at}explore/downloads", {"kind": "tsv", "query": "starred=on"})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == 2, "a head and the variant"
    assert "23403" in lines[-1]


def test_a_download_of_the_starred_is_made_anew_when_stars_may_have_changed(browser, virus_job):
    plain = [exports.request(virus_job, "vcf", "impact=HIGH", 1) for _ in range(2)]
    starred = [exports.request(virus_job, "vcf", "starred=on", 1) for _ in range(2)]
    assert plain[0] == plain[1]
    assert starred[0] != starred[1]
    assert Export.objects.count() == 3


def test_a_note_is_kept_shown_and_taken_away(browser, at):
    _write(browser, at, 1, " Seen <b>before</b> in family 7.\nAsk Bob. ")
    page = browser.get(f"{at}variants/1/").content.decode()
    assert "Seen &lt;b&gt;before&lt;/b&gt; in family 7.\nAsk Bob.</textarea>" in page
    assert 'class="tag" title="Seen' in browser.get(f"{at}explore/").content.decode()
    _star(browser, at, 1)
    _write(browser, at, 1, "")
    note = VariantNote.objects.get()
    assert (note.is_starred, note.text) == (True, "")
    _star(browser, at, 1, on="")
    assert not VariantNote.objects.exists()


def test_a_script_gets_the_part_of_the_page_that_changed(browser, at):
    part = _write(browser, at, 1, "Look again", headers={"HX-Request": "true"}).content.decode()
    assert part.startswith("<section")
    assert "Kept." in part
    assert "Look again" in part


def test_too_long_a_note_is_refused(browser, at):
    page = browser.post(f"{at}variants/1/note", {"text": "x" * 5001}, follow=True)
    assert b"It was not kept" in page.content
    assert not VariantNote.objects.exists()


def test_marks_are_bounded(browser, at, monkeypatch):
    monkeypatch.setattr(keeping, "MAX_KEPT", 1)
    _star(browser, at, 0)
    assert b"as many as there can be" in browser.post(f"{at}variants/1/star", {"on": "1"}, follow=True).content
    assert "HX-Redirect" in _star(browser, at, 1, headers={"HX-Request": "true"}).headers
    _write(browser, at, 0, "more on the same variant")
    assert VariantNote.objects.get().text


def test_no_such_variant_takes_no_star(browser, at):
    assert _star(browser, at, 99).status_code == 404


def test_the_report_has_what_its_reader_marked(browser, at):
    assert b"Starred variants" not in browser.get(f"{at}report").content
    _star(browser, at, 2)
    _write(browser, at, 1, "The one that spreads")
    report = browser.get(f"{at}report").content.decode()
    marked = report[report.index("Starred variants and notes") :]
    marked = marked[: marked.index("</section>")]
    assert "A user" in marked
    assert "The one that spreads" in marked
    assert marked.index("23,403") < marked.index("29,750")
    assert "1 variant with starred: on" in browser.get(f"{at}report?starred=on").content.decode()


def test_notes_are_their_authors_alone_also_in_a_shared_result(browser, at, virus_job, person, make_user):
    _write(browser, at, 1, "Mine alone")
    _star(browser, at, 1)
    reader, nobody = Client(), Client()
    other = make_user()
    reader.force_login(other, backend=BACKEND)
    link = granting.make_link(person, virus_job, granting.Terms(needs_sign_in=False))[1]
    for client in (reader, nobody):
        client.get(f"/shared/{link}/")
        for page in ("variants/1/", "explore/", "report"):
            assert b"Mine alone" not in client.get(f"{at}{page}").content
        assert _rows(client.get(f"{at}explore/?starred=on").content) == []
    assert b'class="star"' not in nobody.get(f"{at}explore/").content
    assert _star(nobody, at, 0).headers["Location"].startswith("/accounts/sign-in/")
    _star(reader, at, 0)
    assert _rows(reader.get(f"{at}explore/?starred=on").content) == ["0"]
    assert _rows(browser.get(f"{at}explore/?starred=on").content) == ["1"]


def test_notes_go_with_their_author_and_are_in_my_data(browser, at, person: User):
    _write(browser, at, 1, "Seen before")
    assert [row["text"] for row in takeout.variant_notes(person)] == ["Seen before"]
    erasure.erase(person)
    assert not VariantNote.objects.exists()


def test_a_readers_notes_go_with_the_reader(browser, at, virus_job, person, make_user):
    other = make_user()
    keeping.set_star(other, virus_job, keeping.Allele("chr1", 1, "A", "C" * 100_000), is_starred=True)
    keeping.set_star(person, virus_job, keeping.Allele("chr1", 1, "A", "C"), is_starred=True)
    erasure.erase(other)
    assert [note.author for note in VariantNote.objects.all()] == [person]
