"""Which part of a prompt came from which slot, pick or list: for people to see, never for the model.

Without Jinja the pattern reader knows. With Jinja the prompt is rendered once more with unassigned characters around
what slots and groups put in, and around plain values; only when that gives the very same text without them are the
places taken. A template that looks at its values (their length, say) shows no marks rather than wrong ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.error import TemplateError
from workbench.template.emit import Owner, PieceKind
from workbench.template.prepared import Prepared, PromptChoice, Rendered

# A private plane: an opening character per marked thing, and one that closes.
_FIRST, _LAST, _CLOSE = 0x100000, 0x10FFF0, chr(0x10FFFD)
_SIGN = re.compile("[\U00100000-\U0010fffd]")


@dataclass(frozen=True, slots=True)
class Mark:
    """``prompt.plain[start:end]`` came from there; ``source_start`` is -1 for a variable that Jinja printed."""

    start: int
    end: int
    kind: PieceKind
    name: str
    source_start: int = -1
    source_end: int = -1


def trace(prepared: Prepared, item: PromptChoice, rendered: Rendered) -> tuple[Mark, ...]:
    """The marks of ``rendered``, which is prompt ``item`` of ``prepared``, in order and apart. Blocking, bounded."""
    plain = rendered.prompt.plain
    if rendered.chosen is None or _SIGN.search(plain) or _SIGN.search(prepared.doc.body):
        return ()
    if rendered.chosen.jinja_source is None:
        return tuple(
            Mark(piece.start, piece.end, piece.kind, piece.name, piece.source_start, piece.source_end)
            for piece in rendered.pieces
            if piece.kind != "text" and piece.end > piece.start
        )
    for with_values in (True, False):
        found = _Signs().marks(prepared, item, plain, with_values=with_values)
        if found is not None:
            return found
    return ()


class _Signs:
    """One attempt: which opening character stands for what."""

    def __init__(self) -> None:
        self._owners: list[Owner] = []

    def marks(
        self, prepared: Prepared, item: PromptChoice, plain: str, *, with_values: bool
    ) -> tuple[Mark, ...] | None:
        """None when the signs changed the prompt."""
        values = self._marked(prepared.values) if with_values else prepared.values
        # Patterns keep the true values: they may fix a pick, and are signed where they are put in.
        context = replace(prepared.context, mark=self._mark, _cache={})
        try:
            again = replace(prepared, values=values, context=context).render(item)
        except TemplateError:
            return None
        return self._read(again.prompt.plain, plain)

    def _marked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self._mark(Owner("slot", name, -1, -1), value) if isinstance(value, str) and value else value
            for name, value in values.items()
        }

    def _mark(self, owner: Owner, text: str) -> str:
        if not text or len(self._owners) >= _LAST - _FIRST:
            return text
        self._owners.append(owner)
        return f"{chr(_FIRST + len(self._owners) - 1)}{text}{_CLOSE}"

    def _read(self, signed: str, plain: str) -> tuple[Mark, ...] | None:
        found: list[Mark] = []
        open_since: list[tuple[int, Owner]] = []
        position = last = 0
        parts: list[str] = []
        for match in _SIGN.finditer(signed):
            parts.append(signed[last : match.start()])
            position += match.start() - last
            last = match.end()
            if match.group() != _CLOSE:
                open_since.append((position, self._owners[ord(match.group()) - _FIRST]))
            elif open_since:
                start, owner = open_since.pop()
                # Of two inside each other the outer one is what was put in.
                if not open_since and position > start:
                    found.append(Mark(start, position, owner.kind, owner.name, owner.start, owner.end))
        parts.append(signed[last:])
        return tuple(found) if "".join(parts) == plain else None
