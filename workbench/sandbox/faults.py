"""The worker's faults in words: what happened, where, and what to write instead."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.error import AccessDenied, LimitExceeded, TemplateError


class TemplateSyntaxError(TemplateError):
    """Jinja cannot read the template."""


class UndefinedError(TemplateError):
    """A Jinja variable has no value."""


SMALLER = "Make loops and values smaller."
_DOUBLED = (
    "Doubled braces belong to Jinja. For a choice inside braces leave a blank: { {a|b}|c}; for text with many "
    "double braces (JSON, CSS, GitHub Actions) set jinja = false in the header."
)
TRAPS: tuple[tuple[str, str], ...] = (
    (r"Missing end of comment tag", "'{#' begins a Jinja comment; for the text, as in {#fff|#000}, write {{ '{#' }}."),
    (
        r"Encountered unknown tag 'end\w+'",
        "This end tag has no beginning: each needs its {% if %}, {% for %} or section before it.",
    ),
    (
        r"Encountered unknown tag|Tag name expected",
        "'{%' begins a Jinja tag; for the text, as in {%d|%s}, write {{ '{%' }}, or use {% raw %}.",
    ),
    (r"Unexpected end of template|Missing end of raw", "Each block and each section needs its end tag."),
    (r"got ':'|unexpected '}'|unexpected char|got 'end of print statement'|expected token ':'", _DOUBLED),
    (r"got '\w+'", "Text inside {{ }} needs quotes; a filter is joined by '|'."),
    (
        r"text outside the sections",
        "Move it into {% system %}, {% user %} or {% assistant %}, or remove the sections.",
    ),
    (r"stands inside this", "Close the first section before the next one begins."),
    (r"for integer string|digits", "The number has too many digits to print."),
    (r"unsupported operand|can only concatenate", "Join texts and numbers with '~': {{ 1 ~ 'a' }}."),
    (r"there is no list", "A list is a file: templates/wildcards/NAME.txt, one line each."),
)
_WORDS = (
    r"^'(\w+)' is undefined",
    r"has no attribute '(\w+)'",
    r"^No (?:filter|test) named '(\w+)'",
    r"unknown tag '(\w+)'",
    r"got '(\w+|[^\w'])'",
    r"unexpected '([^']+)'",
)
_TAG = re.compile(r"\{[{%](?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[^\"'])*?[}%]\}", re.DOTALL)


_OPENING = re.compile(r"\{[{%]")


def limit_error(name: str, message: str, line: int = 0) -> LimitExceeded:
    return LimitExceeded(f"stopped: {message}", hint=SMALLER, file=name, line=line)


class TagPlaces:
    """Where the Jinja tags of a source stand: read once, from left to right, up to the first that is never closed."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._starts = [0, *(match.end() for match in re.finditer("\n", source))]
        self._tags = list(_tags(source))
        self._ends = [end for _, end in self._tags]

    def column(self, line: int, word: str) -> int:
        """Column, from 1, of ``word`` inside a tag on this line; else of the line's first tag; 0 if there is none."""
        if not 0 < line <= len(self._starts):
            return 0
        source, start = self._source, self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(source)
        at = bisect_right(self._ends, start)
        first = max(self._tags[at][0], start) - start + 1 if at < len(self._tags) and self._tags[at][0] < end else 0
        pattern = re.compile(rf"\b{re.escape(word)}\b" if word.isidentifier() else re.escape(word)) if word else None
        for found in pattern.finditer(source, start, end) if pattern else ():
            tag = bisect_right(self._ends, found.start())
            # The delimiters themselves are not what a message means by '}'.
            if tag < len(self._tags) and self._tags[tag][0] + 2 <= found.start() and found.end() <= self._ends[tag]:
                return found.start() - start + 1
        opening = re.compile(r"\{[{%#]").search(source, start, end)
        return first or (opening.start() - start + 1 if opening else 0)


def _tags(source: str) -> Iterator[tuple[int, int]]:
    position = 0
    while opening := _OPENING.search(source, position):
        tag = _TAG.match(source, opening.start())
        if tag is None:
            return
        yield tag.span()
        position = tag.end()


def fault_error(
    reply: Mapping[str, Any], *, name: str = "", source: str = "", loader: Mapping[str, str], first_line: int = 1
) -> TemplateError:
    """The exception for a worker's ``fault`` reply. ``source`` is the text of template ``name`` as written."""
    kind, message, near = (str(reply.get(key, "")) for key in ("fault", "message", "near"))
    raw = reply.get("line")
    line = raw if isinstance(raw, int) and 0 < raw < 1 << 30 else 0
    file = str(reply.get("file") or name)
    word = next((match[1] for pattern in _WORDS if (match := re.search(pattern, message))), "")
    column = TagPlaces(source if file == name else loader.get(file, "")).column(line, word)
    if file == name and line:
        line += first_line - 1
    if kind == "limit":
        return LimitExceeded(f"stopped: {message}", hint=SMALLER, file=file, line=line, column=column)
    if kind == "denied":
        hint = "Templates may not reach Python's internals."
        return AccessDenied(message, hint=hint, file=file, line=line, column=column)
    text, hint = _words(kind, message, near)
    made = {"syntax": TemplateSyntaxError, "undefined": UndefinedError}.get(kind, TemplateError)
    return made(text, hint=hint, file=file, line=line, column=column)


def _words(kind: str, message: str, near: str) -> tuple[str, str]:
    meant = f"Did you mean {near!r}?" if near else ""
    if kind == "missing":
        hint = "Includes are found by their name within templates/, for example 'partials/tone.j2'."
        return f"there is no template {message!r} to include", meant or hint
    undefined = re.match(r"'(\w+)' is undefined", message) if kind == "undefined" else None
    if undefined:
        name = undefined[1]
        return (
            f"{name!r} has no value",
            meant or f"Fill it in, or on the command line: --set {name}=...; [slots.{name}] declares it.",
        )
    return message, meant or next((text for pattern, text in TRAPS if re.search(pattern, message)), "")
