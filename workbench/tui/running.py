"""Runs and models: starting, stopping, choosing, fetching."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from workbench.engine import ENGINES
from workbench.engine.catalog import CATALOG
from workbench.engine.download import FetchProgress, fetch
from workbench.engine.memory import free_memory, size_text
from workbench.error import StorageError, UsageError, WorkbenchError
from workbench.event import Failed
from workbench.param import Params, params_from
from workbench.service import RunSpec
from workbench.service.run import RunHandle
from workbench.session.info import Session
from workbench.tui.bridge import FLUSHES_PER_SECOND, RunBridge
from workbench.tui.listview import Row
from workbench.tui.presets import RememberedPresets
from workbench.tui.screens.modal import Choose, Confirm
from workbench.tui.screens.params import ParamsScreen
from workbench.tui.status import RunState

if TYPE_CHECKING:
    from workbench.engine.shelf import ModelEntry
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
        self._fetching: threading.Event | None = None
        self.unsaved: list[RunHandle] = []
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
        if self._fetching is not None:
            self._fetching.set()
        elif self.bridge is not None:
            self.screen.status.state.phase = "stopping"
            self.screen.status.show()
            await self.bridge.handle.cancel()
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
        if self._fetching is not None:
            self._fetching.set()
        if self.bridge is not None:
            await self.bridge.handle.cancel()

    def new_session(self) -> None:
        if self.busy:
            self.screen.say("A run is going on. F6 stops it.")
            return
        self.session = None
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
        """A list of what is there and what can be fetched."""
        entries: list[ModelEntry] = await asyncio.to_thread(self.screen.bench.models)
        free = size_text(free_memory())
        rows, details = [], {}
        for entry in entries:
            header = entry.header
            key = f"have:{entry.path}"
            need = size_text(entry.estimate.total) if not entry.problem else ""
            rows.append(Row(key, (entry.id, header.quant, need, entry.engine or "-"), muted=bool(entry.problem)))
            reasons = [f"{choice.engine}: {choice.reason}" for choice in entry.verdict.choices]
            details[key] = entry.problem or f"needs {need} of {free} free\n" + "\n".join(reasons)
        files = {entry.path.name for entry in entries}
        for item in CATALOG.values():
            if item.file not in files:
                rows.append(Row(f"get:{item.id}", (item.id, "", size_text(item.bytes), "fetch"), muted=True))
                details[f"get:{item.id}"] = f"Enter fetches it. {item.description}\nLicence: {item.licence}"
        chosen: str | None = await self.screen.app.push_screen_wait(
            Choose(
                "Models (name, quantization, memory, engine)",
                rows,
                widths=(0, 10, 10, 10),
                detail=lambda key: details.get(key, ""),
                start=f"have:{self.model}",
            )
        )
        if not chosen:
            return
        kind, _, name = chosen.partition(":")
        if kind == "get":
            await self.fetch(name)
            return
        self.model = name
        self.screen.status.state.model = name.rpartition("/")[2]
        self.screen.status.show()
        self.screen.say(details[chosen])

    async def fetch(self, name: str) -> None:
        """Fetch a model of the catalog with progress in the status line; F6 stops, finished parts are kept."""
        entry, screen = CATALOG[name], self.screen
        if self.busy or self._fetching is not None:
            screen.say("Something is running already. F6 stops it.")
            return
        if entry.terms:
            agreed: bool | None = await screen.app.push_screen_wait(Confirm(f"{entry.terms}\n\nDo you accept?"))
            if not agreed:
                return
        self._fetching = threading.Event()
        loop = asyncio.get_running_loop()
        state = screen.status.state = RunState(model=name)

        def progress(step: FetchProgress) -> None:
            share = 100 * step.done // step.total if step.total else 0
            state.phase = f"{'checking' if step.phase == 'verify' else 'fetching'} {share} % of {size_text(step.total)}"
            loop.call_soon_threadsafe(screen.status.show)

        try:
            folder = screen.bench.model_folders[-1]
            await asyncio.to_thread(
                fetch, entry, folder, on_progress=progress, accept_terms=True, cancel=self._fetching
            )
        except (WorkbenchError, UsageError) as error:
            state.phase = "not fetched"
            screen.tell(error)
        else:
            state.phase = "ready"
            screen.say(f"{entry.file} is here. F5 runs the template.")
            await self.look_for_models()
        finally:
            self._fetching = None
            screen.status.show()
