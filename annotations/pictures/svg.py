"""SVG as safe text: elements and the style that makes a drawing stand alone."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.safestring import SafeString

NAMESPACE: Final = "http://www.w3.org/2000/svg"
_STATIC: Final = Path(settings.BASE_DIR) / "static"
LETTER: Final = 6.8
"""Width of an average letter at the charts' 12 pixels, in pixels: fonts differ, so labels keep a margin."""


def element(name: str, *children: str, **attributes: object) -> SafeString:
    """One element; texts are escaped. `class_` is class, `_` in a name is `-`; None leaves an attribute out."""
    # A page has hundreds: the standard library's escape does what Django's does, in a fifth of the time.
    written = "".join(
        [f' {_attribute_name(key)}="{_written(value)}"' for key, value in attributes.items() if value is not None]
    )
    inner = "".join([child if isinstance(child, SafeString) else escape(child) for child in children])
    return SafeString(f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>")


@cache
def _attribute_name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _written(value: object) -> str:
    """An attribute's value."""
    if isinstance(value, float):
        return _pixels(value)
    return str(value) if isinstance(value, int) else escape(str(value))


def _pixels(value: float) -> str:
    """Coordinates to a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def text(words: str, x: float, y: float, css: str = "", anchor: str | None = None) -> SafeString:
    """A line of text; y is its base line."""
    named = (f' class="{css}"' if css else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return SafeString(f'<text x="{_pixels(x)}" y="{_pixels(y)}"{named}>{escape(words)}</text>')


def rect(x: float, y: float, width: float, height: float, css: str, rx: float | None = None) -> SafeString:
    """A rectangle. Written at once, as texts are: a page has hundreds."""
    size = f'width="{_pixels(max(width, 0))}" height="{_pixels(height)}"'
    corner = "" if rx is None else f' rx="{_pixels(rx)}"'
    return SafeString(f'<rect x="{_pixels(x)}" y="{_pixels(y)}" {size}{corner} class="{escape(css)}"/>')


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> SafeString:
    """A straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=css)


def link(href: str, words: str, *children: str, is_tab_stop: bool = True) -> SafeString:
    """What leads somewhere when clicked; words: its name, and what hovering shows. Without an address only the words.

    is_tab_stop: False where hundreds lie side by side and the table behind has the same ways.
    """
    title = element("title", words)
    if not href:
        return element("g", title, *children)
    has_text = any(child.startswith("<text") for child in children)  # which then is its name, and the title its hint
    label = None if has_text else words
    return element("a", title, *children, href=href, aria_label=label, tabindex=None if is_tab_stop else -1)


def drawing(name: str, width: float, height: float, *children: str) -> SafeString:
    """The outermost element; name: what it shows, for those who do not see it."""
    box = f"0 0 {_pixels(width)} {_pixels(height)}"
    return element("svg", *children, xmlns=NAMESPACE, class_="chart", viewBox=box, role="group", aria_label=name)


def shorten(words: str, width: float) -> str:
    """As many of the letters as fit."""
    room = int(width / LETTER)
    return words if len(words) <= room else words[: max(room - 1, 1)] + "…"


@cache
def light_tokens() -> dict[str, str]:
    """The page's colours by the names of their tokens, as in light."""
    light = (_STATIC / "tokens.css").read_text().partition("@media")[0]
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", light))


@cache
def with_colours(file: str) -> str:
    """A style sheet of ours with the light tokens put in, for files that leave the service."""
    rules = (_STATIC / file).read_text()
    return re.sub(r"var\((--[\w-]+)\)", lambda found: light_tokens()[found[1]], rules)


def without_links(svg: str) -> str:
    """A drawing whose ways into the service are cut."""
    return re.sub(r"<(/?)a\b[^>]*>", r"<\1g>", svg)


def standalone(svg: str) -> str:
    """A drawing as a file of its own: with its style, without links into the service."""
    head, rest = without_links(svg).split(">", 1)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}><style>{with_colours("charts.css")}</style>{rest}\n'
