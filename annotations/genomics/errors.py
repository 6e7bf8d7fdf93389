"""What is wrong with a file the user gave us, in a form that can be shown to them."""

from __future__ import annotations


class AnnotationError(Exception):
    """The input's fault: a stable code, one sentence, and the place.

    code: snake_case, never reused for another meaning; the service keys its catalogue on it.
    message: one sentence that says what to do.
    line: 1-based line of the input; field: column or attribute; value: the text at fault.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        line: int | None = None,
        field: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.field = field
        self.value = value

    def __str__(self) -> str:
        return self.message
