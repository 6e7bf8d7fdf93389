from __future__ import annotations

import re

from django.test import Client

from annotations.models import Job, Result, StorageState


def test_the_page_names_the_variant_and_draws_it_on_every_transcript(browser: Client, virus_job: Job):
    page = browser.get(f"/jobs/{virus_job.pk}/variants/1/").content.decode()
    assert "<title>S NC_045512.2:23,403" in page
    for name in ("NC_045512.2:g.23403A&gt;G", ":c.1841A&gt;G", ":p.Asp614Gly", "NC_045512.2-23403-A-G"):
        assert f'{name}" hidden>Copy' in page
    rows = re.findall(r'<th scope="row"><span class="mono">.*?</tr>', page, re.DOTALL)
    assert len(rows) > 1  # genes beside it are within reach
    assert all('class="chart strip"' in row for row in rows)
    assert "missense variant" in rows[0]
    assert "<strong>picked</strong>" in rows[0]
    assert 'aria-label="1 exon, forward strand, the variant in exon 1"' in rows[0]


def test_the_protein_shows_its_other_variants_with_ways_to_them(browser: Client, virus_job: Job):
    page = browser.get(f"/jobs/{virus_job.pk}/variants/1/").content.decode()
    assert "1,273 amino acids" in page
    assert "2 variants of this result; this one is ringed" in page
    assert re.search(
        rf'href="/jobs/{virus_job.pk}/variants/0/\?transcript=[^"]+" aria-label="p.Met1\?, start lost"', page
    )


def test_the_protein_can_be_saved_as_a_picture_and_as_figures(browser: Client, virus_job: Job):
    page = browser.get(f"/jobs/{virus_job.pk}/variants/1/").content.decode()
    picture, figures = re.findall(r'href="(/jobs/[^"]+/protein\.[^"]+)"', page)
    assert browser.get(picture).content.startswith(b"<?xml")
    head, *rows = browser.get(figures).content.decode().splitlines()
    assert head == "Amino acid\tVariant\tConsequence\tImpact"
    assert rows == ["1\tp.Met1?\tstart lost\tHIGH", "614\tp.Asp614Gly\tmissense variant\tMODERATE"]
    assert browser.get(picture.replace(".svg", ".exe")).status_code == 404


def test_neighbours_are_a_click_away(browser: Client, virus_job: Job):
    first = browser.get(f"/jobs/{virus_job.pk}/variants/0/").content.decode()
    assert 'rel="prev"' not in first
    assert f'href="/jobs/{virus_job.pk}/variants/1/" rel="next"' in first
    last = browser.get(f"/jobs/{virus_job.pk}/variants/2/").content.decode()
    assert 'rel="next"' not in last
    assert "&lt;DEL&gt;" in last


def test_what_was_not_looked_up_is_said(browser: Client, virus_job: Job):
    page = browser.get(f"/jobs/{virus_job.pk}/variants/1/").content.decode()
    assert "The public databases know human chromosomes" in page
    assert "ClinVar, " not in page  # it knows nothing of viruses
    Result.objects.filter(job=virus_job).update(summary={"reference": {"assembly": "GRCh38"}})
    page = browser.get(f"/jobs/{virus_job.pk}/variants/1/").content.decode()
    assert "ClinVar, gnomAD&#x27;s frequencies, dbSNP: this result does not quote them" in page


def test_there_are_no_more_variants_than_the_result_has(browser: Client, virus_job: Job):
    assert browser.get(f"/jobs/{virus_job.pk}/variants/3/").status_code == 404


def test_an_archived_result_says_so(browser: Client, virus_job: Job):
    Result.objects.filter(job=virus_job).update(storage=StorageState.COLD)
    page = browser.get(f"/jobs/{virus_job.pk}/variants/1/").content.decode()
    assert "archive" in page


def test_a_transcript_that_is_no_transcript_of_the_variant_is_not_drawn(browser: Client, virus_job: Job):
    page = browser.get(f"/jobs/{virus_job.pk}/variants/1/?transcript=<b>").content.decode()
    assert "1,273 amino acids" in page
    assert "<b>" not in page
