"""Forms of the job pages."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings

from accounts import plans
from accounts.models import User
from annotations import choices, references
from annotations.models import JobStatus
from annotations.preflights import ANNOTATED_BEFORE, REFUSE, Look


def _reference_choices() -> list[tuple[str, str]]:
    """The installed references: name, and the assembly where the name does not say it."""
    return [
        (found.name, found.name if found.assembly in found.name else f"{found.name} ({found.assembly})")
        for found in references.installed()
    ]


def new_key() -> str:
    """A fresh submission key: a form that is sent twice makes one job."""
    return uuid4().hex


def choose_reference(form: forms.Form) -> None:
    """Fill the form's `reference` with the installed ones, the default chosen."""
    offered = _reference_choices()
    field = form.fields["reference"]
    assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared so
    field.choices = offered
    if settings.DEFAULT_REFERENCE in (name for name, _ in offered):
        field.initial = settings.DEFAULT_REFERENCE


class RunForm(forms.Form):
    """How to annotate; the key makes a double click one job."""

    submission_key = forms.RegexField(r"^[0-9a-f]{32}$", widget=forms.HiddenInput, initial=new_key)
    reference = forms.ChoiceField(
        help_text="The assembly the file was called against. A file of another assembly is refused, not guessed at."
    )
    # A browser sends nothing for a box that is not ticked: this tells "none" from "not asked".
    asks_sources = forms.BooleanField(widget=forms.HiddenInput, initial=True, required=False)
    sources = forms.MultipleChoiceField(
        label="Quote what is known in",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Those that the chosen reference has are quoted.",
    )
    own_sources = forms.MultipleChoiceField(
        label="And in your own sources", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, owner: User, job_options: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """job_options: of the job that is run again, which its choices begin with."""
        super().__init__(*args, **kwargs)
        before = job_options or {}
        choose_reference(self)
        labels = {source.key: source for found in references.installed() for source in found.sources}
        self._offer("sources", [(key, f"{label.title} ({label.version})") for key, label in labels.items()])
        self.fields["sources"].initial = before.get("sources", list(labels))
        self.limits = plans.limits(owner)
        mine = choices.ready_sources(owner) if self.limits.own_sources else []
        self._offer("own_sources", [(str(source.pk), f"{source.key} ({source.upload.file_name})") for source in mine])
        self.fields["own_sources"].initial = before.get("own_sources", [])

    def _offer(self, name: str, offered: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  # declared above
        field.choices = offered

    def source_options(self) -> dict[str, Any]:
        """The choices of sources as a job keeps them: nothing where all of the reference's are ticked."""
        if not self.cleaned_data["asks_sources"]:
            return {}
        reference = references.find(self.cleaned_data["reference"])
        known = [source.key for source in reference.sources] if reference else []
        ticked = [key for key in known if key in self.cleaned_data["sources"]]
        own = self.cleaned_data["own_sources"]
        return ({} if ticked == known else {"sources": ticked}) | ({"own_sources": own} if own else {})

    def options_after(self, earlier: dict[str, Any]) -> dict[str, Any]:
        """The options of an earlier job, with the sources that were chosen now."""
        if not self.cleaned_data["asks_sources"]:
            return earlier
        kept = {name: value for name, value in earlier.items() if name not in ("sources", "own_sources")}
        return kept | self.source_options()


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
    fill_ids = forms.BooleanField(
        label="Fill an empty ID with what dbSNP calls the variant",
        required=False,
        help_text="Where the reference has dbSNP. Without this the ID column stays as it is.",
    )
    confirmed = forms.BooleanField(label="Annotate it all the same", required=False)
    field_order = ("reference", "name", "overwrite", "fill_ids")

    def judged_reference(self) -> str | None:
        """The reference that was chosen; None before there was a choice, and where it is none of ours."""
        return str(self.cleaned_data.get("reference") or "") or None if self.is_bound else None

    def ask(self, look: Look) -> None:
        """Fit the questions to what the file is."""
        if not self.is_bound and look.facts["reference"]:
            self.initial["reference"] = look.facts["reference"]

    def accepts(self, look: Look) -> bool:
        """The file may be queued; otherwise an error says why not, or what is to be confirmed."""
        data = self.cleaned_data
        if not look.allows_job(is_confirmed=data["confirmed"], is_overwriting=data["overwrite"]):
            question = "overwrite" if look.code == ANNOTATED_BEFORE else "confirmed"
            self.add_error(None if look.verdict == REFUSE else question, look.sentence)
        return not self.errors

    def options(self) -> dict[str, Any]:
        """The choices as the job keeps them: only what was chosen."""
        flags = {name: True for name in ("overwrite", "fill_ids") if self.cleaned_data[name]}
        return flags | self.source_options()


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
