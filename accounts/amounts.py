"""Amounts as an admin writes and reads them, to the last byte and second: "25 MB", "7 days"."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

BYTES = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
TIMES = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
MOST = 2**63 - 1  # what a column of the database holds


def written(amount: int, units: dict[str, int]) -> str:
    """In the largest unit that says it exactly in at most three places; units from the smallest up."""
    name, size = next(
        (name, size) for name, size in reversed(units.items()) if amount >= size and amount * 1000 % size == 0
    )
    number = f"{Decimal(amount) / size:f}"
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {name if number != '1' else _one(name)}"


def _one(name: str) -> str:
    return name.removesuffix("s")


class AmountField(forms.Field):
    """A number with a unit; its value is the whole number of the smallest unit."""

    units: ClassVar[dict[str, int]]
    example: ClassVar[str]

    def __init__(self, *, minimum: int = 1, **options: Any) -> None:
        self.minimum = minimum
        super().__init__(widget=forms.TextInput(attrs={"maxlength": 40, "autocomplete": "off"}), **options)

    def prepare_value(self, value: Any) -> Any:
        """What stands in the row becomes text; what was typed stays as it was typed."""
        return written(value, self.units) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        """Raises ValidationError, which says how to write it."""
        text = (value or "").strip()
        return self._read(text) if text else None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Another way to write the same amount is no change."""
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True

    def _read(self, text: str) -> int:
        known = {_one(name).lower(): size for name, size in self.units.items()}
        found = re.fullmatch(r"(\d[\d,]*(?:\.\d+)?)\s*([A-Za-z]+)", text)
        size = found and known.get(_one(found[2].lower()))
        if found is None or size is None:
            raise ValidationError(f"Write a number and a unit ({', '.join(self.units)}), for example {self.example}.")
        amount = Decimal(found[1].replace(",", "")) * size
        if amount % 1:
            raise ValidationError(f"Write a whole number of {next(iter(self.units))}.")
        if not self.minimum <= amount <= MOST:
            raise ValidationError(
                f"Write an amount of at least {written(self.minimum, self.units)}, and not astronomical."
            )
        return int(amount)


class BytesField(AmountField):
    """A size; decimal units, as disks and plans count."""

    units, example = BYTES, "25 MB or 1.5 GB"


class TimeField(AmountField):
    """A span of time."""

    units, example = TIMES, "12 hours or 30 days"
