"""The parameters of the next runs: one field for each row of the parameter table, checked while typing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from workbench.display import display
from workbench.error import UsageError
from workbench.param import PARAMS, SPECS, Params, params_to_dict, parse_param
from workbench.tui.screens.modal import BOX_CSS, Box

FORM_CSS = """
ParamsScreen VerticalScroll { height: auto; max-height: 16; }
ParamsScreen Horizontal { height: 1; }
ParamsScreen .label { width: 18; color: $text-muted; }
ParamsScreen Input { width: 1fr; }
ParamsScreen .wrong { color: $text-error; text-style: bold; }
"""


def stop_text(strings: Iterable[str]) -> str:
    """Stop strings in quotes, so that blanks and line breaks can be seen and typed."""
    return ", ".join(json.dumps(string, ensure_ascii=False) for string in strings)


def stop_strings(text: str) -> list[str]:
    """The strings of ``"\\n\\n", "END"``; without quotes, what stands between commas. Raises UsageError."""
    if '"' not in text:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        found = json.loads(f"[{text}]")
    except ValueError:
        found = [0]
    if not all(isinstance(item, str) and item for item in found):
        raise UsageError("stop: not a list of texts in quotes", hint='For example: "\\n\\n", "END"')
    return list(found)


class ParamsScreen(Box[dict[str, Any]]):
    """Returns what differs from ``base``; Escape keeps everything as it was."""

    CSS = BOX_CSS.replace("Box", "ParamsScreen") + FORM_CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "accept", "Take", show=False),
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
    ]

    def __init__(self, base: Params, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._base = params_to_dict(base)
        self._values = dict(values)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Parameters of the next runs", classes="title", markup=False)
            with VerticalScroll(can_focus=False):
                for spec in PARAMS:
                    value = self._values.get(spec.name, self._base.get(spec.name, ""))
                    text = stop_text(value) if isinstance(value, list | tuple) else str(value)
                    with Horizontal():
                        yield Static(spec.name, classes="label", markup=False)
                        yield Input(
                            text,
                            name=spec.name,
                            compact=True,
                            placeholder="a new one each run" if spec.optional else "",
                        )
            yield Static("", id="param-help", classes="hint", markup=False)
            yield Static("Enter takes the values, Escape leaves them as they were", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    def on_descendant_focus(self) -> None:
        if isinstance(self.focused, Input):
            self._tell(SPECS[self.focused.name or ""].help)

    def on_input_changed(self, event: Input.Changed) -> None:
        try:
            self._parsed(event.input)
        except UsageError as error:
            self._tell(error.message, wrong=True)
        else:
            self._tell(SPECS[event.input.name or ""].help)

    def on_input_submitted(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        """Take all values, or go to the first wrong one."""
        changed: dict[str, Any] = {}
        for field in self.query(Input).results(Input):
            try:
                value = self._parsed(field)
            except UsageError as error:
                field.focus()
                self._tell(str(error), wrong=True)
                return
            name = field.name or ""
            plain = list(value) if isinstance(value, tuple) else value
            if plain != self._base.get(name):
                changed[name] = plain
        self.dismiss(changed)

    def _parsed(self, field: Input) -> Any:
        name = field.name or ""
        if name == "stop":
            return parse_param(name, stop_strings(field.value))
        return parse_param(name, field.value)

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        line = self.query_one("#param-help", Static)
        line.set_class(wrong, "wrong")
        line.update(Content(display(text)))
