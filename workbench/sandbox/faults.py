"""The worker's faults in words: what happened, where, and what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from workbench.error import AccessDenied, LimitExceeded, TemplateError

TRAPS: tuple[tuple[str, str], ...] = (
    (
        r"expected token ':', got '}'",
        "Is this text and not Jinja? Doubled braces belong to Jinja; set jinja = false.",
    ),
    (r"Missing end of comment tag", "'{#' begins a Jinja comment; write {{ '{#' }} for the text."),
    (r"Encountered unknown tag", "'{%' begins a Jinja tag; write {{ '{%' }} for the text, or use {% raw %}."),
    (
        r"unexpected end of template",
        "A block is not closed: each {% if %}, {% for %} and section needs its end tag.",
    ),
    (
        r"unexpected '\|'|unexpected char",
        "Doubled braces belong to Jinja; a choice is {a|b}, inside braces { {a|b}|c}.",
    ),
    (
        r"text outside the sections",
        "Move it into {% system %}, {% user %} or {% assistant %}, or remove the sections.",
    ),
    (r"Exceeds the limit .* for integer string", "The number has too many digits to print."),
)


def limit_error(name: str, message: str) -> LimitExceeded:
    return LimitExceeded(f"stopped: {message}", hint="Make loops and values smaller.", file=name)


def fault_error(reply: Mapping[str, Any], known: Mapping[str, Any], first_line: int) -> TemplateError:
    """The exception for a worker's ``fault`` reply."""
    kind, message = str(reply.get("fault")), str(reply.get("message"))
    raw_line = reply.get("line")
    line = raw_line + first_line - 1 if isinstance(raw_line, int) and raw_line > 0 else 0
    file = str(reply.get("file") or "template")
    if kind == "limit":
        return LimitExceeded(f"stopped: {message}", hint="Make loops and values smaller.", file=file, line=line)
    if kind == "denied":
        return AccessDenied(message, hint="Templates may not reach Python's internals.", file=file, line=line)
    if kind == "undefined":
        return _undefined(message, known, file, line)
    if kind == "missing":
        hint = "Includes are found by their name within templates/, for example 'partials/tone.j2'."
        return TemplateError(f"there is no template {message!r} to include", hint=hint, file=file, line=line)
    hint = next((text for pattern, text in TRAPS if re.search(pattern, message)), "")
    return TemplateError(message, hint=hint, file=file, line=line)


def _undefined(message: str, known: Mapping[str, Any], file: str, line: int) -> TemplateError:
    match = re.match(r"'(\w+)' is undefined", message)
    if not match:
        return TemplateError(message, file=file, line=line)
    name = match[1]
    near = difflib.get_close_matches(name, [key for key in known if not key.startswith("__")], n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Give it a value: --set {name}=..., or declare [slots.{name}]."
    return TemplateError(f"{name!r} has no value", hint=hint, file=file, line=line)
