"""The template being edited: opening, saving, drafts, and the live preview."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.content import Content

from workbench.error import StorageError
from workbench.realpath import real_path
from workbench.record import missing_texts
from workbench.session.drafts import drop_draft, load_drafts
from workbench.session.ids import new_ulid
from workbench.session.missing import missing_in, missing_words
from workbench.template.prepared import PromptChoice
from workbench.textio import atomic_write, read_text
from workbench.tui.drafting import LOOSE, UNTITLED, Buffer, Drafting, draft_place
from workbench.tui.previewing import LivePreview
from workbench.tui.screens.modal import AskText, Confirm

if TYPE_CHECKING:
    from workbench.record import RunRequest
    from workbench.tui.screens.main import MainScreen

NEW_TEMPLATE = """+++
title = ""

[params]
max_tokens = 200

[slots.topic]
default = "London"
+++
Tell me about {{ topic }}.
"""


class Editing(LivePreview):
    """Everything that happens between keys in the editor and files."""

    def __init__(self, screen: MainScreen) -> None:
        super().__init__(screen)
        self.drafting = Drafting(screen)
        self.opening = True
        """Is the first template still on its way into the editor?"""

    @property
    def dirty(self) -> bool:
        return self.screen.editor.text != self.buffer.base

    def typed(self) -> None:
        """The text or a value changed: draft and preview follow shortly."""
        self.drafting.changed()
        super().typed()

    # -- files -------------------------------------------------------------------------------------------------

    async def open(self, name: str) -> None:
        """Open a template by its name within ``templates/``, or a row of ``loose_rows``.

        Unsaved text of the current one stays as a draft.
        """
        if name.startswith(LOOSE):
            await self.open_draft(name.removeprefix(LOOSE))
            return
        path = self.bench.workspace.templates / name
        try:
            text = await asyncio.to_thread(read_text, path)
        except StorageError as error:
            self.screen.tell(error)
            return
        relative = f"templates/{name}"
        drafts = {draft.template: draft for draft in await asyncio.to_thread(load_drafts, self.bench.workspace)}
        if not await self._left():
            return
        draft = drafts.get(relative)
        await self._show(Buffer(relative, text, text), draft.text if draft is not None else text)
        if draft is None or draft.text == text:
            return
        said = f"Unsaved changes of {name} were kept. ^S saves them, Alt+r goes back to the file."
        self.screen.say(f"{said} The file changed since." if draft.outdated(self.bench.workspace) else said)

    async def open_draft(self, name: str) -> None:
        """Open unsaved text that belongs to no file as it is."""
        found = [
            draft for draft in await asyncio.to_thread(load_drafts, self.bench.workspace) if draft.template == name
        ]
        if not found or not await self._left():
            return
        path, copy = draft_place(name)
        saved = await asyncio.to_thread(self._file_text, path)
        await self._show(Buffer(path, saved, saved if path else NEW_TEMPLATE, copy), found[0].text)
        self.screen.say("Unsaved text was kept. ^S saves it.")

    async def show_run(self, request: RunRequest) -> None:
        """Show a recorded run's template, values and prompt; the file on disk stays as it is."""
        path, source = request.template.path, request.template.source
        if path == UNTITLED and not (self.bench.workspace.root / path).is_file():
            path = ""
        saved = await asyncio.to_thread(self._file_text, path)
        if not await self._left():
            return
        if lost := missing_in(request):
            # A sentence that stands for a text is no value, and no template.
            self.screen.say(missing_words(lost))
            source = saved if "template.source" in lost else source
        whole = {name: value for name, value in request.variables.items() if not any(missing_texts(value))}
        await self.screen.form.fill(whole)
        pattern = request.pattern
        choice = (
            PromptChoice(pattern.index, pattern.order, pattern.seed or 0) if pattern is not None else PromptChoice()
        )
        await self._show(Buffer(path, saved, source, new_ulid()), source, choice=choice)
        self.screen.preview.set_text(request.prompt.plain)
        if self.faulty:
            self.screen.prompt_title.update(Content("Prompt as it was sent: the template has an error"))
        self.screen.preview.dimmed = False
        self.recorded = self._request

    async def show_version(self, path: str, source: str) -> None:
        """Show an earlier version of a template; the file on disk stays as it is until it is saved."""
        saved = await asyncio.to_thread(self._file_text, path)
        if await self._left():
            await self._show(Buffer(path, saved, source, new_ulid()), source)
            self.screen.show_area("edit")
            self.screen.say("An earlier version. ^S writes it over the file, after a question.")

    def _file_text(self, path: str) -> str:
        file = self.bench.workspace.root / path
        try:
            return read_text(file) if path and file.is_file() else ""
        except StorageError:
            return ""

    async def _left(self) -> bool:
        """Keep the text that is about to leave the editor; what cannot be kept is asked about."""
        if self.drafting.keep_now():
            return True
        question = "The unsaved text could not be kept. Leave it behind?"
        answer = await self.screen.app.push_screen_wait(Confirm(question, yes="leave it", no="stay"))
        return bool(answer)

    async def _show(self, buffer: Buffer, text: str, *, choice: PromptChoice | None = None) -> None:
        self.buffer = buffer
        self.rendered = None
        self.choice = choice or PromptChoice()
        self.screen.editor.load_text(text)
        self.screen.editor.error_line = 0
        self.screen.editor.move_cursor((0, 0))
        self.opening = False
        self.screen.retitle()
        await self.refresh()

    def _not_yet(self) -> bool:
        if self.opening:
            self.screen.say("The template is still being opened. Try again when it is there.")
        return self.opening

    async def save(self) -> None:
        """Write the file; asks when there is no name yet or when the file holds something else."""
        if self._not_yet():
            return
        path = self.buffer.path
        if not path:
            name = await self.screen.app.push_screen_wait(AskText("Name of the new template", value="untitled.j2"))
            if not name:
                return
            name = name if name.endswith(".j2") else f"{name}.j2"
            path = f"templates/{name.removeprefix('templates/')}"
        target = self.bench.workspace.root / path
        if not await self._may_write(path, target):
            return
        text, draft = self.screen.editor.text, self.buffer.draft
        try:
            await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
            await asyncio.to_thread(atomic_write, target, text)
        except (StorageError, OSError) as error:
            self.screen.tell(error)
            return
        try:
            await asyncio.to_thread(drop_draft, self.bench.workspace, draft)
            drafts = await asyncio.to_thread(load_drafts, self.bench.workspace)
        except StorageError as error:
            drafts = []
            self.screen.tell(error)
        # The file's own draft may hold another text: then this one goes on under its own name.
        apart = self.buffer.copy if any(kept.template == path for kept in drafts) else ""
        self.buffer = Buffer(path, text, text, apart)
        self.screen.say(f"Saved {path}")
        self.screen.retitle()
        await self.screen.refresh_templates()
        if self.bench.config.run_on_save and not self.screen.running.busy:
            await self.refresh()
            app: Any = self.screen.app
            app.do("run")

    async def _may_write(self, path: str, target: Path) -> bool:
        if not real_path(target).is_relative_to(real_path(self.bench.workspace.templates)):
            self.screen.say(f"{path} lies outside templates/: choose another name", error=True)
            return False
        try:
            now = await asyncio.to_thread(read_text, target) if target.is_file() else ""
        except StorageError as error:
            self.screen.tell(error)
            return False
        buffer = self.buffer
        if buffer.path and not buffer.copy and now not in ("", buffer.base, self.screen.editor.text):
            app: Any = self.screen.app
            return await app.following.settle(now) in ("mine", "both")
        if now in ("", buffer.base if buffer.path else "", self.screen.editor.text):
            return True
        recorded = bool(buffer.copy) and now == buffer.saved
        why = "differs from what this run used" if recorded else "was changed by somebody else meanwhile"
        question = f"{path} {why if buffer.path else 'is there already'}. Write over it?"
        answer = await self.screen.app.push_screen_wait(Confirm(question, yes="write over it", no="keep editing"))
        return bool(answer)

    async def revert(self) -> None:
        """Back to the file's text, or to the recorded one, after a question; undo brings the dropped text back."""
        if self._not_yet():
            return
        buffer = self.buffer
        if not buffer.base:
            self.screen.say("There is no file to go back to.")
            return
        if not self.dirty:
            self.screen.say("Nothing was changed.")
            return
        # Its key is one that a terminal also sends for Escape and a letter.
        question = "Drop the unsaved changes? Undo brings them back."
        answer = await self.screen.app.push_screen_wait(Confirm(question, yes="drop them", no="keep editing"))
        if not answer or self.buffer is not buffer:
            return
        self.screen.editor.replace_text(self.buffer.base)
        self.drafting.keep_now()
        what = "to the text as it was" if self.buffer.copy else "to the file"
        self.screen.say(f"Back {what}. Undo brings the dropped text back.")

    async def new(self) -> None:
        """A new template; the current one's unsaved text stays as a draft."""
        if await self._left():
            # The area first: while this renders, somebody may have gone on to another.
            self.screen.show_area("edit")
            await self._show(Buffer(base=NEW_TEMPLATE, copy=new_ulid()), NEW_TEMPLATE)
            # Where the prompt is written; above stands the header, which must begin the text.
            self.screen.editor.move_cursor((NEW_TEMPLATE.count("\n") - 1, 0))
