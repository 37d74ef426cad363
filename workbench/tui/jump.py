"""Jump mode: a letter is drawn on each area and on each row of the lists in sight; pressing it goes there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from workbench.tui.listview import LineList
from workbench.tui.once import Once

LETTERS = "asdfghjklqwertyuiopzxcvbnmASDFGHJKLQWERTYUIOPZXCVBNM"


@dataclass(frozen=True)
class JumpTarget:
    """A widget, or a row of a list, and where its letter is drawn."""

    widget: Widget
    place: Offset
    row: int = -1


def targets(screen: Screen[Any]) -> list[JumpTarget]:
    """What can be jumped to: widgets that take the focus first, so that they keep the easy letters, then rows."""
    widgets = [widget for widget in screen.focus_chain if widget.region.area and screen.region.overlaps(widget.region)]
    areas = [JumpTarget(widget, widget.region.offset) for widget in widgets if not isinstance(widget, LineList)]
    rows = [row for widget in widgets if isinstance(widget, LineList) for row in _rows(widget)]
    return [*areas, *rows][: len(LETTERS)]


def _rows(rows: LineList) -> Iterator[JumpTarget]:
    area, top = rows.content_region, rows.scroll_offset.y
    if not rows.shown:
        yield JumpTarget(rows, rows.region.offset)
    for number in range(top, min(len(rows.shown), top + area.height)):
        yield JumpTarget(rows, Offset(area.x, area.y + number - top), number)


class JumpScreen(Once, ModalScreen["JumpTarget | str | None"]):
    """Letters over the screen below. A digit is handed back for the areas; any other key leaves."""

    CSS = """
    JumpScreen { background: transparent; layers: letters; }
    JumpScreen Static {
        layer: letters; position: absolute; width: 3; height: 1;
        background: $accent; color: $background; text-style: bold reverse;
    }
    """
    takes_all_keys = True
    BINDINGS: ClassVar = [("escape", "leave", "Back")]

    def __init__(self, found: list[JumpTarget]) -> None:
        super().__init__()
        self._targets = dict(zip(LETTERS, found, strict=False))

    def compose(self) -> ComposeResult:
        for letter, target in self._targets.items():
            label = Static(f" {letter} ", markup=False)
            label.styles.offset = target.place
            yield label

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        sign = event.character or ""
        self.dismiss(self._targets.get(sign) or (sign if sign.isdecimal() else None))

    def action_leave(self) -> None:
        self.dismiss(None)


def go_to(target: JumpTarget) -> None:
    """Move the focus, and the cursor of a list."""
    target.widget.focus()
    if isinstance(target.widget, LineList) and target.row >= 0:
        target.widget.cursor = target.row
