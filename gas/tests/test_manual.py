from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from gas.manual import PAGES

pytestmark = pytest.mark.django_db


def test_the_contents_lead_to_every_page():
    contents = Client().get(reverse("manual")).content.decode()
    assert re.findall(r'href="/help/([a-z-]+)\.md"', contents) == list(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_without_signing_in_and_its_links_lead_somewhere(name):
    page = Client().get(f"/help/{name}.md")
    assert page.status_code == 200
    text = page.content.decode()
    article = text[text.index("<article") : text.index("</article>")]
    assert article.count("<h1>") == 1
    assert "<p>" in article
    # Neither a table nor a program came out as the characters that write them.
    assert "| ---" not in article
    assert "```" not in article
    for link in re.findall(r'href="([^"]+)"', article):
        assert link.startswith("https://") or Client().get(f"/help/{link}").status_code == 200, link


@pytest.mark.parametrize("name", ["settings", "security", "../README", "nothing"])
def test_what_is_for_operators_or_not_there_is_not_found(name):
    assert Client().get(f"/help/{name}.md").status_code == 404
