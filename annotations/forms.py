"""Forms of the job pages."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings

from annotations import references
from annotations.models import JobStatus
from annotations.preflights import ASK, REFUSE, Look

ANNOTATED_BEFORE = "annotated_before"  # the question that `overwrite` answers


def _reference_choices() -> list[tuple[str, str]]:
    """The installed references: name, and the assembly where the name does not say it."""
    return [
        (found.name, found.name if found.assembly in found.name else f"{found.name} ({found.assembly})")
        for found in references.installed()
    ]


def new_key() -> str:
    """A fresh submission key: a form that is sent twice makes one job."""
    return uuid4().hex


class RunForm(forms.Form):
    """How to annotate; the key makes a double click one job."""

    submission_key = forms.RegexField(r"^[0-9a-f]{32}$", widget=forms.HiddenInput, initial=new_key)
    reference = forms.ChoiceField(
        help_text="The assembly the file was called against. A file of another assembly is refused, not guessed at."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = _reference_choices()
        field = self.fields["reference"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        field.choices = choices
        names = [name for name, _ in choices]
        if settings.DEFAULT_REFERENCE in names:
            field.initial = settings.DEFAULT_REFERENCE


class SubmitForm(RunForm):
    """A file that was uploaded, and how to annotate it."""

    upload_id = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": "Choose a file first.", "invalid": "Choose a file first."}
    )
    name = forms.CharField(
        label="Name of the job",
        max_length=255,
        required=False,
        help_text="To find it again. Empty: the file's name.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    overwrite = forms.BooleanField(
        label="Replace annotations (CSQ) that the file has already",
        required=False,
        help_text="Without this, a file that was annotated before is refused.",
    )
    confirmed = forms.BooleanField(label="Annotate it all the same", required=False)
    field_order = ("reference", "name", "overwrite")

    def judged_reference(self) -> str | None:
        """The reference that was chosen; None before there was a choice, and where it is none of ours."""
        return str(self.cleaned_data.get("reference") or "") or None if self.is_bound else None

    def ask(self, look: Look) -> None:
        """Fit the questions to what the file is."""
        if not self.is_bound and look.facts["reference"]:
            self.initial["reference"] = look.facts["reference"]

    def accepts(self, look: Look) -> bool:
        """The file may be queued; otherwise an error says why not, or what is to be confirmed."""
        if look.verdict == REFUSE:
            self.add_error(None, look.sentence)
        elif look.verdict == ASK and not self._is_confirmed(look):
            self.add_error("overwrite" if look.code == ANNOTATED_BEFORE else "confirmed", look.sentence)
        return not self.errors

    def _is_confirmed(self, look: Look) -> bool:
        data = self.cleaned_data
        return bool(data["overwrite"] if look.code == ANNOTATED_BEFORE else data["confirmed"])

    def options(self) -> dict[str, Any]:
        """The choices as the job keeps them: only what was chosen."""
        return {"overwrite": True} if self.cleaned_data["overwrite"] else {}


class SampleForm(forms.Form):
    """One of the samples, to try the service."""

    sample = forms.CharField(max_length=64)
    submission_key = forms.RegexField(r"^[0-9a-f]{32}$")


class UploadForm(forms.Form):
    """A file that the browser is about to send."""

    file_name = forms.CharField(max_length=1000)
    size_bytes = forms.IntegerField(min_value=0)


class FindForm(forms.Form):
    """Which jobs to list. What does not fit counts as not given: old links keep working."""

    status = forms.ChoiceField(choices=[("", "All"), *JobStatus.choices], required=False)
    search = forms.CharField(max_length=100, required=False)
    before = forms.CharField(max_length=100, required=False)

    def found(self, name: str) -> str:
        """A value, or "" where none that fits was given."""
        self.is_valid()
        return str(self.cleaned_data.get(name) or "")
