"""What is looked for and where: the same search in the editor and in every text that can be read.

A pattern is either plain text or a regular expression; it is applied line by line. However bad an expression is, a
search takes SEARCH_SECONDS at most, and drawing a row far less: then the pattern is given up, and that is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

import regex

from workbench.error import UsageError

if TYPE_CHECKING:
    from workbench.tui.searched import SearchedTextArea
    from workbench.tui.stream import StreamView

SEARCH_SECONDS = 0.5
ROW_SECONDS = 0.02
SLOW = "the pattern takes too long; nothing was done"
SLOW_HINT = "Repetitions inside repetitions, such as (a+)+, are slow: write the inner one once."


class Span(NamedTuple):
    """A match: the line from 0, and its columns."""

    row: int
    start: int
    end: int


class Query:
    """A pattern that can be searched for. Raises UsageError for a wrong one, naming the place."""

    def __init__(self, pattern: str, *, regular: bool = False, ignore_case: bool = True) -> None:
        self.pattern, self.regular = pattern, regular
        flags = regex.IGNORECASE if ignore_case else 0
        try:
            self._compiled = regex.compile(pattern if regular else regex.escape(pattern), flags)
        except regex.error as error:
            # The text of the error is: what is wrong, "at position" N, from 0.
            raise UsageError(f"the pattern is wrong: {error}") from error
        self._too_slow = False

    def spans(self, line: str) -> Sequence[tuple[int, int]]:
        """Matches in one row that is drawn; nothing once the pattern was given up."""
        if self._too_slow:
            return ()
        try:
            return [match.span() for match in self._compiled.finditer(line, timeout=ROW_SECONDS) if match[0]]
        except TimeoutError:
            self._too_slow = True
            return ()

    def search(self, lines: Sequence[str]) -> list[Span]:
        """All matches that hold any text. Raises UsageError when it takes too long."""
        found: list[Span] = []
        with self._bounded():
            for row, line, left in _timed(lines):
                spans = (match.span() for match in self._compiled.finditer(line, timeout=left))
                found += [Span(row, start, end) for start, end in spans if end > start]
        return found

    def replaced(self, lines: Sequence[str], template: str) -> tuple[list[str], int]:
        """The lines with every match replaced, and how many there were. In a regular expression ``\\1`` is a group.

        Raises UsageError when it takes too long or names a group that is not there.
        """
        changed, count = [], 0
        wanted = template if self.regular else template.replace("\\", "\\\\")
        with self._bounded():
            for _row, line, left in _timed(lines):
                text, number = self._compiled.subn(wanted, line, timeout=left)
                changed.append(text)
                count += number
        return changed, count

    def expanded(self, line: str, span: Span, template: str) -> str:
        """What one match becomes. Raises UsageError."""
        if not self.regular:
            return template
        with self._bounded():
            match = self._compiled.match(line, span.start, timeout=SEARCH_SECONDS)
            return match.expand(template) if match is not None else template

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        try:
            if self._too_slow:
                raise TimeoutError
            yield
        except TimeoutError as error:
            self._too_slow = True
            raise UsageError(SLOW, hint=SLOW_HINT) from error
        except (regex.error, IndexError) as error:
            raise UsageError(f"the replacement is wrong: {error}") from error


def _timed(lines: Sequence[str]) -> Iterator[tuple[int, str, float]]:
    """Each line with its number and the seconds that are left. Raises TimeoutError."""
    end = monotonic() + SEARCH_SECONDS
    for row, line in enumerate(lines):
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError
        yield row, line, left


class Target(Protocol):
    """Something that can be searched."""

    name: str
    writable: bool

    def find(self, query: Query | None) -> int:
        """How many matches there are; None ends the search. Raises UsageError."""

    def step(self, rows: int) -> tuple[int, int]:
        """Go to the next match (1), the one before (-1) or the nearest from here on (0): its number, of how many."""


class EditorTarget:
    """The template in the editor."""

    writable = True

    def __init__(self, editor: SearchedTextArea) -> None:
        self.editor, self.name = editor, "template"

    def find(self, query: Query | None) -> int:
        return self.editor.look_for(query)

    def step(self, rows: int) -> tuple[int, int]:
        matches = self.editor.matches()
        if not matches:
            return 0, 0
        start, end = sorted(self.editor.selection)
        here = {1: end, 0: start, -1: start}[rows]
        if rows < 0:
            places = [number for number, match in enumerate(matches) if (match.row, match.start) < here]
            number = places[-1] if places else len(matches) - 1
        else:
            number = next((n for n, match in enumerate(matches) if (match.row, match.start) >= here), 0)
        self.editor.select_span(matches[number])
        return number + 1, len(matches)


class TextTarget:
    """Text that can only be read: a prompt, an answer."""

    writable = False

    def __init__(self, view: StreamView, name: str) -> None:
        self.view, self.name = view, name
        self._matches: list[Span] = []
        self._query: Query | None = None
        self._pattern = ""
        self._number = -1

    def find(self, query: Query | None) -> int:
        if query is not None and query.pattern != self._pattern:
            self._pattern, self._number = query.pattern, -1
        self._query = query
        # While text streams in there may be more of it at the next step.
        self._matches = query.search(self.view.shown_text.split("\n")) if query is not None else []
        if not self._matches:
            self.view.marked_line = 0
        return len(self._matches)

    def step(self, rows: int) -> tuple[int, int]:
        number = self._number
        if self._query is None or not self.find(self._query):
            return 0, 0
        self._number = max(0, number) if rows == 0 else (max(number, -(rows > 0)) + rows) % len(self._matches)
        line = self._matches[self._number].row + 1
        self.view.marked_line = line
        self.view.show_line(line)
        return self._number + 1, len(self._matches)


@dataclass
class Finding:
    """What was looked for last: F-keys and menus go on with it."""

    target: Target | None = None
    pattern: str = ""
    replacement: str = ""
    regular: bool = False
    ignore_case: bool = True
    problem: str = ""

    def search(self, target: Target | None = None) -> int:
        """Look for the pattern in the target; the problem is in ``problem``, -1 is returned then."""
        if target is not None:
            self.target = target
        if self.target is None:
            return 0
        self.problem = ""
        try:
            query = Query(self.pattern, regular=self.regular, ignore_case=self.ignore_case) if self.pattern else None
            return self.target.find(query)
        except UsageError as error:
            self.problem = f"{error.message} {error.hint}".strip()
            self.target.find(None)
            return -1

    def search_ended(self) -> None:
        """Set nothing off any more; the pattern is remembered."""
        if self.target is not None:
            self.target.find(None)

    def step(self, rows: int) -> str:
        """Go on to a match; what there is to say about it."""
        if self.target is None or not self.pattern:
            return "Nothing was looked for yet."
        try:
            number, count = self.target.step(rows)
        except UsageError as error:
            self.problem = str(error)
            return self.problem
        return f"{number} of {count:,}" if count else "not found"
