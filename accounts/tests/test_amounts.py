from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.templatetags.amounts import in_bytes, in_days, moment


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (25_000_000, "25 MB"),
        (999_960, "1 MB"),
        (1_234_567, "1.2 MB"),
        (None, "unknown"),
    ],
)
def test_bytes_have_a_decimal_unit(size, words):
    assert in_bytes(size).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("span", "words"),
    [(timedelta(days=7), "7 days"), (3600, "1 hour"), (95, "2 minutes"), (1, "1 second"), (0.2, "0 seconds")],
)
def test_a_span_has_its_largest_unit(span, words):
    assert in_days(span).replace("\N{NO-BREAK SPACE}", " ") == words


def test_a_moment_is_relative_with_the_exact_one_beside():
    at = timezone.now() - timedelta(hours=2)
    said = str(moment(at)).replace("\N{NO-BREAK SPACE}", " ")
    assert ">2 hours ago<" in said
    assert f"{at:%Y-%m-%d %H:%M:%S} UTC" in said
    assert "in 3 days" in str(moment(timezone.now() + timedelta(days=3))).replace("\N{NO-BREAK SPACE}", " ")
    assert moment(None) == ""
