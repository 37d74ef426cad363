"""Work that takes a while, watched: its text as it comes, what it is doing, and Escape to stop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from workbench.display import display_line
from workbench.error import WorkbenchError
from workbench.tui.background import carry_on
from workbench.tui.screens.modal import BOX_CSS, Box
from workbench.tui.stream import StreamView

FLUSHES_PER_SECOND = 12


class Working(Box[Any]):
    """Dismisses with what ``work`` gave, or with the WorkbenchError that it raised."""

    CSS = BOX_CSS.replace("Box", "Working") + "Working StreamView { height: 12; }"

    def __init__(
        self, title: str, work: Callable[[Working], Awaitable[Any]], stop: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__()
        self._title, self._work, self._stop = title, work, stop
        self.view = StreamView(placeholder="…")
        self._about = Static("", classes="hint", markup=False)
        self._waiting: list[str] = []
        self._phase = "preparing"

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(display_line(self._title)), classes="title", markup=False)
            yield self.view
            yield self._about

    def on_mount(self) -> None:
        self.view.focus()
        self.set_interval(1 / FLUSHES_PER_SECOND, self._flush)
        carry_on(self, self._do(), group="working")

    async def _do(self) -> None:
        result: Any
        try:
            result = await self._work(self)
        except WorkbenchError as error:
            result = error
        if self.is_mounted:
            self.dismiss(result)

    def append(self, text: str) -> None:
        self._waiting.append(text)

    def phase(self, text: str) -> None:
        """What is being done now."""
        self._phase = text

    def _flush(self) -> None:
        if self._waiting:
            self.view.append("".join(self._waiting))
            self._waiting.clear()
        self._about.update(Content(display_line(f"{self._phase} · Escape stops")))

    async def action_leave(self) -> None:  # type: ignore[override]
        """Stop the work; it ends the box itself, with what came."""
        self._phase = "stopping"
        await self._stop()
