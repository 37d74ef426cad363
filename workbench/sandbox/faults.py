"""The worker's faults in words: what happened, where, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


def limit_error(name: str, message: str, line: int = 0) -> LimitExceeded:
    return LimitExceeded(f"stopped: {message}", hint=SMALLER, file=name, line=line)


def column_of(source: str, line: int, word: str) -> int:
    """Column, from 1, of ``word`` inside a Jinja tag on this line; else of the line's first tag; 0 if there is none."""
    lines = source.split("\n")
    if not 0 < line <= len(lines):
        return 0
    start = sum(len(text) + 1 for text in lines[: line - 1])
    end = start + len(lines[line - 1])
    pattern = re.compile(rf"\b{re.escape(word)}\b" if word.isidentifier() else re.escape(word)) if word else None
    first = 0
    for tag in _TAG.finditer(source):
        low, high = max(tag.start(), start), min(tag.end(), end)
        if low >= high:
            continue
        first = first or low - start + 1
        # The delimiters themselves are not what a message means by '}'.
        found = pattern.search(source, low + (2 if low == tag.start() else 0), high) if pattern else None
        if found:
            return found.start() - start + 1
    opening = re.search(r"\{[{%#]", lines[line - 1])
    return first or (opening.start() + 1 if opening else 0)


def fault_error(
    reply: Mapping[str, Any], *, name: str = "", source: str = "", loader: Mapping[str, str], first_line: int = 1
) -> TemplateError:
    """The exception for a worker's ``fault`` reply. ``source`` is the text of template ``name`` as written."""
    kind, message, near = (str(reply.get(key, "")) for key in ("fault", "message", "near"))
    raw = reply.get("line")
    line = raw if isinstance(raw, int) and 0 < raw < 1 << 30 else 0
    file = str(reply.get("file") or name)
    word = next((match[1] for pattern in _WORDS if (match := re.search(pattern, message))), "")
    column = column_of(source if file == name else loader.get(file, ""), line, word)
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
