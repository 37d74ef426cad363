"""The parameters of the next runs: one field for each row of the parameter table, checked while typing.

Under headings, the common ones first. What the chosen engine does not have is shown dimmed and keeps its value. A row
of settings that people know stands at the top: Left and Right choose, Enter fills the fields with one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from workbench.display import display
from workbench.error import UsageError
from workbench.param import PARAMS, PRESETS, SPECS, Group, Params, ParamSpec, params_from, params_to_dict, parse_param
from workbench.tui.screens.modal import BOX_CSS, Box
from workbench.tui.textual_private import SoundInput

FORM_CSS = """
ParamsScreen Fields { height: auto; max-height: 14; }
ParamsScreen Horizontal { height: 1; }
ParamsScreen .label { width: 23; color: $text-muted; }
ParamsScreen .heading { color: $accent; text-style: bold; }
ParamsScreen .lacking { width: 1fr; color: $text-disabled; padding-left: 1; }
ParamsScreen Input { width: 1fr; }
ParamsScreen .wrong { color: $text-error; text-style: bold; }
ParamsScreen .fault { display: none; height: auto; padding-left: 2; color: $text-error; }
ParamsScreen .fault.-shown { display: block; }
ParamsScreen PresetRow { height: 1; }
"""
HEADINGS: Mapping[Group, str] = {
    "common": "",
    "repetition": "Repetition",
    "samplers": "Other samplers",
    "constraints": "What the answer must be",
    "engine": "Engine",
}


def stop_text(strings: Iterable[str]) -> str:
    """Stop strings in quotes, so that blanks and line breaks can be seen and typed."""
    return ", ".join(json.dumps(string, ensure_ascii=False) for string in strings)


def stop_strings(text: str) -> list[str]:
    """The strings of ``"\\n\\n", "END"``; without quotes, what stands between commas. Raises UsageError."""
    if '"' not in text:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        found = json.loads(f"[{text}]")
    except (ValueError, RecursionError):
        found = [0]
    if not all(isinstance(item, str) and item for item in found):
        raise UsageError("stop: not a list of texts in quotes", hint='For example: "\\n\\n", "END"')
    return list(found)


def field_text(spec: ParamSpec, value: Any) -> str:
    """A value as it stands in its field."""
    if value is None:
        return ""
    if spec.name == "logit_bias":
        return json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(value, list | tuple):
        return stop_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


class Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls with the focus: Up and Down go from field to field."""


class PresetRow(Widget, can_focus=True):
    """The names of the presets in a row; one is under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Left", show=False),
        Binding("right", "move(1)", "Right", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    class Chosen(Message):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, last: str) -> None:
        super().__init__()
        self.names = list(PRESETS)
        self.place = self.names.index(last) if last in self.names else 0

    @property
    def current(self) -> str:
        return self.names[self.place]

    def render(self) -> Text:
        line = Text(no_wrap=True)
        for place, name in enumerate(self.names):
            here = place == self.place
            line.append(f" {name} ", Style(reverse=here and self.has_focus, bold=here))
        return line

    def action_move(self, step: int) -> None:
        self.place = (self.place + step) % len(self.names)
        self.refresh()
        self.post_message(self.Chosen(""))

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self.current))

    def on_click(self, event: Click) -> None:
        left = 0
        for place, name in enumerate(self.names):
            if left <= event.x < left + len(name) + 2:
                self.place = place
                self.refresh()
                self.action_choose()
            left += len(name) + 2


class ParamsScreen(Box[dict[str, Any]]):
    """Returns what differs from ``base``; Escape keeps everything as it was.

    ``engine`` is the one that will run, "" when that is not known yet; ``preset`` the one last used. Afterwards
    ``chosen`` names the preset that was filled in, "" for none.
    """

    CSS = BOX_CSS.replace("Box", "ParamsScreen") + FORM_CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "accept", "Take", show=False),
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
    ]

    def __init__(self, base: Params, values: Mapping[str, Any], *, engine: str = "", preset: str = "") -> None:
        super().__init__()
        self._base = params_to_dict(base)
        self._values = dict(values)
        self._engine = engine
        self._preset = preset
        self.chosen = ""
        # Fields that nobody touched keep their value, whatever their text looks like.
        self._shown: dict[str, tuple[str, Any]] = {}

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Parameters of the next runs", classes="title", markup=False)
            yield PresetRow(self._preset)
            with Fields():
                for group, heading in HEADINGS.items():
                    if heading:
                        yield Static(heading, classes="heading", markup=False)
                    for spec in PARAMS:
                        if spec.group == group:
                            yield from self._row(spec)
            yield Static("", id="param-help", classes="hint", markup=False)
            yield Static("Enter takes the values, Escape leaves them as they were", classes="hint", markup=False)

    def _row(self, spec: ParamSpec) -> ComposeResult:
        value = self._values.get(spec.name, self._base.get(spec.name))
        text = field_text(spec, value)
        with Horizontal():
            yield Static(spec.name, classes="label", markup=False)
            if self._engine and self._engine not in spec.engines:
                note = f"{text}  not on {self._engine}"
                yield Static(Content(display(note)), classes="lacking", markup=False)
                return
            self._shown[spec.name] = (text, value)
            hint = "a new one each run" if spec.optional else ""
            yield SoundInput(text, name=spec.name, compact=True, placeholder=hint)
        yield Static("", id=f"fault-{spec.name}", classes="fault", markup=False)

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    def on_descendant_focus(self) -> None:
        if isinstance(self.focused, Input):
            self._explain(self.focused)
        elif isinstance(self.focused, PresetRow):
            self._tell_preset(self.focused.current)

    def on_preset_row_chosen(self, event: PresetRow.Chosen) -> None:
        if not event.name:
            self._tell_preset(self.query_one(PresetRow).current)
            return
        self.chosen = event.name
        for name, value in PRESETS[event.name].items():
            for field in self.query(Input).results(Input):
                if field.name == name:
                    field.value = field_text(SPECS[name], value)
        self._tell(f"{event.name} is filled in. Enter in a field takes the values.")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._explain(event.input)

    def on_input_submitted(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        """Take all values, or go to the first wrong one."""
        changed = {name: value for name, value in self._values.items() if name not in self._shown}
        for field in self.query(Input).results(Input):
            try:
                value = self._parsed(field)
            except UsageError:
                field.focus()
                self._explain(field)
                return
            name = field.name or ""
            if value != self._base.get(name):
                changed[name] = value
        self.dismiss(changed)

    def _parsed(self, field: Input) -> Any:
        """The value of a field as plain data. Raises UsageError."""
        name = field.name or ""
        text, value = self._shown[name]
        if field.value == text:
            return value
        if SPECS[name].kind is tuple and name != "logit_bias":
            return list(parse_param(name, stop_strings(field.value)))
        return params_to_dict(params_from({name: field.value})).get(name)

    def _explain(self, field: Input) -> None:
        """The help of a field; or what is wrong with it, there and under the form."""
        name = field.name or ""
        fault = self.query_one(f"#fault-{name}", Static)
        try:
            self._parsed(field)
        except UsageError as error:
            fault.update(Content(display(error.message)))
            fault.add_class("-shown")
            self._tell(str(error), wrong=True)
        else:
            fault.remove_class("-shown")
            spec = SPECS[name]
            self._tell(f"{spec.help} ({spec.range_text})")

    def _tell_preset(self, name: str) -> None:
        values = ", ".join(f"{key} {value:g}" for key, value in PRESETS[name].items())
        last = ", last used for this model" if name == self._preset else ""
        self._tell(f"{name}: {values}{last}. Enter fills it in.")

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        line = self.query_one("#param-help", Static)
        line.set_class(wrong, "wrong")
        line.update(Content(display(text)))
