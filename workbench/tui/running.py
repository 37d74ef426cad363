"""Runs and models: starting, stopping, choosing, fetching."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from workbench.engine import ENGINES
from workbench.error import WorkbenchError
from workbench.param import Params, params_from
from workbench.session.info import RunRecord
from workbench.tui.commands import resolved
from workbench.tui.fetching import Fetching
from workbench.tui.in_app import how_to_get
from workbench.tui.pane_running import PaneRuns
from workbench.tui.presets import RememberedPresets
from workbench.tui.screens.params import ParamsScreen
from workbench.tui.screens.shelf import ShelfScreen

if TYPE_CHECKING:
    from workbench.tui.screens.main import MainScreen

DEFAULT_MODEL = "smollm2-135m"


class Running(PaneRuns):
    """The runs, and what they are made with."""

    def __init__(self, screen: MainScreen) -> None:
        super().__init__(screen)
        self.fetching = Fetching(screen)

    @property
    def shown(self) -> RunRecord | None:
        """The run in the focused pane, once it has ended."""
        return self.panes.current.record

    @shown.setter
    def shown(self, record: RunRecord | None) -> None:
        self.panes.current.record = record

    async def stop(self) -> None:
        """Stop the runs, else the download; what came is kept."""
        if self.fetching.active and not self.busy:
            self.fetching.pause()
        else:
            await super().stop()

    async def stop_all(self) -> None:
        self.fetching.pause()
        await super().stop_all()

    async def edit_params(self) -> None:
        try:
            base = params_from(
                self.screen.editing.document().header.params, params_from(self.screen.bench.config.params)
            )
        except WorkbenchError:
            base = Params()
        presets, model = RememberedPresets(self.screen.bench.workspace), self.model.rpartition("/")[2]
        engine = self.engine or self.screen.status.state.engine
        form = ParamsScreen(base, self.params, engine=engine, preset=presets.get(model))
        changed = await self.screen.app.push_screen_wait(form)
        if changed is not None:
            self.params = changed
            if form.chosen:
                presets.put(model, form.chosen)
            text = ", ".join(f"{key}={value}" for key, value in changed.items())
            self.screen.say(f"Next runs: {text}" if text else "Next runs use the template's parameters.")

    def next_engine(self) -> None:
        """Walk through automatic and the engines by name."""
        order = ["", *ENGINES]
        self.engine = order[(order.index(self.engine) + 1) % len(order)]
        self.screen.say(f"Engine: {self.engine or 'chosen by the tool'}")

    # -- models ------------------------------------------------------------------------------------------------

    async def look_for_models(self) -> None:
        """At start: say what is there, or how to get one."""
        output = self.screen.output
        if await self.can_speak():
            output.placeholder = "No run yet. F5 runs the template."
        else:
            output.placeholder = (
                f"There is no model yet.\n\n{how_to_get(DEFAULT_MODEL, first=True)}, a small one that runs anywhere."
            )

    async def can_speak(self) -> bool:
        """Whether a run would find a model; the scripted engine needs none, a server's is not looked for."""
        if "scripted" in (self.engine, self.screen.bench.config.engine_prefer) or self.screen.bench.config.servers:
            return True
        entries = await asyncio.to_thread(self.screen.bench.models)
        return any(not entry.problem and entry.engine for entry in entries)

    async def choose_model(self) -> None:
        """The shelf: what is here, on servers, and to be fetched. What is chosen is used by the next runs."""
        shelf = ShelfScreen(self.screen.bench, resolved(self.screen.bench.config.keys), self)
        chosen: str | None = await self.screen.app.push_screen_wait(shelf)
        if chosen:
            self.model = chosen
            self.screen.status.state.model = chosen.rpartition("/")[2]
            self.screen.say(f"Next runs use {chosen}.")
        self.screen.status.show()
