"""The filters of the table as its address says them: the only way from a request to a question.

A name that is not a field here is ignored; a value that does not fit is an error at its field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django import forms
from django.http import QueryDict

from annotations.explorer.inheritance import GENOTYPES, PATTERNS, SEXES
from annotations.explorer.presets import PRESETS
from annotations.genomics.consequence.terms import IMPACTS, TERMS, VARIANT_CLASSES

MAX_WORDS: Final = 1000  # genes in a pasted list, which is part of the address
MAX_CHOICES: Final = 100
AF_UNKNOWN: Final = (
    ("", "Keep what no source has seen"),
    ("covered", "Drop what no source could have seen"),
    ("found", "Only with a known frequency"),
)
TRIO: Final = ("child", "mother", "father")
SELDOM: Final = ("own_above", "own_up_to", "qual_below", "gained_min", "gained_max", "substitution")
LISTED_SAMPLES: Final = 100  # more names are typed, and completed by the page
SUBSTITUTIONS: Final = (("", "Any"), ("transition", "Transition (A↔G, C↔T)"), ("transversion", "Transversion"))
BY: Final = (("", "Most severe transcript"), ("picked", "Picked transcript"))
_REGION: Final = re.compile(r"(?P<contig>[^:\s]+)(?::(?P<first>[\d,_]+)(?:-(?P<last>[\d,_]+))?)?")


@dataclass(frozen=True)
class Region:
    """Places first to last of a contig, 1-based and inclusive as people write them."""

    contig: str
    first: int
    last: int


class WordsInput(forms.TextInput):
    """A list: the key repeated, or words separated by commas, semicolons or blanks."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str:
        """All values of the key as one text."""
        return " ".join(data.getlist(name))


class WordsField(forms.CharField):
    """A tuple of words."""

    widget = WordsInput

    def clean(self, value: Any) -> Any:
        """The words; refuses too many."""
        words = tuple(dict.fromkeys(re.split(r"[\s,;]+", super().clean(value)))) if value else ()
        words = tuple(word for word in words if word)
        if len(words) > MAX_WORDS:
            raise forms.ValidationError(
                f"That are more than {MAX_WORDS:,} names, as many as can be looked for at once."
            )
        return words


class RegionsField(WordsField):
    """A tuple of regions such as chr19:1,000-2,000, chr19:500 or chrM, separated by blanks or semicolons."""

    def clean(self, value: Any) -> Any:
        """The regions. Raises where one cannot be read."""
        return tuple(self._read(word) for word in re.split(r"[\s;]+", forms.CharField.clean(self, value)) if word)

    @staticmethod
    def _read(word: str) -> Region:
        found = _REGION.fullmatch(word)
        digits = [re.sub(r"[,_]", "", found[name] or "") for name in ("first", "last")] if found else []
        if found is None or any(len(text) > 10 for text in digits) or (found["first"] and not digits[0]):
            raise forms.ValidationError(f"{word[:60]} is not a region: write chr19:1000-2000, chr19:1000 or chr19.")
        first = int(digits[0]) if digits[0] else 1
        last = int(digits[1]) if digits[1] else (first if digits[0] else 2**31 - 1)
        if last < first:
            raise forms.ValidationError(f"{word[:60]} ends before it begins.")
        return Region(found["contig"], first, min(last, 2**31 - 1))


class ManyField(forms.Field):
    """A tuple of values of a repeated key, all of `known` where that is given."""

    widget = forms.SelectMultiple

    def __init__(self, known: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.known = known

    def clean(self, value: Any) -> Any:
        """The values. Raises for one that is not known."""
        values = tuple(dict.fromkeys(word for word in value or () if word))
        for word in values:
            if (self.known and word not in self.known) or len(word) > 200:
                raise forms.ValidationError(f"{word[:60]} is not one of the {self.label or 'values'} known here.")
        if len(values) > MAX_CHOICES:
            raise forms.ValidationError(f"Choose up to {MAX_CHOICES} values.")
        return values


class Filters(forms.Form):
    """What to show. Empty fields hide nothing."""

    q = forms.CharField(
        label="Name",
        max_length=200,
        required=False,
        help_text="Of a gene, a transcript or a variant: rs121918592, c.1840C>T, p.Arg614Cys of its picked transcript; "
        "NM_000540:c.1840C>T of any.",
    )
    gene = WordsField(
        label="Genes",
        required=False,
        max_length=40_000,
        help_text="Symbols or ids; a whole list can be pasted.",
        # The page's script puts one blank between, and keeps of too many just one more than there may be.
        widget=WordsInput({"data-words": MAX_WORDS}),
    )
    region = RegionsField(label="Region", required=False, max_length=2000, help_text="chr19:38,433,000-38,590,000")
    impact = ManyField(IMPACTS, label="impacts")
    consequence = ManyField(TERMS, label="consequences")
    by = forms.ChoiceField(label="Impact and consequence of the", choices=BY, required=False)
    clinvar = ManyField(label="ClinVar")
    af_below = forms.FloatField(
        label="Frequency below", min_value=0, max_value=1, required=False, help_text="0.01 is one percent.",
        error_messages=dict.fromkeys(("min_value", "max_value"), "A frequency is from 0 to 1."),
    )  # fmt: skip
    af_unknown = forms.ChoiceField(label="Frequency not known", choices=AF_UNKNOWN, required=False)
    own_above = forms.FloatField(label="Frequency in the file above", min_value=0, max_value=1, required=False)
    own_up_to = forms.FloatField(label="Frequency in the file up to", min_value=0, max_value=1, required=False)
    qual_min = forms.FloatField(label="Quality from", min_value=0, required=False)
    qual_below = forms.FloatField(label="Quality below", min_value=0, required=False)
    gained_min = forms.IntegerField(label="Bases gained, from", required=False, help_text="A deletion loses: −3 to −1.")
    gained_max = forms.IntegerField(label="Bases gained, to", required=False)
    substitution = forms.ChoiceField(label="Change of one base", choices=SUBSTITUTIONS, required=False)
    starred = forms.BooleanField(label="Starred", required=False)
    sample = forms.CharField(label="Sample", max_length=200, required=False)
    genotype = ManyField(tuple(GENOTYPES), label="genotypes")
    child = forms.CharField(label="Child", max_length=200, required=False)
    mother = forms.CharField(label="Mother", max_length=200, required=False)
    father = forms.CharField(label="Father", max_length=200, required=False)
    sex = forms.ChoiceField(label="The child is a", choices=SEXES, required=False)
    pattern = forms.ChoiceField(
        label="Inheritance",
        choices=[("", "Any"), *((key, choice.title) for key, choice in PATTERNS.items())],
        required=False,
    )
    preset = forms.ChoiceField(
        choices=[("", ""), *((key, preset.title) for key, preset in PRESETS.items())], required=False
    )

    def __init__(
        self,
        data: QueryDict,
        starred: Callable[[], tuple[Any, ...]] = tuple,
        samples: tuple[str, ...] | None = None,
    ) -> None:
        """`starred` finds the variants that the filter of that name keeps; it is asked where that is set.

        samples: of the file, where a name that is none of them is to be an error.
        """
        super().__init__(data)
        self._starred = cache(starred)
        self._samples = samples
        if samples and len(samples) <= LISTED_SAMPLES:
            for name in ("sample", *TRIO):
                self.fields[name].widget = forms.Select(choices=[("", "None"), *((name, name) for name in samples)])
        elif samples:
            for name in ("sample", *TRIO):
                self.fields[name].widget.attrs |= {
                    "list": "sample-names",
                    "autocomplete": "off",
                    "placeholder": "Type a part of the name",
                }
        # `class` cannot be the name of an attribute.
        self.fields["class"] = ManyField(VARIANT_CLASSES, label="variant classes")
        self.fields["filter"] = ManyField(label="FILTER")

    def clean(self) -> dict[str, Any]:
        """Refuses a name that is no sample, a genotype of nobody, and a pattern without its three samples."""
        given: dict[str, Any] = self.cleaned_data
        for name in ("sample", *TRIO):
            if self._samples is not None and given.get(name) and given[name] not in self._samples:
                self.add_error(name, f"This file has no sample {given[name][:60]}.")
        if given.get("genotype") and not given.get("sample"):
            self.add_error("genotype", "Name the sample whose genotype you ask for.")
        people = [given.get(role) for role in TRIO]
        if given.get("pattern") and not all(people):
            self.add_error("pattern", "A pattern of inheritance needs a child, a mother and a father.")
        elif all(people) and len(set(people)) < len(TRIO):
            self.add_error("child", "Child, mother and father are three samples.")
        return given

    @property
    def asks_genotypes(self) -> bool:
        """A sample is named: the genotypes have to be at hand."""
        return any(name in self.values for name in ("sample", *TRIO))

    @property
    def values(self) -> dict[str, Any]:
        """Every value that was given and fits, by its name."""
        self.is_valid()
        found = {name: value for name, value in self.cleaned_data.items() if value not in (None, "", ())}
        if found.pop("starred", False):
            found["starred"] = self._starred()
        return found

    @property
    def shows_more(self) -> bool:
        """One of the fields that are seldom asked for is set."""
        return any(name in self.values or name in self.errors for name in SELDOM)

    @property
    def seldom(self) -> list[forms.BoundField]:
        """These fields."""
        return [self[name] for name in SELDOM]

    @property
    def query(self) -> str:
        """The filters as an address says them: what fits, in the order of the fields."""
        given = QueryDict(mutable=True)
        assert isinstance(self.data, QueryDict)  # noqa: S101 - see __init__
        for name in self.fields:
            if name in self.values:
                given.setlist(name, [value for value in self.data.getlist(name) if value])
        return given.urlencode()
