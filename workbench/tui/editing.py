"""The template being edited: opening, saving, drafts, and the live preview."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.widgets import Static

from workbench.error import StorageError, TemplateError, WorkbenchError
from workbench.session.drafts import drop_draft, load_drafts, save_draft
from workbench.template.document import TemplateDocument, parse_document
from workbench.template.prepared import PromptChoice
from workbench.template.slot import Slot
from workbench.textio import atomic_write, read_text
from workbench.tui.screens.modal import AskText, Confirm

if TYPE_CHECKING:
    from workbench.template.render import Rendered
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


def number_text(number: int) -> str:
    """A whole number for people: grouped, and as a power of ten when it is very long."""
    if number < 10**15:
        return f"{number:,}"
    digits = len(str(number)) if number < 10**4000 else int(number.bit_length() * 0.30103)
    return f"about 10^{digits - 1}" if number != 10 ** (digits - 1) else f"10^{digits - 1}"


@dataclass
class Buffer:
    """``path`` is relative to the workspace; ``saved`` is the file's text as last read or written."""

    path: str = ""
    saved: str = ""
    unnamed: bool = False


class Editing:
    """Everything that happens between keys in the editor and files."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.buffer = Buffer()
        self._request = 0
        self._typed = 0
        self.rendered: Rendered | None = None
        self._draft_due = False
        self.index = 0
        self.count = 1

    @property
    def bench(self) -> Any:
        return self.screen.bench

    @property
    def dirty(self) -> bool:
        return self.screen.editor.text != self.buffer.saved

    def document(self) -> TemplateDocument:
        """The editor's text, parsed. Raises TemplateError."""
        return parse_document(self.screen.editor.text, path=self.buffer.path or "templates/untitled.j2")

    # -- files -------------------------------------------------------------------------------------------------

    async def open(self, name: str) -> None:
        """Open a template by its name within ``templates/``; unsaved text of the current one stays as a draft."""
        self.keep_draft(force=True)
        path = self.bench.workspace.templates / name
        relative = f"templates/{name}"
        drafts = {draft.template: draft for draft in await asyncio.to_thread(load_drafts, self.bench.workspace)}
        draft = drafts.get(relative)
        only_draft = draft is not None and not path.is_file()
        try:
            text = "" if only_draft else await asyncio.to_thread(read_text, path)
        except StorageError as error:
            self.screen.tell(error)
            return
        self.buffer = Buffer(relative, text, unnamed=only_draft)
        shown = draft.text if draft is not None else text
        await self._show(shown)
        if draft is not None and draft.text != text:
            self.screen.say(f"Unsaved changes of {name} were kept. ^S saves them, Alt+r goes back to the file.")

    async def show_source(self, path: str, source: str, values: dict[str, Any], *, index: int = 0) -> None:
        """Show a recorded run's template; the file on disk stays as it is."""
        self.keep_draft(force=True)
        file = self.bench.workspace.root / path
        try:
            saved = await asyncio.to_thread(read_text, file) if path and file.is_file() else ""
        except StorageError:
            saved = ""
        self.buffer = Buffer(path, saved)
        await self.screen.form.fill(values)
        await self._show(source, index=index)

    async def _show(self, text: str, *, index: int = 0) -> None:
        self.index = index
        self.screen.editor.load_text(text)
        self.screen.editor.error_line = 0
        self.screen.editor.move_cursor((0, 0))
        self.screen.retitle()
        await self.refresh()

    async def save(self) -> None:
        """Write the file; asks when there is no name yet or when the file changed meanwhile."""
        draft = self.buffer.path
        if not self.buffer.path or self.buffer.unnamed:
            name = await self.screen.app.push_screen_wait(AskText("Name of the new template", value="untitled.j2"))
            if not name:
                return
            name = name if name.endswith(".j2") else f"{name}.j2"
            self.buffer = Buffer(f"templates/{name.removeprefix('templates/')}", self.buffer.saved)
        target = self.bench.workspace.root / self.buffer.path
        if not await self._may_write(target):
            return
        text = self.screen.editor.text
        try:
            await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
            await asyncio.to_thread(atomic_write, target, text)
            await asyncio.to_thread(drop_draft, self.bench.workspace, draft or self.buffer.path)
        except (StorageError, OSError) as error:
            self.screen.tell(error)
            return
        self.buffer.saved = text
        self.screen.say(f"Saved {self.buffer.path}")
        self.screen.retitle()
        await self.screen.refresh_templates()

    async def _may_write(self, target: Path) -> bool:
        if not target.resolve().is_relative_to(self.bench.workspace.templates.resolve()):
            self.screen.say(f"{self.buffer.path} lies outside templates/: choose another name", error=True)
            return False
        try:
            now = await asyncio.to_thread(read_text, target) if target.is_file() else ""
        except StorageError as error:
            self.screen.tell(error)
            return False
        if now in ("", self.buffer.saved, self.screen.editor.text):
            return True
        question = f"{self.buffer.path} was changed by somebody else meanwhile. Write over it?"
        answer = await self.screen.app.push_screen_wait(Confirm(question, yes="write over it", no="keep editing"))
        return bool(answer)

    async def revert(self) -> None:
        """Back to the file's text; the dropped text can be had again by undo."""
        if not self.buffer.saved:
            self.screen.say("There is no file to go back to.")
            return
        self.screen.editor.replace_text(self.buffer.saved)
        await asyncio.to_thread(drop_draft, self.bench.workspace, self.buffer.path)
        self.screen.say("Back to the file. Undo brings the dropped text back.")

    async def new(self) -> None:
        """An empty template; the current one's unsaved text stays as a draft."""
        self.keep_draft(force=True)
        # A name of its own, so that no new template takes another one's draft.
        self.buffer = Buffer(f"templates/untitled-{datetime.now():%H%M%S}.j2", unnamed=True)
        await self._show(NEW_TEMPLATE)
        self.screen.show_area("edit")

    def keep_draft(self, *, force: bool = False) -> None:
        """Put unsaved text where a crash cannot reach it. ``force`` does not wait for the editor to tell of changes."""
        if not (self._draft_due or (force and self.dirty)):
            return
        self._draft_due = False
        try:
            if self.dirty:
                save_draft(self.bench.workspace, self.buffer.path or "templates/untitled.j2", self.screen.editor.text)
            else:
                drop_draft(self.bench.workspace, self.buffer.path or "templates/untitled.j2")
        except StorageError as error:
            self.screen.tell(error)

    # -- live preview ------------------------------------------------------------------------------------------

    def typed(self) -> None:
        """The text changed: draft and preview follow shortly."""
        self._typed += 1
        self._draft_due = True
        mine = self._typed
        delay = 0.08 if len(self.screen.editor.text) < 10_000 else 0.3

        def due() -> None:
            if mine == self._typed:
                self.screen.run_worker(self.refresh(), group="preview", exclusive=False)

        self.screen.set_timer(delay, due)
        self.screen.set_timer(1.0, lambda: self.keep_draft() if mine == self._typed else None)

    async def refresh(self) -> None:
        """Render anew; an answer that has been overtaken is dropped."""
        self._request += 1
        mine = self._request
        text, path = self.screen.editor.text, self.buffer.path or "templates/untitled.j2"
        values = dict(self.screen.form.values)
        slots, rendered, error, count = await asyncio.to_thread(self._render, text, path, values, self.index)
        if mine != self._request or not self.screen.is_mounted:
            return
        if slots is not None:
            await self.screen.form.show(slots)
        if error is not None:
            self._fault(error)
            return
        self.rendered = rendered
        self._counted(count)
        assert rendered is not None
        editor, preview = self.screen.editor, self.screen.preview
        editor.error_line = 0
        preview.dimmed = False
        preview.set_text(rendered.prompt.plain)
        notes = [item.message for item in rendered.warnings]
        self.screen.problem("; ".join(notes[:2]), quiet=True)

    def _render(
        self, text: str, path: str, values: dict[str, Any], index: int
    ) -> tuple[list[Slot] | None, Rendered | None, WorkbenchError | None, int]:
        slots: list[Slot] | None = None
        try:
            document = parse_document(text, path=path)
            slots = self.bench.slots(document, values)
            names = {slot.name for slot in slots}
            empty = {slot.name for slot in slots if slot.spec.default in (None, "")}
            given = {k: v for k, v in values.items() if k in names and (v != "" or k not in empty)}
            prepared = self.bench.prepare(document, given, preview=True)
            count = prepared.count
            return slots, prepared.render(PromptChoice(min(index, max(0, count - 1)))), None, count
        except WorkbenchError as error:
            return slots, None, error, 0

    def _counted(self, count: int) -> None:
        """Show which of how many prompts is seen; counts are exact, however large."""
        self.count = count
        self.index = min(self.index, max(0, count - 1))
        title = "Prompt" if count == 1 else f"Prompt {number_text(self.index + 1)} of {number_text(count)}"
        self.screen.query_one("#prompt-title", Static).update(Content(title))

    async def turn_to(self, index: int) -> None:
        """Show the prompt of that number, from 0; past the ends is the other end."""
        if self.count < 2:
            self.screen.say("This template stands for one prompt. {a|b} makes a choice.")
            return
        self.index = index % self.count
        await self.refresh()

    async def ask_number(self) -> None:
        """Ask for a number, from 1, and show that prompt."""
        question = f"Number of the prompt, 1 to {number_text(self.count)}"
        answer: str | None = await self.screen.app.push_screen_wait(AskText(question))
        digits = (answer or "").replace(" ", "").replace(",", "")
        if digits.isdigit() and 0 < int(digits[:4000]) <= self.count:
            await self.turn_to(int(digits) - 1)
        elif answer:
            self.screen.say(f"There is no prompt of the number {answer}.", error=True)

    def _fault(self, error: WorkbenchError) -> None:
        """The last good preview stays, dimmed; the faulty line is marked."""
        self.screen.preview.dimmed = True
        line = 0
        if isinstance(error, TemplateError):
            own = (self.buffer.path or "templates/untitled.j2").removeprefix("templates/")
            line = error.line if error.file.removeprefix("templates/") in (own, "template", "") else 0
        self.screen.editor.error_line = line
        place = f"line {line}: " if line else ""
        self.screen.problem(f"{place}{error.message.rstrip('.')}. {error.hint}".strip())
