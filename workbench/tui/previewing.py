"""The live prompt: rendered a moment after the last key, the last good one dimmed while the template is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from textual.content import Content

from workbench.error import TemplateError, WorkbenchError
from workbench.template.document import TemplateDocument, parse_document
from workbench.template.prepared import PromptChoice
from workbench.template.slot import Slot
from workbench.template.trace import Mark, trace
from workbench.tui.background import carry_on
from workbench.tui.drafting import Buffer
from workbench.tui.numbers import number_text
from workbench.tui.rowmarks import DocumentMarks, document_marks
from workbench.tui.screens.modal import ask_text

if TYPE_CHECKING:
    from textual.timer import Timer

    from workbench.template.render import Rendered
    from workbench.tui.screens.main import MainScreen


# Beyond this many characters the prompt's parts are not set off: it would cost a second rendering.
TRACE_LIMIT = 60_000


@dataclass
class _Found:
    """What one rendering gave; the parts before a fault are there."""

    slots: list[Slot] | None = None
    rendered: Rendered | None = None
    error: WorkbenchError | None = None
    count: int = 0
    marks: DocumentMarks | None = None
    traced: tuple[Mark, ...] = ()
    names: Sequence[str] = ()
    lists: Sequence[str] = ()
    faults: list[TemplateError] = field(default_factory=list)


class LivePreview:
    """Renders what the editor and the form hold; ``choice`` says which prompt of a pattern."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.buffer = Buffer()
        self.choice = PromptChoice()
        self.count = 1
        self.rendered: Rendered | None = None
        self._request = 0
        self._timer: Timer | None = None
        self._seen: tuple[str, dict[str, Any]] = ("", {})
        self._notes: list[str] = []
        self.faulty = False
        self._took = 0.0
        # The rendering over which a recorded run's prompt was laid, 0 for none.
        self.recorded = 0

    @property
    def index(self) -> int:
        """Which prompt of a pattern is seen, from 0."""
        return self.choice.index

    @property
    def bench(self) -> Any:
        return self.screen.bench

    def document(self) -> TemplateDocument:
        """The editor's text, parsed. Raises TemplateError."""
        return parse_document(self.screen.editor.text, path=self.buffer.name)

    def typed(self) -> None:
        """The text or a value changed: the prompt follows shortly. What is shown already is not rendered again."""
        if (self.screen.editor.text, self.screen.form.values) == self._seen:
            return
        if self._timer is not None:
            self._timer.stop()
        # A long template is rendered when the hand rests: its rendering takes turns with the drawing of keys.
        delay = min(1.5, max(0.08, 2 * self._took))
        self._timer = self.screen.set_timer(delay, lambda: carry_on(self.screen, self.refresh(), group="preview"))

    async def follow(self) -> None:
        """A list or an included file changed: render anew, unless what is shown is the prompt of a recorded run."""
        if self.recorded != self._request:
            await self.refresh()

    async def refresh(self) -> None:
        """Render anew; an answer that has been overtaken is dropped."""
        self._request += 1
        mine = self._request
        text, path, choice = self.screen.editor.text, self.buffer.name, self.choice
        values = dict(self.screen.form.values)
        self._seen = (text, values)
        began = monotonic()
        found = await asyncio.to_thread(self._render, text, path, values, choice)
        self._took = monotonic() - began
        slots, rendered, error, count = found.slots, found.rendered, found.error, found.count
        if mine != self._request or not self.screen.is_mounted:
            return
        if slots is not None:
            await self.screen.form.show(slots)
            now = dict(self.screen.form.values)
            if mine != self._request or not self.screen.is_mounted:
                return
            if any(values[name] != value for name, value in now.items() if name in values):
                # The header has another default than the one that was rendered with.
                await self.refresh()
                return
            # Defaults came in with the slots: no reason to render again.
            self._seen = (text, now)
        if found.marks is not None and text == self.screen.editor.text:
            self.screen.editor.set_marks(found.marks)
            self.screen.editor.names = found.names
            self.screen.editor.lists = found.lists
        if error is not None:
            self._fault(error)
            return
        self.rendered = rendered
        self._counted(count)
        assert rendered is not None
        editor, preview = self.screen.editor, self.screen.preview
        editor.error_line = 0
        self.faulty = False
        preview.dimmed = False
        preview.set_marked(rendered.prompt.plain, found.traced)
        self._notes = [f"{fault.line}:{fault.column} {fault.message}" for fault in found.faults]
        self._notes += [item.message for item in rendered.warnings if item.code != "unbound-slot"]
        self.tell_row()

    def tell_row(self) -> None:
        """Below the editor: what there is to say about the cursor's row, or else about the template."""
        editor = self.screen.editor
        if editor.error_line:
            return
        said = [f"{editor.line}:{item.start + 1} {item.text}" for item in editor.remarks_at(editor.line - 1)]
        self.screen.problem("; ".join((said or self._notes)[:2]), quiet=True)

    def _render(self, text: str, path: str, values: dict[str, Any], choice: PromptChoice) -> _Found:
        found = _Found()
        try:
            document = parse_document(text, path=path)
            slots = found.slots = self.bench.slots(document, values)
            names = {slot.name for slot in slots}
            empty = {slot.name for slot in slots if slot.spec.default in (None, "")}
            given = {k: v for k, v in values.items() if k in names and (v != "" or k not in empty)}
            tree = self.bench.tree(document, set(given))
            shown = [slot if slot.name not in given else replace(slot, bound=True) for slot in slots]
            if document.header.axes or document.header.checks or "+++" in document.body:
                from workbench.service.header_faults import header_faults

                found.faults = header_faults(self.bench, document)
            shift = document.body_line - 1
            diagnostics = [replace(item, line=item.line + shift) for item in tree.diagnostics]
            found.marks = document_marks(document, tree.spans, diagnostics, shown, found.faults)
            found.names = sorted(names | tree.named_picks.keys())
            found.lists = self.bench.list_names()
            prepared = self.bench.prepare(document, given, preview=True, seed=choice.seed)
            found.count = prepared.count
            if choice.order == "combinatorial":
                choice = PromptChoice(min(choice.index, max(0, found.count - 1)))
            found.rendered = prepared.render(choice)
            if len(text) < TRACE_LIMIT:
                found.traced = trace(prepared, choice, found.rendered)
        except WorkbenchError as error:
            found.error = error
        return found

    def _counted(self, count: int) -> None:
        """Show which of how many prompts is seen; counts are exact, however large."""
        self.count = count
        if self.choice.order != "combinatorial":
            title = f"Prompt drawn by seed {self.choice.seed} of {number_text(count)}"
        else:
            self.choice = PromptChoice(min(self.index, max(0, count - 1)))
            title = "Prompt" if count == 1 else f"Prompt {number_text(self.index + 1)} of {number_text(count)}"
        self.screen.prompt_title.update(Content(title))
        self.screen.status.prompts = "" if count == 1 else f"{number_text(count)} prompts"
        self.screen.status.show()

    async def turn_to(self, index: int) -> None:
        """Show the prompt of that number, from 0; past the ends is the other end."""
        if self.faulty:
            self.screen.say("The template has an error; the line below the editor says which.")
            return
        if self.count < 2:
            self.screen.say("This template stands for one prompt. {a|b} makes a choice.")
            return
        self.choice = PromptChoice(index % self.count)
        await self.refresh()

    async def ask_number(self) -> None:
        """Ask for a number, from 1, and show that prompt."""
        question = f"Number of the prompt, 1 to {number_text(self.count)}"
        answer = await ask_text(self.screen.app, question)
        digits = (answer or "").replace(" ", "").replace(",", "")
        if digits.isdecimal() and 0 < int(digits[:4000]) <= self.count:
            await self.turn_to(int(digits) - 1)
        elif answer:
            self.screen.say(f"There is no prompt of the number {answer}.", error=True)

    def _fault(self, error: WorkbenchError) -> None:
        """The last good preview of this template stays, dimmed; the faulty line is marked."""
        self.screen.preview.dimmed = True
        self.faulty = True
        before = "Prompt as it last was" if self.rendered is not None else "No prompt yet"
        if self.rendered is None:
            # What stands there is another template's.
            self.screen.preview.set_text("")
        self.screen.prompt_title.update(Content(f"{before}: the template has an error"))
        line = 0
        if isinstance(error, TemplateError):
            own = self.buffer.name.removeprefix("templates/")
            line = error.line if error.file.removeprefix("templates/") in (own, "template", "") else 0
        self.screen.editor.error_line = line
        place = f"line {line}: " if line else ""
        self.screen.problem(f"{place}{error.message.rstrip('.')}. {error.hint}".strip())
