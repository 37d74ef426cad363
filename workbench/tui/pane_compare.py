"""Panes held against each other: two with their words told apart, or all with what they have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.compare.nway import nway
from workbench.tui.pane_view import Pane
from workbench.tui.screens.difference import DifferenceScreen, Stretch, difference_text

if TYPE_CHECKING:
    from workbench.tui.screens.main import MainScreen


class PaneCompare:
    """Comparisons of what the panes show now, also while they stream."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen

    def pair(self) -> tuple[Pane, Pane] | None:
        """The baseline, or the neighbour, and the focused pane; the neighbour of the last is the one before it."""
        panes = self.screen.panes
        if not panes.many:
            return None
        if panes.pinned is not None and panes.pinned is not panes.current:
            return panes.pinned, panes.current
        place = panes.all.index(panes.current)
        other = panes.all[place + 1] if place + 1 < len(panes.all) else panes.all[place - 1]
        return panes.current, other

    def _refused(self) -> bool:
        panes = self.screen.panes
        if not panes.many:
            self.screen.say("There is one pane only. + adds another.")
        elif panes.blind:
            self.screen.say("Names are hidden: vote first, or show them with v.")
        return not panes.many or panes.blind

    async def difference(self) -> None:
        """The focused pane against the pinned baseline, else against its neighbour."""
        pair = self.pair()
        if self._refused() or pair is None:
            return
        left, right = (pane.now() for pane in pair)
        if left is None or right is None:
            self.screen.say("One of the two panes has no run yet.")
            return
        title = " against ".join(f"pane {self.screen.panes.label(pane)}" for pane in pair)
        text, marks = await asyncio.to_thread(difference_text, left, right)
        self._push(text, marks, title)

    async def all(self) -> None:
        """Where all panes agree, and where they part."""
        if self._refused():
            return
        panes = self.screen.panes
        shown = [(pane, name) for pane, name in zip(panes.all, panes.names(), strict=True) if pane.view.text]
        if len(shown) < 2:
            self.screen.say("Fewer than two panes have a text yet.")
            return
        names = [f"{panes.label(pane)} {name}" for pane, name in shown]
        texts = [pane.view.text for pane, _ in shown]
        places = [pane for pane, _ in shown]
        baseline = places.index(panes.pinned) if panes.pinned in places else None
        text, marks = await asyncio.to_thread(all_text, names, texts, baseline)
        self._push(text, marks, f"{len(shown)} panes")

    def _push(self, text: str, marks: Sequence[Stretch], title: str) -> None:
        app: Any = self.screen.app
        if self.screen.is_mounted:
            app.push_screen(DifferenceScreen(text, marks, app.commands, title=title))


def all_text(names: Sequence[str], texts: Sequence[str], baseline: int | None) -> tuple[str, list[Stretch]]:
    """Every different text once, under the names that gave it; in ``{+ +}`` what not all of them have. Blocking."""
    found = nway(texts, baseline=baseline)
    where = "all texts are the same" if found.parts_at is None else f"they part at character {found.parts_at + 1}"
    pieces = [f"{len(texts)} texts, {len(found.stacks)} different; {where}; {found.agreement:.0%} in common\n"]
    marks: list[Stretch] = []
    place = len(pieces[0])
    for stack in found.stacks:
        heading = "\n".join(names[member] for member in stack.members)
        spans = [(f"\n-- {heading} --\n", ""), *((span.text, span.kind) for span in stack.spans), ("\n", "")]
        for text, kind in spans:
            piece = f"{{+{text}+}}" if kind == "part" else text
            if kind == "part":
                marks.append(Stretch(place, place + len(piece), "right"))
            pieces.append(piece)
            place += len(piece)
    return "".join(pieces), marks
