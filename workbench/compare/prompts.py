"""What the prompts of a template are called in a grid: by the options that its choices got, else by their text."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.compare.state import CellState
    from workbench.record import PatternRef

_WIDE = 40


def picked_options(pattern: PatternRef | None, axes: Container[str] = ()) -> tuple[str, ...]:
    """``red``, or with a name ``colour = red``; what an axis of that name tells is left out."""
    if pattern is None:
        return ()
    told = [(pick.name, " ".join(pick.text.split()) or "(empty)") for pick in pattern.picks if pick.name not in axes]
    return tuple(dict.fromkeys(f"{name} = {text}" if name else text for name, text in told))


def prompt_name(state: CellState) -> str:
    """``0: red``: the number keeps apart what the options do not, and stands alone where nothing is known."""
    told = ", ".join(state.picked) or " ".join(state.prompt_text.split())
    return _named(state.cell.prompt, told)


def prompt_labels(count: int, states: Iterable[CellState]) -> tuple[str, ...]:
    """A name for each number, of what all runs with it have in common; options first, then texts."""
    options: dict[int, set[str]] = {}
    texts: dict[int, set[str]] = {}
    for state in states:
        if state.picked:
            options.setdefault(state.cell.prompt, set()).add(", ".join(state.picked))
        if state.prompt_text:
            texts.setdefault(state.cell.prompt, set()).add(state.prompt_text)
    labels = []
    for number in range(count):
        found = options.get(number) or texts.get(number, set())
        labels.append(_named(number, " ".join(next(iter(found)).split()) if len(found) == 1 else ""))
    return tuple(labels)


def _named(number: int, told: str) -> str:
    if not told:
        return str(number)
    return f"{number}: {told if len(told) <= _WIDE else told[: _WIDE - 1] + '…'}"
