"""Styles wrap a prompt: every ``{prompt}`` or ``{{ prompt }}`` is replaced; without one the style follows after ``, ``.

Also A1111's Prompt matrix, for its importer. The prompt is a value: braces in it are never read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_PLACE = re.compile(r"\{\{\s*prompt\s*\}\}|\{prompt\}")


def apply_style(text: str, style: str) -> str:
    """One style around a prompt."""
    wrapped, times = _PLACE.subn(lambda _: text, style)
    if times:
        return wrapped
    return ", ".join(part for part in (text.strip(), style.strip()) if part)


def apply_styles(text: str, styles: Iterable[str]) -> str:
    """The styles one after the other, the first innermost."""
    for style in styles:
        text = apply_style(text, style)
    return text


def prompt_matrix(text: str) -> Iterator[str]:
    """``base|one|two``: the base with every subset of the others, in A1111's order. Lazy."""
    base, *options = text.split("|")
    options = [option.strip().strip(",") for option in options]
    for number in range(1 << len(options)):
        chosen = [option for place, option in enumerate(options) if number >> place & 1]
        yield ", ".join([base, *chosen])
