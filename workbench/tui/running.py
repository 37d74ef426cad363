"""Runs and models: starting, stopping, choosing, fetching."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from workbench.engine import ENGINES
from workbench.engine.catalog import CATALOG
from workbench.engine.memory import size_text
from workbench.error import StorageError, WorkbenchError
from workbench.event import Failed
from workbench.param import Params, params_from
from workbench.service import RunSpec
from workbench.service.run import RunHandle
from workbench.session.info import RunRecord, Session
from workbench.tui.bridge import FLUSHES_PER_SECOND, RunBridge
from workbench.tui.commands import resolved
from workbench.tui.fetching import Fetching
from workbench.tui.presets import RememberedPresets
from workbench.tui.screens.params import ParamsScreen
from workbench.tui.screens.shelf import ShelfScreen
from workbench.tui.status import RunState

if TYPE_CHECKING:
    from workbench.tui.screens.main import MainScreen

DEFAULT_MODEL = "smollm2-135m"


class Running:
    """One pane's runs. ``session`` collects them until a new one is asked for."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.bridge: RunBridge | None = None
        self.session: Session | None = None
        self.params: dict[str, Any] = {}
        self.model = ""
        self.engine = ""
        self.fetching = Fetching(screen)
        self.unsaved: list[RunHandle] = []
        self.shown: RunRecord | None = None
        self._timer = screen.set_interval(1 / FLUSHES_PER_SECOND, self._tick, pause=True)

    @property
    def busy(self) -> bool:
        return self.bridge is not None

    def _tick(self) -> None:
        if self.bridge is not None and self.bridge.tick():
            self.screen.status.show()

    async def run(self) -> None:
        """Run what is in the editor with what is in the form."""
        screen = self.screen
        if self.busy:
            screen.say("A run is going on. F6 stops it.")
            return
        try:
            document = screen.editing.document()
        except WorkbenchError as error:
            screen.tell(error)
            return
        spec = RunSpec(
            document,
            variables=screen.form.variables(),
            model=self.model,
            engine=self.engine,
            params=self.params,
            session=self.session,
            item=screen.editing.choice,
        )
        handle = screen.bench.start_run(spec)
        state = screen.status.state = RunState(model=self.model, engine=self.engine)
        bridge = self.bridge = RunBridge(handle, screen.output, state)
        self.shown = None
        screen.output.clear()
        screen.output.marked_line = 0
        screen.show_area("output", focus=False)
        self._timer.resume()
        try:
            await bridge.consume(screen.status.show)
        finally:
            self.bridge = None
            self._timer.pause()
        await self._after(bridge)

    async def _after(self, bridge: RunBridge) -> None:
        screen, handle = self.screen, bridge.handle
        if bridge.error is not None:
            screen.output.placeholder = str(bridge.error)
            screen.tell(bridge.error)
            screen.status.show()
            return
        if handle.session is not None:
            self.session = handle.session
        if handle.save_problem:
            self.unsaved.append(handle)
        if handle.request is not None and handle.result is not None:
            self.shown = RunRecord(handle.request, handle.result)
        if handle.request is not None:
            bridge.state.model = handle.request.model.file
        if isinstance(bridge.last, Failed):
            screen.failed(bridge.last)
        for notice in handle.notices:
            screen.say(notice)
        screen.status.show()
        await screen.browsing.refresh()
        if handle.session is not None:
            # F4 and Enter open what was just run.
            screen.sessions.move_to(f"r:{handle.session.id}:{handle.run_id}")

    async def stop(self) -> None:
        """Stop the run or the download; what came is kept."""
        if self.bridge is not None:
            self.screen.status.state.phase = "stopping"
            self.screen.status.show()
            await self.bridge.handle.cancel()
        elif self.fetching.active:
            self.fetching.pause()
        else:
            self.screen.say("Nothing is running.")

    def rescue(self) -> str:
        """Keep runs that the disk did not take in the user's state folder; what went wrong, or nothing. Blocking."""
        try:
            for handle in self.unsaved:
                if handle.save_problem:
                    handle.rescue()
        except StorageError as error:
            return str(error)
        return ""

    async def stop_all(self) -> None:
        """Stop the run and the download, before the app ends."""
        self.fetching.pause()
        if self.bridge is not None:
            await self.bridge.handle.cancel()

    def new_session(self) -> None:
        if self.busy:
            self.screen.say("A run is going on. F6 stops it.")
            return
        self.session = self.shown = None
        self.screen.output.clear()
        self.screen.status.state = RunState()
        self.screen.status.show()
        self.screen.say("The next run begins a new session.")

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
        entries = await asyncio.to_thread(self.screen.bench.models)
        usable = [entry for entry in entries if not entry.problem and entry.engine]
        output = self.screen.output
        # The scripted engine speaks without a model.
        if usable or "scripted" in (self.engine, self.screen.bench.config.engine_prefer):
            output.placeholder = "No run yet. F5 runs the template."
        else:
            output.placeholder = (
                f"There is no model yet.\n\nF8, then Enter fetches {DEFAULT_MODEL} "
                f"({size_text(CATALOG[DEFAULT_MODEL].bytes)}), a small one that runs anywhere."
            )

    async def choose_model(self) -> None:
        """The shelf: what is here, on servers, and to be fetched. What is chosen is used by the next runs."""
        shelf = ShelfScreen(self.screen.bench, resolved(self.screen.bench.config.keys), self)
        chosen: str | None = await self.screen.app.push_screen_wait(shelf)
        if chosen:
            self.model = chosen
            self.screen.status.state.model = chosen.rpartition("/")[2]
            self.screen.say(f"Next runs use {chosen}.")
        self.screen.status.show()
