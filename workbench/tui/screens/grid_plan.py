"""The form that makes a grid of the template in the editor: axes, models, repeats, checks; and at once what it costs.

Everything is planned behind the form while it is filled in, so that a wrong value is told at its line before anything
runs. F5, or Enter outside of the fields with several lines, starts; Escape leaves, and what was written is kept.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from workbench.display import counted, display, display_line
from workbench.engine.shelf import names_apart
from workbench.service.grid_plan import Grid
from workbench.tui.background import carry_on
from workbench.tui.grid.planning import Planned, Planning
from workbench.tui.grid.ticks import TickList
from workbench.tui.grid.wish import OPTIONS, Base, Wish, first_wish, header_checks
from workbench.tui.listview import LineList, Row
from workbench.tui.screens.modal import Confirm
from workbench.tui.screens.saying import SayingScreen
from workbench.tui.status import KeyLine
from workbench.tui.textual_private import SoundInput, SoundTextArea

if TYPE_CHECKING:
    from workbench.tui.grid.keeper import Grids

DELAY = 0.3
FIELDS = {
    "repeats": ("repeats", "1"),
    "prompts": ("prompts", "all of the template"),
    "parallel": ("at once", "by the engine"),
    "rows": ("rows file", "CSV or JSONL, each row one value"),
}


class Lines(SoundTextArea):
    """A few lines; Tab goes on to the next field."""

    def __init__(self, text: str, *, id: str) -> None:
        super().__init__(text, id=id, compact=True, soft_wrap=False, tab_behavior="focus", show_line_numbers=True)
        self.highlight_cursor_line = False


class GridPlanScreen(SayingScreen[Grid | None]):
    """Leaves with a grid that can start, or with nothing."""

    context = "grid_plan"
    CSS = """
    GridPlanScreen { background: $background; }
    GridPlanScreen .label { height: 1; color: $text-muted; padding: 0 1; }
    GridPlanScreen .label.wrong { color: $text-error; text-style: bold; }
    GridPlanScreen Lines { height: 4; background: $boost; padding: 0 1; scrollbar-size: 0 0; }
    GridPlanScreen #checks { height: 3; }
    GridPlanScreen #models { height: 3; max-height: 6; padding: 0 1; }
    GridPlanScreen #options { height: 3; padding: 0 1; }
    GridPlanScreen .fields { height: 1; }
    GridPlanScreen .fields .label { width: 11; }
    GridPlanScreen Input { border: none; height: 1; padding: 0 1; background: $boost; width: 1fr; }
    GridPlanScreen #cost { height: auto; max-height: 6; background: $panel; padding: 0 1; }
    GridPlanScreen #cost.wrong { color: $text-error; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    def __init__(self, grids: Grids, base: Base) -> None:
        super().__init__()
        self.grids = grids
        self.base = base
        wish = grids.wishes.get(base.document.path) or first_wish(base.document)
        self.axes = Lines(wish.axes, id="axes")
        self.checks = Lines(wish.checks, id="checks")
        self.models = TickList(widths=(0, 10), id="models", placeholder="Looking for models …")
        self.options = TickList(id="options")
        self.fields = {
            name: SoundInput(getattr(wish, name), id=name, compact=True, placeholder=hint)
            for name, (_, hint) in FIELDS.items()
        }
        self.cost = Static("", id="cost", markup=False)
        self._labels = {name: Static("", classes="label", markup=False) for name in ("axes", "checks")}
        self._first = wish
        self._planning = Planning(grids.app.bench, base)
        self._timer: Timer | None = None
        self._keys = KeyLine(grids.app.commands, "grid_plan")
        self._starting = False

    def compose(self) -> ComposeResult:
        yield Static(Content(f"Grid of {display_line(self.base.document.path)}"), classes="title", markup=False)
        with VerticalScroll(can_focus=False):
            yield self._labels["axes"]
            yield self.axes
            yield Static("Models: Space marks; none is the one of the main screen", classes="label", markup=False)
            yield self.models
            for pair in (("repeats", "prompts"), ("parallel", "rows")):
                with Horizontal(classes="fields"):
                    for name in pair:
                        yield Static(FIELDS[name][0], classes="label", markup=False)
                        yield self.fields[name]
            yield self.options
            yield self._labels["checks"]
            yield self.checks
        yield self.cost
        yield self._keys

    def on_mount(self) -> None:
        self.options.offer([Row(name, (text,)) for name, text in OPTIONS.items()], self._first.options)
        self._label()
        self.axes.focus()
        carry_on(self, self._offer_models(), group="grid-models")

    async def _offer_models(self) -> None:
        entries = await asyncio.to_thread(self.grids.app.bench.models)
        if not self.is_mounted:
            return
        usable = [entry for entry in entries if not entry.problem]
        names = names_apart(usable)
        rows = [Row(str(entry.path), (names[entry.path], entry.header.quant)) for entry in usable]
        self.models.placeholder = "There is no model yet. F8 in the main screen fetches one."
        self.models.offer(rows, self._first.models)
        self._first = Wish()
        self.models.styles.height = max(1, min(6, len(rows)))
        self._changed()

    # -- what was written --------------------------------------------------------------------------------------

    def wish(self) -> Wish:
        """The form as it stands."""
        return Wish(
            axes=self.axes.text,
            checks=self.checks.text,
            models=self.models.ticked or self._first.models,
            options=frozenset(self.options.ticked),
            **{name: field.value for name, field in self.fields.items()},
        )

    def _label(self, *, field: str = "", told: str = "") -> None:
        texts = {
            "axes": "Axes, one a line, like  city = London, Oslo  or  temperature = 0-1 (+0.5)",
            "checks": "Checks, one a line, like  contains=rain",
        }
        above = header_checks(self.base.document)
        texts["checks"] += f"; {above}" if above else ""
        for name, label in self._labels.items():
            label.set_class(name == field, "wrong")
            label.update(Content(display_line(told if name == field else texts[name])))

    def _changed(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self.grids.wishes[self.base.document.path] = self.wish()
        self._timer = self.set_timer(DELAY, lambda: carry_on(self, self._plan(), group="grid-plan"))

    def on_text_area_changed(self) -> None:
        self._changed()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._changed()

    def on_tick_list_ticked(self) -> None:
        self._changed()

    # -- what it costs -----------------------------------------------------------------------------------------

    async def _plan(self) -> Planned | None:
        """Plan what is written now and show it; None when it was overtaken."""
        planned = await self._planning.plan(self.wish(), self._progress)
        if planned is not None and self.is_mounted:
            self._show(planned)
        return planned

    def _progress(self, done: int, total: int) -> None:
        if self.is_mounted:
            self.cost.update(Content(f"planning {done:,} of {total:,}"))

    def _show(self, planned: Planned) -> None:
        self.cost.set_class(planned.error is not None, "wrong")
        # What is wrong stands once: at its field, where that has a line of its own, and what to do about it below.
        at_field = planned.field in self._labels
        below = planned.lines[1:] or ("nothing is planned until this is mended",) if at_field else planned.lines
        self.cost.update(Content(display("\n".join(below))))
        self._label(field=planned.field, told=planned.lines[0] if at_field else "")

    # -- starting and leaving ----------------------------------------------------------------------------------

    def on_input_submitted(self) -> None:
        carry_on(self, self.start(), group="grid-start")

    def on_line_list_selected(self, event: LineList.Selected) -> None:
        carry_on(self, self.start(), group="grid-start")

    async def start(self) -> None:
        """Leave with the grid; asks above the limit of the settings. Stays when something is wrong."""
        if self._starting:
            return
        self._starting = True
        try:
            await self._start()
        finally:
            self._starting = False

    async def _start(self) -> None:
        told = self.grids.refusal_to_start()
        if told:
            self.say(told, error=True)
            return
        planned = await self._planning.plan(self.wish(), self._progress, whole=True)
        if planned is None or not self.is_mounted:
            return
        self._show(planned)
        if planned.grid is None:
            self.say(planned.lines[0], error=True)
            return
        limit = self.grids.app.bench.config.ask_above
        if planned.to_run > limit:
            sure: Any = await self.app.push_screen_wait(
                Confirm(f"Start {counted(planned.to_run, 'run')}?", no="not yet")
            )
            if not sure:
                return
        if self.is_mounted:
            self.dismiss(planned.grid)

    def action_leave(self) -> None:
        self.grids.wishes[self.base.document.path] = self.wish()
        self._planning.forget()
        self.dismiss(None)
