"""The editor's pattern commands: weights, text into slots and choices, completion."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from workbench.error import WorkbenchError
from workbench.template.document import TemplateDocument
from workbench.tui.listview import Row
from workbench.tui.patternedit import Change, turn, weigh
from workbench.tui.screens.modal import Choose

if TYPE_CHECKING:
    from workbench.tui.screens.main import MainScreen


class PatternWork:
    """What happens to the pattern under the cursor."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen

    def _document(self) -> TemplateDocument | None:
        """The editor's text, if its header can be read; tells what is wrong otherwise."""
        try:
            return self.screen.editing.document()
        except WorkbenchError as error:
            self.screen.tell(error)
            return None

    def weigh(self, step: float) -> None:
        """Change the weight of the selection, or of the word or span at the cursor."""
        document, editor = self._document(), self.screen.editor
        if document is None:
            return
        start, end = editor.selected_offsets()
        change = weigh(document.source, len(document.source) - len(document.body), start, end, step)
        if change is None:
            self.screen.say("There is no word at the cursor to give a weight to.")
            return
        editor.apply_change(change.text, change.start, change.end)

    async def turn(self) -> None:
        """Text becomes a slot, a slot a choice, a choice its first option."""
        document, editor, screen = self._document(), self.screen.editor, self.screen
        if document is None:
            return
        start, end = editor.selected_offsets()
        values = {**{name: spec.default for name, spec in document.header.slots.items()}, **screen.form.variables()}
        change: Change | None = await asyncio.to_thread(self._turned, document, values, start, end)
        if change is None:
            screen.say("Put the cursor on a word, a slot or a choice of the template's body.")
        elif document.source == editor.text:
            editor.apply_change(change.text, change.start, change.end)
            screen.say(f"{change.said}. Undo takes it back.")

    def _turned(self, document: TemplateDocument, values: dict[str, object], start: int, end: int) -> Change | None:
        return turn(document, self.screen.bench.tree(document, set(values)), values, start, end)

    async def complete(self) -> None:
        """Show all that can stand at the cursor; one alone is taken at once."""
        editor = self.screen.editor
        found = editor.completion()
        if found is None:
            self.screen.say("Nothing to complete here: try after {{, {%, |, { or __, or in the header.")
            return
        word: str | None = found.words[0]
        if len(found.words) > 1:
            word = await self.screen.app.push_screen_wait(
                Choose(f"Insert a {found.what}", [Row(item, (item,)) for item in found.words], start=found.words[0])
            )
        if word and editor.completion() == found:
            editor.insert(found.rest(word))
