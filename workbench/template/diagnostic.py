"""What a template's reader tells its author: faults, near misses and kept text, each with its place.

Nothing here raises while text is read: a diagnostic is data. The errors below are raised only when a prompt is
counted or built from a template that carries a diagnostic of severity ``error``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.error import TemplateError

Severity = Literal["error", "warning", "info"]


class PatternError(TemplateError):
    """A pattern that cannot be used as written: a name defined twice, an index outside the count."""


class PatternCycle(PatternError, RecursionError):
    """Lists or picks that name each other in a ring; the message shows the chain."""


class UnsetSlot(PatternError):
    """A bound slot that has no value."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One remark. ``start`` and ``end`` are offsets into the body; ``line`` and ``column`` count from 1."""

    severity: Severity
    code: str
    message: str
    hint: str
    start: int
    end: int
    line: int
    column: int

    def error(self, file: str = "") -> PatternError:
        """The exception for a diagnostic of severity ``error``."""
        kind = PatternCycle if self.code in ("wildcard-cycle", "pick-cycle") else PatternError
        return kind(self.message, hint=self.hint, file=file, line=self.line, column=self.column)


class LineIndex:
    """Offset to (line, column), both from 1, in logarithmic time."""

    def __init__(self, source: str) -> None:
        self._starts = [0]
        position = source.find("\n")
        while position >= 0:
            self._starts.append(position + 1)
            position = source.find("\n", position + 1)

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class DiagnosticList:
    """Collects remarks and gives each its line and column."""

    def __init__(self, lines: LineIndex) -> None:
        self._lines = lines
        self._found: list[Diagnostic] = []

    def add(self, severity: Severity, code: str, message: str, hint: str, start: int, end: int) -> None:
        line, column = self._lines.place(start)
        self._found.append(Diagnostic(severity, code, message, hint, start, end, line, column))

    def sorted(self) -> tuple[Diagnostic, ...]:
        return tuple(sorted(self._found, key=lambda item: (item.start, item.end, item.code)))


def first_error(diagnostics: Sequence[Diagnostic]) -> Diagnostic | None:
    """The first diagnostic of severity ``error``, or None."""
    return next((item for item in diagnostics if item.severity == "error"), None)
