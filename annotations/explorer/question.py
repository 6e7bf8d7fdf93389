"""What is asked of the writers of files: known without what writing needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from annotations.explorer.conditions import Condition
from annotations.explorer.database import Cursor
from annotations.explorer.queries import Order

SHEET_ROWS: Final = 1_048_575  # of a worksheet, below its head

Hear = Callable[[int], None]


class TooManyRowsError(Exception):
    """A worksheet does not hold that many rows."""


@dataclass(frozen=True)
class Question:
    """What to write: the alleles of a filter, in an order, and which columns a worksheet shows."""

    tables: Cursor
    known: Mapping[str, str]
    where: Condition
    order: Order
    chosen: list[str]
