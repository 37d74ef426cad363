"""The form of a template's slots: one field each, made anew only when the slots change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Select, Static

from workbench.display import display_line
from workbench.template.slot import Slot
from workbench.tui.textual_private import SoundInput


class SlotForm(VerticalScroll, can_focus=False):
    """Fields for slots. Values are kept by name, also while a slot is gone for a moment."""

    DEFAULT_CSS = """
    SlotForm { height: auto; max-height: 12; }
    SlotForm Horizontal { height: 1; }
    SlotForm .label { width: 14; height: 1; color: $text-muted; }
    SlotForm .missing { color: $text-warning; text-style: bold; }
    SlotForm Input { height: 1; border: none; padding: 0 1; background: $boost; width: 1fr; }
    SlotForm Input:focus { border: none; background: $surface-lighten-2; }
    SlotForm Select { height: 1; width: 1fr; }
    SlotForm .hint { color: $text-muted; height: auto; }
    """

    class Changed(Message):
        """A value changed."""

    def __init__(self) -> None:
        super().__init__(id="form")
        self.values: dict[str, Any] = {}
        # Defaults that stand in ``values`` because nobody gave anything else.
        self._offered: dict[str, Any] = {}
        self._slots: tuple[Slot, ...] = ()
        # None until the slots of the first template are known: nothing is said of them before.
        self._signature: tuple[Any, ...] | None = None
        self._filling = 0
        # Fields removed before they are quite there end the app, so one making of the form follows another.
        self._making = asyncio.Lock()

    def compose(self) -> ComposeResult:
        yield Static("", markup=False, classes="hint")

    def variables(self) -> dict[str, Any]:
        """Values for a run: what is filled in; an empty field counts only where the slot is declared."""
        declared = {slot.name for slot in self._slots if slot.declared}
        names = {slot.name for slot in self._slots}
        return {
            name: value
            for name, value in self.values.items()
            if name in names and (value != "" or (name in declared and self._default(name) not in (None, "")))
        }

    def _default(self, name: str) -> Any:
        return next((slot.spec.default for slot in self._slots if slot.name == name), None)

    async def show(self, slots: list[Slot]) -> None:
        """Show fields for ``slots``; does nothing when they are the same as before."""
        signature = tuple(
            (slot.name, slot.spec.type, slot.spec.choices, slot.declared, repr(slot.spec.default)) for slot in slots
        )
        self._slots = tuple(slots)
        if signature == self._signature:
            return
        self._signature = signature
        for slot in slots:
            if slot.name in self._offered and self._offered.pop(slot.name) == self.values.get(slot.name):
                self.values.pop(slot.name, None)
            if slot.name not in self.values and slot.spec.default is not None:
                self.values[slot.name] = self._offered[slot.name] = slot.spec.default
        await self._rebuild()

    async def fill(self, values: Mapping[str, Any]) -> None:
        """Set values, as from a recorded run."""
        self.values = dict(values)
        self._offered.clear()
        await self._rebuild()

    async def _rebuild(self) -> None:
        async with self._making:
            self._filling += 1
            try:
                await self.remove_children()
                if not self._slots:
                    said = "" if self._signature is None else "no slots in this template"
                    await self.mount(Static(said, markup=False, classes="hint"))
                    return
                await self.mount(*[self._row(slot) for slot in self._slots])
            finally:
                self._filling -= 1

    def _row(self, slot: Slot) -> Horizontal:
        name = display_line(slot.name, 13)
        label = Static(Content(name), classes="label", markup=False)
        if slot.required and slot.name not in self.variables():
            label.add_class("missing")
        return Horizontal(label, self._field(slot))

    def _field(self, slot: Slot) -> Input | Select[str]:
        text = self._shown(slot.name)
        choices = (
            slot.spec.choices if slot.spec.type == "choice" else ("true", "false") if slot.spec.type == "bool" else ()
        )
        if choices:
            text = text.lower() if slot.spec.type == "bool" else text
            options = [(Content(display_line(choice)), choice) for choice in choices]
            start: Any = text if text in choices else Select.NULL
            return Select(options, value=start, allow_blank=start is Select.NULL, compact=True, name=slot.name)
        hint = (
            slot.spec.example
            or slot.spec.help
            or {"file": "path of a text file", "number": "a number"}.get(slot.spec.type, "")
        )
        return SoundInput(
            value=text, placeholder=display_line(str(hint)), name=slot.name, select_on_focus=False, compact=True
        )

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._set(event.input.name or "", event.value)

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        if event.value is not Select.NULL:
            self._set(event.select.name or "", event.value)

    def _shown(self, name: str) -> str:
        """A value as its field holds it."""
        value = self.values.get(name, "")
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _set(self, name: str, value: Any) -> None:
        if self._filling or self._shown(name) == str(value):
            return
        self._offered.pop(name, None)
        self.values[name] = value
        self.post_message(self.Changed())

    def focus_first(self) -> None:
        """Put the focus on the first field, if there is one."""
        for field in self.query("Input, Select").results():
            self.screen.set_focus(field)
            return
