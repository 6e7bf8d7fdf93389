"""Which differences are asked for, as the address says it: a comparison's own keys, and filters of the table.

A filter of the table is asked of each result by itself: a difference passes where one of the two has
its variant under all of them. What does not fit is left out, and a sentence says so.
"""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import QueryDict

from annotations.comparison import questions
from annotations.comparison.questions import CALLS, KINDS, Which
from annotations.comparison.reclassified import CHANGES
from annotations.comparison.saving import TYPES
from annotations.explorer.conditions import CLINVAR, Condition, both, conditions_of
from annotations.explorer.database import Cursor
from annotations.explorer.filters import Filters
from annotations.explorer.presets import PRESETS

OF_A_SIDE: Final = ("gene", "region", "af_below", "preset", "impact", "clinvar")
OWN: Final = ("kind", "column", "calls", "reclassified")
OTHER_GENES: Final = "genes_of_other"  # the view of the other result's names of genes


class CompareForm(forms.Form):
    """What the address says; `with` is the other job."""

    kind = forms.ChoiceField(choices=[("", ""), *((kind, kind) for kind in KINDS)], required=False)
    column = forms.CharField(max_length=200, required=False)
    calls = forms.RegexField(r"^\d{1,3}-\d{1,3}$", required=False)
    reclassified = forms.ChoiceField(choices=[("", ""), *((key, key) for key in CHANGES)], required=False)
    sample = forms.CharField(max_length=200, required=False)
    other_sample = forms.CharField(max_length=200, required=False)
    format = forms.ChoiceField(choices=[("", ""), *((kind, kind) for kind in TYPES)], required=False)
    after = forms.IntegerField(min_value=0, max_value=2**53, required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.fields["with"] = forms.UUIDField(required=False)
        self.is_valid()


class SideFilters(Filters):
    """Those of the table's filters that a comparison has too."""

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.fields = {name: self.fields[name] for name in OF_A_SIDE}
        preset = self.fields["preset"]
        assert isinstance(preset, forms.ChoiceField)  # noqa: S101 - see Filters
        preset.label = "Ready-made"
        preset.choices = [("", "None"), *((key, one.title) for key, one in PRESETS.items())]
        # The page has another form with the samples of both.
        self.auto_id = "side_%s"


_OWN_WORDS: Final = {
    "kind": "kind of difference",
    "column": "column",
    "calls": "change of genotype",
    "reclassified": "change in ClinVar",
    "format": "kind of file",
}


def which_of(given: CompareForm, filters: SideFilters, tables: Cursor, *, is_turned: bool) -> tuple[Which, list[str]]:
    """What is asked for of an opened comparison, and a sentence for each thing that was left out."""
    own = given.cleaned_data
    wrong = [f"There is no {words} like that." for name, words in _OWN_WORDS.items() if name in given.errors]
    wrong += [str(error) for errors in filters.errors.values() for error in errors]
    names = questions.compared(tables)
    column, reclassified = own.get("column", ""), own.get("reclassified", "")
    if column and column not in names:
        wrong.append("The two results were not compared by a column of this name.")
        column = ""
    if reclassified and CLINVAR not in names:
        wrong.append("Not both results quote ClinVar, so nothing was reclassified between them.")
        reclassified = ""
    calls = tuple(int(code) for code in own["calls"].split("-")) if own.get("calls") else None
    if calls and not CALLS.keys() >= set(calls):
        wrong.append("There is no change of genotype like that.")
        calls = None
    pair = (calls[0], calls[1]) if calls else None
    values, unknown = _known(filters, tables)
    sides = _sides(values, tables) if values else None
    return Which(own.get("kind", ""), column, pair, reclassified, is_turned, sides), [*wrong, *unknown]


def _known(filters: SideFilters, tables: Cursor) -> tuple[dict[str, Any], list[str]]:
    """The filters without what ClinVar says in neither result, and a sentence for what neither has."""
    values, wrong = filters.values, []
    if "clinvar" in values:
        known = {".", *questions.clinvar_words(tables)}
        wrong = [f"ClinVar says {word[:60]} in neither result." for word in values["clinvar"] if word not in known]
        values["clinvar"] = tuple(word for word in values["clinvar"] if word in known)
        values = {name: value for name, value in values.items() if value != ()}
    genes = values.get("gene", ())
    if genes and not tables.genes(genes) and not tables.with_genes(OTHER_GENES).genes(genes):
        wrong.append(f"Neither result has a variant in {', '.join(genes)[:200]}.")
    return values, wrong


def _sides(values: dict[str, Any], tables: Cursor) -> tuple[Condition, Condition]:
    """What is asked of each result."""
    other = tables.with_genes(OTHER_GENES)
    left = both(conditions_of(values, tables, tables.columns()).values())
    return left, both(conditions_of(values, other, tables.columns("other")).values())
