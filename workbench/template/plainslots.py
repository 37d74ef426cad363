"""``{name}`` and ``{0}`` slots by the rules of bound names; every other brace is text.

Values enter as data and are never parsed again. A number slot that touches a letter, digit or one of ``_ ^ \\ $ # % @ )
] }`` on its left is text, a named slot only after ``\\`` (also ``\\cmd``), ``$``, ``#``, ``%``, ``@``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_SLOT = re.compile(r"(?<!\{)\{(\d+|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}(?!\})")
_COMMAND = re.compile(r"\\[A-Za-z]+\Z")


@dataclass(frozen=True)
class BraceSlot:
    name: str
    start: int
    end: int
    glued: bool


def find_slots(text: str) -> Iterator[BraceSlot]:
    """Candidates in order; ``glued`` ones are text whatever is bound."""
    for match in _SLOT.finditer(text):
        yield BraceSlot(match[1], match.start(), match.end(), _glued(text, match.start(), match[1].isdigit()))


def _glued(text: str, start: int, number: bool) -> bool:
    before = text[start - 1] if start else ""
    if not before:
        return False
    if number:
        return before.isalnum() or before in "_^\\$#%@)]}"
    return before in "\\$#%@" or bool(_COMMAND.search(text, max(0, start - 40), start))


def bound(name: str, names: Collection[str]) -> bool:
    """A dotted name is bound when its first part is."""
    return name in names or name.split(".")[0] in names
