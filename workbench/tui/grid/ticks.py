"""A list whose rows are ticked with the space bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from workbench.tui.listview import LineList, Row


class TickList(LineList):
    """``ticked`` has the keys in the order of the rows. Space or a second click ticks and takes away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "tick", "Tick", show=False)]

    class Ticked(Message):
        """The ticks changed."""

        def __init__(self, ticks: TickList) -> None:
            super().__init__()
            self.ticks = ticks

        @property
        def control(self) -> TickList:
            return self.ticks

    def __init__(self, *, widths: Sequence[int] = (0,), placeholder: str = "", id: str | None = None) -> None:
        super().__init__(widths=(3, *widths), placeholder=placeholder, id=id)
        self._plain: list[Row] = []
        self._ticked: set[str] = set()

    @property
    def ticked(self) -> tuple[str, ...]:
        return tuple(row.key for row in self._plain if row.key in self._ticked)

    def offer(self, rows: Iterable[Row], ticked: Iterable[str]) -> None:
        """Show these rows; ticks of rows that are not there are forgotten."""
        self._plain = list(rows)
        self._ticked = {row.key for row in self._plain} & set(ticked)
        self._show()

    def _show(self) -> None:
        marks = {True: "[x]", False: "[ ]"}
        self.set_rows(Row(row.key, (marks[row.key in self._ticked], *row.cells), row.muted) for row in self._plain)

    def action_tick(self) -> None:
        if (row := self.current) is not None:
            self._ticked ^= {row.key}
            self._show()
            self.post_message(self.Ticked(self))
