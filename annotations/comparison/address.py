"""The address of a comparison, cut up for the links and forms of its page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from annotations.comparison.choosing import Samples
from annotations.comparison.narrowing import OF_A_SIDE, OWN
from annotations.models import Job


@dataclass(frozen=True)
class Address:
    """Of two results and a sample of each; `given` is what the request says."""

    job: Job
    other: Job
    samples: Samples
    given: QueryDict

    @property
    def pair(self) -> list[tuple[str, str]]:
        """What is compared."""
        return [("with", str(self.other.pk)), *self.of_samples]

    @property
    def of_samples(self) -> list[tuple[str, str]]:
        """The samples that are compared."""
        return list(zip(("sample", "other_sample"), self.samples.pair or (), strict=False))

    @property
    def sides(self) -> list[tuple[str, str]]:
        """The filters of a side."""
        return self._given(OF_A_SIDE)

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """What is chosen among kinds of difference."""
        return self._given(OWN)

    @property
    def plain(self) -> str:
        """Everything that is different."""
        return urlencode(self.pair)

    @property
    def base(self) -> str:
        """Under the present filters, whatever is chosen."""
        return urlencode([*self.pair, *self.sides])

    @property
    def unfiltered(self) -> str:
        """What is chosen, without filters."""
        return urlencode([*self.pair, *self.chosen])

    @property
    def here(self) -> str:
        """The present one, on its first page."""
        return urlencode([*self.pair, *self.chosen, *self.sides])

    @property
    def turned(self) -> str:
        """The same the other way round."""
        names = [
            (name, value) for (name, _), (_, value) in zip(self.of_samples, reversed(self.of_samples), strict=True)
        ]
        chosen = [(name, _turned(name, value)) for name, value in self.chosen]
        return urlencode([("with", str(self.job.pk)), *names, *chosen, *self.sides])

    def _given(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        return [(name, value) for name in names for value in self.given.getlist(name) if value]


def _turned(name: str, value: str) -> str:
    """A value of OWN seen from the other result."""
    if name == "kind":
        return {"left": "right", "right": "left"}.get(value, value)
    return "-".join(reversed(value.split("-"))) if name == "calls" else value
