from __future__ import annotations

import pytest
from django.test import Client

from annotations.models import Job
from annotations.pictures.tests.test_plots import SUMMARY
from annotations.tests.people import MakeDone


@pytest.fixture
def done(make_done: MakeDone) -> Job:
    return make_done(SUMMARY)


def test_a_plot_can_be_saved_as_a_picture_and_as_figures(browser: Client, done: Job):
    picture = browser.get(f"/jobs/{done.pk}/plots/impacts.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert picture.headers["Content-Disposition"].endswith('.impacts.svg"')
    assert picture.content.startswith(b"<?xml")
    figures = browser.get(f"/jobs/{done.pk}/plots/impacts.tsv")
    assert figures.content.decode().splitlines() == [
        "Impact\tVariants",
        "High\t2",
        "Moderate\t0",
        "Low\t0",
        "Modifier\t1234",
    ]


@pytest.mark.parametrize("name", ["impacts.exe", "no-such-plot.svg"])
def test_no_other_plot_is_made_up(browser: Client, done: Job, name: str):
    assert browser.get(f"/jobs/{done.pk}/plots/{name}").status_code == 404
