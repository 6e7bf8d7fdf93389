"""The lines of the table. Fifty templates with seven cells each cost more than the questions: what is alike in all
lines is rendered once, and cells are written here, each text of them escaped."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import truncatechars
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from annotations.explorer import columns
from annotations.models import Job, VariantNote
from annotations.notes import keeping

_NAME_LENGTH = 60


class Lines:
    """Writes the lines of one page."""

    def __init__(self, request: HttpRequest, job: Job, heads: list[columns.Column]) -> None:
        """heads: of the columns behind the place and the gene."""
        self._request = request
        self._job = job
        self._heads = heads
        self._number = str(secrets.randbits(62))  # stands for an allele's number, and in no address by chance
        self._addresses = {
            name: reverse(f"annotations:{route}", args=[job.pk, self._number])
            for name, route in (("address", "variant"), ("transcripts_address", "explore_transcripts"))
        }
        self._stars: dict[bool, str] = {}

    def of(self, allele: Mapping[str, Any], mark: VariantNote | None) -> dict[str, Any]:
        """The context of _line.html."""
        name = f"{columns.place(allele)} {columns.change(allele)}"
        number = str(allele["allele"])
        return {
            "allele": allele,
            "star": self._star(number, name, is_starred=mark is not None and mark.is_starred),
            "note": mark.text if mark else "",
            "place": columns.place(allele),
            "change": columns.change(allele),
            "more_genes": len((allele["other_genes"] or "").split(",")),
            "cells": SafeString("".join(self._cell(head, allele) for head in self._heads)),
            **{key: address.replace(self._number, number) for key, address in self._addresses.items()},
        }

    def _star(self, number: str, name: str, *, is_starred: bool) -> SafeString:
        """The form of a star, of one that was rendered for all; a reader without an account has none."""
        if not self._request.user.is_authenticated:
            return SafeString()
        if is_starred not in self._stars:
            context = {
                "job": self._job,
                "number": self._number,
                "name": f"name of {self._number}",
                "is_starred": is_starred,
                "back": self._request.get_full_path(),
            }
            self._stars[is_starred] = render_to_string("annotations/notes/_star.html", context, self._request)
        of_all = self._stars[is_starred]
        return SafeString(of_all.replace(f"name of {self._number}", escape(name)).replace(self._number, number))

    def _cell(self, head: columns.Column, allele: Mapping[str, Any]) -> str:
        text = columns.cell(head.name, allele)
        if head.name == "consequence":
            words = f"{_mark(allele['impact'], text)}{_hidden(allele)}"
            return f'<td data-label="{escape(head.title)}"><div>{words}</div></td>'
        css = f"{'num' if head.is_number else ''}{'' if text else ' none'}"
        inner = escape(text)
        if head.name in ("hgvsc", "hgvsp"):
            inner = f'<span class="mono">{escape(truncatechars(text, _NAME_LENGTH))}</span>'
        return f'<td data-label="{escape(head.title)}" class="{css}">{inner}</td>'


def _mark(impact: str | None, words: str) -> str:
    return f'<span class="mark {escape((impact or "").lower())}">{escape(words)}</span>'


def _hidden(allele: Mapping[str, Any]) -> str:
    """That another transcript is hit harder."""
    if not allele["hides_more_severe"]:
        return ""
    worst = _mark(allele["worst_impact"], columns.cell("worst_consequence", allele))
    words = '<span class="visually-hidden">Another transcript is hit harder: </span>'
    return f'<span class="hides">{words}{worst} <span class="small">on another transcript</span></span>'


def marked(
    request: HttpRequest, job: Job, alleles: list[dict[str, Any]], heads: list[columns.Column],
    marks: Mapping[str, VariantNote],
) -> list[dict[str, Any]]:  # fmt: skip
    """The lines of a page, with the reader's stars and notes."""
    lines = Lines(request, job, heads)
    return [lines.of(allele, marks.get(keeping.allele_of(allele).digest) if marks else None) for allele in alleles]
