"""The same prompt into several: models with their engines, sets of parameters, template versions, marked in one list.

What is marked is crossed: two models and two sets of parameters are four panes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from workbench.display import counted, display
from workbench.engine.memory import free_memory, size_text
from workbench.engine.server_models import list_server_models
from workbench.engine.shelf import names_apart
from workbench.param import PRESETS
from workbench.service.history import Version, versions
from workbench.tui.listview import LineList, Row
from workbench.tui.numbers import when
from workbench.tui.pane_view import PaneSettings
from workbench.tui.panes import MOST
from workbench.tui.screens.modal import BOX_CSS, Box

if TYPE_CHECKING:
    from workbench.engine.shelf import ModelEntry
    from workbench.tui.screens.main import MainScreen

NOW = "v:"
NEWEST_VERSIONS = 5
HINT = "Space marks, Enter starts"


@dataclass(frozen=True)
class Option:
    """One row: what it puts in place of the focused pane's settings. ``problem``: it cannot be marked."""

    cells: tuple[str, ...]
    change: Mapping[str, object]
    need: int = 0
    problem: str = ""


class MarkSeveral(Box[list[str]]):
    """A list of which several rows can be marked; Enter returns their keys, or the row under the cursor alone."""

    CSS = BOX_CSS.replace("Box", "MarkSeveral")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "mark", "Mark", show=False)]

    def __init__(self, options: Mapping[str, Option], count: int, free: int) -> None:
        super().__init__()
        self._options, self._free = options, free
        self.count = count
        self.marked: set[str] = set()
        self.rows = LineList(widths=(1, 8, 0, 7, 9), placeholder="no models yet: F8 fetches one")
        self._about = Static("", classes="hint", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("The same prompt into ...", classes="title", markup=False)
            yield self.rows
            yield self._about

    def on_mount(self) -> None:
        self.rows.styles.height = max(3, min(14, len(self._options)))
        self._draw()
        self.rows.focus()

    def _draw(self) -> None:
        rows = []
        for key, option in self._options.items():
            mark = "x" if key in self.marked else " "
            rows.append(Row(key, (mark, *option.cells), muted=bool(option.problem)))
        self.rows.set_rows(rows)
        self._tell()

    def _tell(self) -> None:
        row = self.rows.current
        problem = self._options[row.key].problem if row is not None else ""
        need = sum(self._options[key].need for key in self.marked)
        memory = f" · {size_text(need)} of {size_text(self._free)} free memory" if need else ""
        panes = pane_count(self.marked)
        text = f"{counted(panes, 'pane')}{memory} · {HINT}" if self.marked else HINT
        self._about.update(Content(display(f"{problem}\n{text}" if problem else text)))

    def on_line_list_highlighted(self) -> None:
        self._tell()

    def action_mark(self) -> None:
        row = self.rows.current
        if row is not None and not self._options[row.key].problem:
            self.marked ^= {row.key}
            self._draw()

    def on_line_list_selected(self, event: LineList.Selected) -> None:
        keys = [key for key in self._options if key in self.marked] or [event.key]
        if any(self._options[key].problem for key in keys):
            return
        if pane_count(keys) > MOST:
            self._about.update(Content(f"That is {pane_count(keys)} panes; {MOST} at most."))
            return
        self.dismiss(keys)


def pane_count(keys: Sequence[str] | set[str]) -> int:
    """How many panes the marked rows make."""
    count = 1
    for kind in "mpv":
        count *= max(1, sum(key.startswith(f"{kind}:") for key in keys))
    return count if keys else 0


def crossed(options: Mapping[str, Option], keys: Sequence[str], base: PaneSettings) -> list[PaneSettings]:
    """One setting for each combination; what nothing was marked of stays as in ``base``."""
    groups = [[options[key].change for key in keys if key.startswith(f"{kind}:")] or [{}] for kind in "mpv"]
    found = []
    for combination in product(*groups):
        settings = base
        for change in combination:
            settings = replace(settings, **change)  # type: ignore[arg-type]
        found.append(settings)
    return found


class PaneChoice:
    """Asks, then starts."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen

    async def ask(self) -> None:
        """Mark several; every combination gets a pane, and all start at once."""
        screen = self.screen
        if screen.running.busy:
            screen.say("A run is going on. F6 stops it.")
            return
        options = await asyncio.to_thread(lambda: dict(self._options()))
        dialog = MarkSeveral(options, len(screen.panes.all), await asyncio.to_thread(free_memory))
        keys: list[str] | None = await screen.app.push_screen_wait(dialog)
        if not keys or screen.running.busy:
            return
        await screen.panes.set_all(crossed(options, keys, screen.panes.current.settings))
        await screen.running.run()

    async def ask_version(self) -> None:
        """Which version of its template the focused pane runs: an earlier one, or what the editor holds."""
        screen = self.screen
        options = await asyncio.to_thread(lambda: dict(self._versions()))
        dialog = MarkSeveral(options, 1, 0)
        keys: list[str] | None = await screen.app.push_screen_wait(dialog)
        if keys:
            pane = screen.panes.current
            pane.set(crossed(options, keys[:1], pane.settings)[0])
            screen.panes.draw()

    def _options(self) -> Iterator[tuple[str, Option]]:
        """All rows. Blocking, some seconds at most when servers are slow."""
        bench, settings = self.screen.bench, self.screen.panes.current.settings
        if "scripted" in (settings.engine, bench.config.engine_prefer):
            yield "m:|scripted", Option(("model", "no model", "", "scripted"), {"model": "", "engine": "scripted"})
        entries = bench.models()
        names = names_apart(entries)
        for entry in entries:
            yield from _local(entry, names[entry.path])
        for model in list_server_models(bench.config):
            change = {"model": model.name, "engine": "server"}
            cells = ("model", model.name if model.id else model.server, "", "server")
            yield f"m:{model.name}|server", Option(cells, change, problem=model.problem)
        base = settings.params
        for name, preset in PRESETS.items():
            about = " ".join(f"{key}={value}" for key, value in preset.items())
            yield f"p:{name}", Option(("params", f"{name}: {about}", "", ""), {"params": {**base, **preset}})
        if settings.version is not None or (bench.workspace.root / self.screen.editing.buffer.name).is_file():
            yield from self._versions()

    def _versions(self) -> Iterator[tuple[str, Option]]:
        """The editor's text and the newest versions that were run and differ from it. Blocking."""
        yield NOW, Option(("template", "as it is in the editor", "", ""), {"version": None})
        name, now = self.screen.editing.buffer.name, self.screen.editor.text
        found: list[Version] = [item for item in versions(self.screen.bench.store, name) if item.source != now]
        for version in found[:NEWEST_VERSIONS]:
            about = f"{version.sha256[:8]}, last run {when(version.last_seen)}"
            yield f"v:{version.sha256}", Option(("template", about, "", ""), {"version": version})


def _local(entry: ModelEntry, name: str) -> Iterator[tuple[str, Option]]:
    """A model file once for each engine that runs it."""
    need = entry.estimate.total
    if entry.problem:
        yield f"m:{entry.path}|", Option(("model", name, "", "-"), {}, problem=entry.problem)
        return
    for choice in entry.verdict.choices:
        if choice.can or choice.needs_copy:
            cells = ("model", name, size_text(need), choice.engine)
            change = {"model": str(entry.path), "engine": choice.engine}
            yield f"m:{entry.path}|{choice.engine}", Option(cells, change, need)
