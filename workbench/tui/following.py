"""What the app does when its files were changed by somebody else: it follows, and never overwrites silently.

Without unsaved text the editor follows at once, the cursor stays, and undo brings the old text back. With unsaved text
both are shown, and a person chooses. A theme or setting that is wrong is told; the last good one stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from workbench.config import load_config
from workbench.error import StorageError, WorkbenchError
from workbench.textio import atomic_write, read_text
from workbench.tui.background import carry_on
from workbench.tui.drafting import Buffer
from workbench.tui.screens.conflict import Choice, ConflictScreen
from workbench.tui.theme import doubts, list_themes, reload_theme, theme_folders, use_theme
from workbench.tui.watching import Changed, Place, Watcher
from workbench.workspace import user_config_dir

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

# Somebody who typed this many seconds ago may type on: a screen that opens then would swallow keys.
BUSY_HANDS = 2.0


class Following:
    """Between the watcher's thread and the main screen."""

    def __init__(self, app: WorkbenchApp) -> None:
        self.app = app
        self.main = app.main
        self._waiting: set[Changed] = set()
        self._at_work = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asking = False
        self.watcher = Watcher(self._places, self._arrived, mode=app.bench.config.watch)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.watcher.start()

    async def stop(self) -> None:
        await asyncio.to_thread(self.watcher.stop)

    def _places(self) -> Iterator[Place]:
        space = self.app.bench.workspace
        yield Place("config", space.root, deep=False)
        yield Place("template", space.templates)
        yield Place("wildcard", space.wildcards)
        yield Place("theme", space.themes, deep=False)
        yield Place("config", user_config_dir(), deep=False)
        yield Place("theme", user_config_dir() / "themes", deep=False)
        for folder in self.app.bench.model_folders:
            yield Place("model", folder)

    def _arrived(self, changed: Changed) -> None:
        """In the watcher's thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._queue, changed)

    def _queue(self, changed: Changed) -> None:
        self._waiting.add(changed)
        if not self._at_work and self.main.is_mounted:
            self._at_work = True
            carry_on(self.main, self._work(), group="follow")

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._follow(self._waiting.pop())
        finally:
            self._at_work = False

    async def _follow(self, changed: Changed) -> None:
        if changed.of("template"):
            before = {row.key for row in self.main.templates.rows}
            infos = await self.main.refresh_templates()
            await self.check_file(new=[info.name for info in infos if info.name not in before])
        if changed.of("wildcard") or [path for path in changed.of("template") if path != self._file]:
            # Lists, partials and what is included by name: the prompt is made of them as well.
            await self.main.editing.follow()
        if changed.of("model"):
            await self.main.running.look_for_models()
        if changed.of("config"):
            await self._settings()
        for path in changed.of("theme"):
            self.theme_saved(path)

    # -- the template in the editor ----------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self.app.bench.workspace.root / self.main.editing.buffer.path

    async def check_file(self, *, new: list[str]) -> None:
        """Compare the editor with its file. ``new`` are templates that just appeared."""
        buffer = self.main.editing.buffer
        if not buffer.path or buffer.copy:
            return
        try:
            now = await asyncio.to_thread(read_text, self._file)
        except StorageError:
            if not self._file.exists():
                await self._gone(buffer, new)
            return
        editor, editing = self.main.editor, self.main.editing
        if editing.buffer is not buffer or now == buffer.saved:
            return
        if editor.text == now:
            editing.buffer = Buffer(buffer.path, now, now)
            self.main.retitle()
        elif not editing.dirty:
            self.take(now)
            if self.app.bench.config.run_on_save and not self.main.running.busy:
                await self.main.editing.refresh()
                self.app.do("run")
        else:
            await self._conflict(buffer, now)

    def take(self, text: str) -> None:
        """The file's text into the editor, undoable, the cursor where it was in the text."""
        editing, editor = self.main.editing, self.main.editor
        editing.buffer = replace(editing.buffer, saved=text, base=text)
        editor.follow(text)
        self.main.retitle()
        editing.typed()

    async def _gone(self, buffer: Buffer, new: list[str]) -> None:
        for name in new:
            path = self.app.bench.workspace.templates / name
            try:
                same = await asyncio.to_thread(read_text, path) == buffer.saved
            except StorageError:
                continue
            if same and self.main.editing.buffer is buffer:
                self.main.editing.buffer = replace(buffer, path=f"templates/{name}")
                self.main.editing.drafting.renamed(buffer.draft)
                self.main.retitle()
                self.main.say(f"{buffer.path} is called templates/{name} now; the editor follows.")
                return
        if buffer.saved:
            # Its base is empty now: what the editor holds is unsaved, and a draft keeps it.
            self.main.editing.buffer = replace(buffer, saved="", base="")
            self.main.editing.drafting.changed()
            self.main.retitle()
            self.main.say(f"{buffer.path} was deleted or moved. Its text stays here; ^S writes it again.", error=True)

    async def _conflict(self, buffer: Buffer, now: str) -> None:
        typing = monotonic() - self.main.editor.last_key < BUSY_HANDS
        if self._asking or typing or self.app.screen is not self.main:
            said = f"{buffer.path} was changed by somebody else, and there is unsaved text here."
            self.main.say(f"{said} Alt+V shows both; nothing is written over unasked.", error=True)
            return
        await self.settle(now)

    async def settle(self, now: str | None = None) -> Choice | None:
        """Show the editor's text and the file's, and do what is chosen; None when nothing was."""
        editing = self.main.editing
        buffer = editing.buffer
        if now is None:
            try:
                now = await asyncio.to_thread(read_text, self._file) if buffer.path else ""
            except StorageError as error:
                self.main.tell(error)
                return None
        if not buffer.path or now == self.main.editor.text:
            self.main.say("The editor and the file hold the same text." if buffer.path else "There is no file yet.")
            return None
        self._asking = True
        try:
            screen = ConflictScreen(buffer.path, self.main.editor.text, now, self.app.commands)
            choice: Choice | None = await self.app.push_screen_wait(screen)
        finally:
            self._asking = False
        if choice is None or editing.buffer.path != buffer.path:
            return None
        if choice == "theirs":
            self.take(now)
            self.main.say("The file's text. Undo brings yours back.")
            return choice
        if choice == "both" and not await self._keep_copy(buffer.path, now):
            return None
        # A recorded run's text stays a copy of its own; only what the file holds is known now.
        editing.buffer = replace(editing.buffer, saved=now, base=editing.buffer.base if buffer.copy else now)
        editing.drafting.changed()
        self.main.retitle()
        return choice

    async def _keep_copy(self, path: str, text: str) -> bool:
        root = self.app.bench.workspace.root
        stem = path.removesuffix(".j2")
        names = (f"{stem}.theirs{number or ''}.j2" for number in range(1000))
        name = next(name for name in names if not (root / name).exists())
        try:
            await asyncio.to_thread(atomic_write, root / name, text)
        except StorageError as error:
            self.main.tell(error)
            return False
        self.main.say(f"The other text is kept as {name}. ^S writes yours.")
        await self.main.refresh_templates()
        return True

    # -- settings and themes -----------------------------------------------------------------------------------

    async def _settings(self) -> None:
        bench, old = self.app.bench, self.app.bench.config
        try:
            config = await asyncio.to_thread(load_config, bench.workspace)
        except WorkbenchError as error:
            self.main.say(f"{error}\nThe settings stay as they were.", error=True)
            return
        if config == old:
            return
        bench.config = config
        later = [name for name in ("keys", "keymap", "mouse", "watch") if getattr(config, name) != getattr(old, name)]
        self.main.say("The settings were read again." + f" {', '.join(later)}: from the next start on." * bool(later))
        if config.theme != old.theme:
            themes, _problems = list_themes(theme_folders(bench.workspace))
            theme = themes.get(config.theme)
            try:
                if theme is not None:
                    use_theme(self.app, theme)
            except WorkbenchError as error:
                self.main.tell(error)

    def theme_saved(self, path: Path) -> None:
        """A theme file was saved: seen at once when it is the one in use, and checked in any case."""
        if not path.is_file():
            return
        try:
            theme = reload_theme(self.app, path, only=self.app.theme)
        except WorkbenchError as error:
            self.main.say(f"{error}\nThe last good theme stays.", error=True)
            return
        for doubt in doubts(theme):
            self.main.say(f"{doubt.message}\n{doubt.hint}", error=True)
