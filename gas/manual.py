"""The documentation for those who use the service, as docs/ has it, as pages.

A page's address ends like its file's name, so that the links between the files lead on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

PAGES: Final = ("vcf-conformance", "sources", "accuracy", "glossary", "api", "webhooks")


def contents(request: HttpRequest) -> HttpResponse:
    """What there is to read."""
    return render(request, "manual/contents.html", {"pages": [(name, *_page(name)) for name in PAGES]})


def page(request: HttpRequest, name: str) -> HttpResponse:
    """One of PAGES. Raises Http404 for any other."""
    if name not in PAGES:
        raise Http404
    title, text = _page(name)
    return render(request, "manual/page.html", {"title": title, "text": text})


@lru_cache(maxsize=len(PAGES))
def _page(name: str) -> tuple[str, SafeString]:
    """The title of a page, and what is below it as HTML."""
    from markdown_it import MarkdownIt  # only for who reads

    source = (settings.BASE_DIR / "docs" / f"{name}.md").read_text(encoding="utf-8")
    head, _, body = source.partition("\n")
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(body)
    # What is wider than the window is moved with the keys, too.
    html = html.replace("<pre>", '<pre class="scroll" tabindex="0">')
    html = html.replace("<table>", '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>')
    html = html.replace("</table>", "</table></div>")
    return head.removeprefix("# "), mark_safe(html)  # noqa: S308 - of our own files, and HTML in them is escaped
