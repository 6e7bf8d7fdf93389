"""The form that adds a source."""

from __future__ import annotations

from typing import Any

from django import forms

from annotations.forms import choose_reference


class SourceForm(forms.Form):
    """A file that was uploaded, and what to call it."""

    upload_id = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": "Choose a file first.", "invalid": "Choose a file first."}
    )
    key = forms.CharField(
        label="Name",
        max_length=12,
        help_text="Three to twelve capitals and digits, such as LAB: its keys begin with it, LAB_AF for one.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )
    reference = forms.ChoiceField(help_text="The assembly that the file is on.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_reference(self)
