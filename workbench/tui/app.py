"""The full-screen app: wiring only. Commands come from one table, work is done in the screen's parts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import os
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding
from textual.notifications import SeverityLevel
from textual.screen import Screen

from workbench.display import display
from workbench.service import Workbench, open_workbench
from workbench.tui.actions import Action, actions
from workbench.tui.background import carry_on
from workbench.tui.commands import doubtful_keys, resolved
from workbench.tui.copying import Copying
from workbench.tui.driver import WorkbenchDriver
from workbench.tui.following import Following
from workbench.tui.grid.keeper import Grids
from workbench.tui.home import Home
from workbench.tui.keymaps import shares
from workbench.tui.linear import Linear
from workbench.tui.listview import LineList
from workbench.tui.notices import Notices
from workbench.tui.screens.browser import BrowserScreen
from workbench.tui.screens.main import MainScreen
from workbench.tui.screens.modal import Confirm
from workbench.tui.screens.tour import Tour
from workbench.tui.textual_private import OwnFailure
from workbench.tui.theme import install_themes, theme_folders


class WorkbenchApp(OwnFailure):
    """The workbench on a terminal."""

    CSS_PATH: ClassVar[str] = "app.tcss"
    TITLE = "workbench"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "f2"
    BINDINGS: ClassVar[list[Any]] = [
        Binding("ctrl+c", "interrupt", show=False, priority=False),
        Binding("escape", "leave_tour", show=False, priority=False),
    ]

    def __init__(self, bench: Workbench, *, driver_class: Any = None) -> None:
        super().__init__(driver_class=driver_class)
        self.bench = bench
        self.commands = resolved(bench.config.keys)
        self.notices = Notices()
        self.copying = Copying(self)
        self.tour = Tour(self)
        self.linear = Linear(self, on=bench.config.screen_reader)
        self.set_class(self.linear.on, "linear")
        self._actions: dict[str, Action] | None = None
        self.animation_level = "none"
        self.remote = any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
        taken = shares(bench.config.keymap, self.commands).taken
        for command in self.commands:
            for key in command.keys:
                # On lists single letters are keys; in a field they are text, so the field comes first there.
                first = command.context in ("main", "anywhere", "player") and key not in taken
                self._bindings.bind(key, f"command({command.id!r})", command.title, show=False, priority=first)

    @property
    def main(self) -> MainScreen:
        return self._main

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._ended_from_outside, number)
        # What the end stops stands first: where something here fails, the end would fail of its lack, and hide why.
        self._main = MainScreen(self.bench, self.commands, jump=self.remote or self.linear.on)
        self.following = Following(self)
        self.home = Home(self)
        self.grids = Grids(self)
        for problem in install_themes(self, theme_folders(self.bench.workspace), self.bench.config.theme):
            self.notify(display(f"{problem.message}\n{problem.hint}".strip()), severity="warning", markup=False)
        for doubt in doubtful_keys(self.commands, self.bench.config.keys):
            self.notify(display(doubt), severity="warning", markup=False)
        self.push_screen(self._main)
        if self.linear.on:
            self._main.status.announce = self.linear.take
        self.set_timer(0.3, self.home.report_keymap)
        self.set_timer(0.3, self.following.start)

    def on_template_editor_keymap_changed(self) -> None:
        self.home.show_mode()

    def _ended_from_outside(self, number: int) -> None:
        self._keep_all()
        self.exit(128 + number)

    def _keep_all(self) -> None:
        self._main.editing.drafting.keep_now()
        self._main.running.rescue()

    def failed(self) -> None:
        # Whatever is broken must not hide the failure itself.
        with contextlib.suppress(Exception):
            self._keep_all()

    async def on_unmount(self) -> None:
        await asyncio.gather(self.following.stop(), self.bench.close())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for command in self.commands:
            # What belongs to the main screen can be called from elsewhere: it comes to the front first.
            if command.id != "palette" and command.context in ("anywhere", "main", "panes", self.context):
                yield SystemCommand(command.title, command.help, lambda name=command.id: self.call(name))

    # -- commands ----------------------------------------------------------------------------------------------

    @property
    def context(self) -> str:
        """Which commands work now: those of the full screen in front; none while a question is asked."""
        return str(getattr(self.screen, "context", ""))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key reaches the command of the screen in front; elsewhere it is left to the widgets."""
        if getattr(self.screen, "takes_all_keys", False):
            return action not in ("command", "command_palette", "quit", "interrupt")
        if action != "command":
            return True
        wanted = next((command.context for command in self.commands if command.id == parameters[0]), "")
        return wanted in ("anywhere", self.context) or wanted == getattr(self.screen, "inner_context", None)

    def action_command(self, name: str) -> None:
        self.do(name)

    async def action_quit(self) -> None:
        """The framework's own binding of Ctrl-Q ends here as well, so that text is kept and a run asked about."""
        self.do("quit")

    async def on_event(self, event: events.Event) -> None:
        """A key that is pressed after a notice could be read takes it away."""
        if isinstance(event, events.Key) and self.notices.done():
            self.clear_notifications()
        await super().on_event(event)

    def action_interrupt(self) -> None:
        """Ctrl-C: stops a run, never the app."""
        if self._main.running.busy:
            self.do("stop")
        else:
            self.notify("^Q quits. Unsaved text is kept.", markup=False)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """A notice; for screen readers a line."""
        self.notices.add(message, severity)
        if self.linear.on:
            self.linear.say(message if severity == "information" else f"{severity}: {message}")
        else:
            super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def on_line_list_highlighted(self, event: LineList.Highlighted) -> None:
        if self.linear.on and event.line_list.has_focus:
            self.linear.follow(event.line_list)

    def action_leave_tour(self) -> None:
        """Escape on the main screen closes the tour's line; on others it leaves them first."""
        if self.tour.on and self.context == "main":
            self.tour.leave()

    def do(self, name: str) -> None:
        """Carry out a command by its id; one that takes time goes on by itself."""
        if self._actions is None:
            self._actions = actions(self)
        if told := self.grids.refusal(name):
            self._main.say(told)
            return
        work = self._actions[name]()
        if inspect.iscoroutine(work):
            carry_on(self._main, work, group=f"command-{name}")

    def call(self, name: str) -> None:
        """A command from the palette: one of the main screen brings that to the front."""
        command = next(item for item in self.commands if item.id == name)
        while command.context in ("main", "panes") and self.context != "main" and len(self.screen_stack) > 2:
            self.pop_screen()
        self.do(name)

    async def browse(self) -> None:
        """Open the session browser; a run that is chosen there opens in the main screen."""
        chosen = await self.push_screen_wait(BrowserScreen(self.bench, self.commands))
        if chosen is None:
            await self._main.browsing.refresh()
        else:
            await self._main.browsing.open_run(*chosen)

    async def ask_quit(self) -> None:
        running = self._main.running
        if not await self.grids.may_quit():
            return
        if running.busy and not await self.push_screen_wait(Confirm("A run is going on. Stop it and quit?")):
            return
        if not self._main.editing.drafting.keep_now():
            question = "The unsaved text could not be kept. Quit and lose it?"
            if not await self.push_screen_wait(Confirm(question, yes="lose it", no="stay")):
                return
        await running.stop_all()
        await self.grids.stop()
        if any(handle.save_problem for handle in running.unsaved) and not await self._rescued():
            return
        self.exit(0)

    async def _rescued(self) -> bool:
        """Offer another place for runs that are not on disk; false when somebody would rather stay."""
        place = display(str(self.bench.workspace.state_dir / "unsaved"))
        question = f"A run could not be saved, the disk took nothing. Keep it in {place}?"
        if not await self.push_screen_wait(Confirm(question, yes="keep it there", no="decide later")):
            return False
        problem = await asyncio.to_thread(self._main.running.rescue)
        if not problem:
            return True
        lose: bool | None = await self.push_screen_wait(
            Confirm(f"{problem}\nQuit and lose the run?", yes="lose it", no="stay")
        )
        return bool(lose)


def run_app(workspace: str | Path | None = None, *, model_dirs: Sequence[str | Path] = ()) -> int:
    """Open the app and return its exit code. Raises WorkbenchError before the screen is taken; what the app failed of
    after the terminal was given back.
    """
    bench = open_workbench(workspace, model_dirs=model_dirs)
    # What is loaded by now stays: walking it again and again would hold up keys, most while a long template is read.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # These outrank the terminal itself where the framework asks for the size; exported once, they are wrong later.
    served = os.environ.get("TEXTUAL_DRIVER")
    for name in () if served else ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    # A driver that was asked for by name (the browser's, a test's) is respected.
    app = WorkbenchApp(bench, driver_class=None if served else WorkbenchDriver)
    result = app.run(mouse=bench.config.mouse)
    if app.failure is not None:
        raise app.failure
    return app.return_code or (result if isinstance(result, int) else 0) or 0
