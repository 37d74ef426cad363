"""The one screen of the app: lists at the left, the template in the middle, prompt and answer at the right.

Below 100 columns the same four areas become tabs, one at a time.
"""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.events import DescendantFocus, Resize
from textual.widgets import Static

from workbench.display import display_line
from workbench.error import TemplateError
from workbench.event import Failed
from workbench.service import Workbench
from workbench.session.drafts import load_drafts
from workbench.tui.background import carry_on
from workbench.tui.browsing import Browsing
from workbench.tui.drafting import LOOSE, template_rows
from workbench.tui.editing import Editing
from workbench.tui.editor import TemplateEditor
from workbench.tui.form import SlotForm
from workbench.tui.listview import LineList
from workbench.tui.marked import PromptView
from workbench.tui.pane_view import PaneText
from workbench.tui.panes import Panes
from workbench.tui.patternwork import PatternWork
from workbench.tui.running import Running
from workbench.tui.screens.modal import Page
from workbench.tui.screens.saying import SayingScreen
from workbench.tui.screens.tour import OFFER
from workbench.tui.status import KeyLine, StatusLine
from workbench.tui.stream import StreamView

WIDE = 100
AREAS = {"lists": "Lists", "edit": "Template", "preview": "Prompt", "output": "Output"}


class MainScreen(SayingScreen[None]):
    """Holds the widgets; what happens is in ``Editing``, ``Running`` and ``Browsing``."""

    def __init__(self, bench: Workbench, commands: Any, *, jump: bool) -> None:
        super().__init__()
        self.bench = bench
        self.editor = TemplateEditor(id="editor")
        self.form = SlotForm()
        self.preview = PromptView(id="preview", placeholder="The rendered prompt appears here.")
        self.panes = Panes(jump=jump)
        self.templates = LineList(id="templates", placeholder="No templates here. ^N begins one.")
        self.sessions = LineList(id="sessions", placeholder="No runs yet. F5 runs the template.")
        self.status = StatusLine()
        self._keys = KeyLine(commands)
        # Held, not looked for: work that ends after the screen has gone must find nothing missing.
        self._tabs = Static("", id="tabs", markup=False)
        self.edit_title = Static("Template", classes="title", id="edit-title", markup=False)
        self.prompt_title = Static("Prompt", classes="title", id="prompt-title", markup=False)
        self._problem = Static("", id="problem", markup=False)
        self._area = "edit"
        # Commands work from the moment their parts are there.
        self.context = ""

    def compose(self) -> ComposeResult:
        yield self._tabs
        with Container(id="body"):
            with Vertical(id="area-lists"):
                yield Static("Templates", classes="title", markup=False)
                yield self.templates
                yield Static("Sessions", classes="title", markup=False)
                yield self.sessions
            with Vertical(id="area-edit"):
                yield self.edit_title
                yield self.editor
                yield self._problem
                yield Static("Slots", classes="title", id="slots-title", markup=False)
                yield self.form
            with Vertical(id="area-preview"):
                yield self.prompt_title
                yield self.preview
            with Vertical(id="area-output"):
                yield self.panes.strip
                yield self.panes.grid
        yield self.status
        yield self._keys

    async def on_mount(self) -> None:
        self.editing = Editing(self)
        self.panes.bind(self)
        self.running = Running(self)
        self.browsing = Browsing(self)
        self.patterns = PatternWork(self)
        self.context = "main"
        self.show_area("edit")
        carry_on(self, self._start(), group="start")

    async def _start(self) -> None:
        infos = await self.refresh_templates()
        names = [info.name for info in infos]
        drafts = await asyncio.to_thread(load_drafts, self.bench.workspace)
        first = "london.j2" if "london.j2" in names else next(iter(names), "")
        if drafts:
            # What was being written comes back first; the list marks the others.
            name = drafts[0].template.removeprefix("templates/")
            first = name if name in names else LOOSE + drafts[0].template
        if first:
            await self.editing.open(first)
        else:
            await self.editing.new()
        # Also when it could not be read: the editor takes a text of its own then.
        self.editing.opening = False
        recovered = await asyncio.to_thread(self.bench.store.recover)
        if recovered:
            self.say(f"{len(recovered)} run(s) of a program that ended early were kept: see the sessions, sign ?")
        await self.browsing.refresh()
        await self.running.look_for_models()
        app: Any = self.app
        if await asyncio.to_thread(app.tour.offer):
            self.output.placeholder += f"\n\nNew here? {OFFER}."
            self.status.state.hint = OFFER
            self.status.show()

    async def refresh_templates(self) -> list[Any]:
        """Read the template list anew."""
        infos = await asyncio.to_thread(self.bench.templates)
        rows = await asyncio.to_thread(template_rows, self.bench.workspace, infos)
        self.templates.set_rows(rows)
        return infos

    @property
    def output(self) -> StreamView:
        """The text of the pane with the focus."""
        return self.panes.current.view

    @property
    def inner_context(self) -> str:
        """Which single keys work besides this screen's own: those of the panes, while one of them has the focus."""
        if not isinstance(self.focused, PaneText):
            return ""
        return "blind" if self.panes.blind else "panes"

    # -- areas -------------------------------------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < WIDE or self.bench.config.screen_reader, "narrow")
        self.set_class(event.size.height < 20, "short")
        self._draw_tabs()
        if self.context:
            self.panes.arrange()

    def show_area(self, area: str, *, focus: bool = True) -> None:
        """Bring an area to the front where only one is seen, and move the focus there."""
        self._area = area
        if area != "output":
            self.panes.unzoom()
        for name in AREAS:
            self.set_class(name == area, f"-{name}")
        self._draw_tabs()
        targets = {"lists": self.templates, "edit": self.editor, "preview": self.preview, "output": self.output}
        if focus or self.has_class("narrow"):
            # At once, so that keys typed in the same burst arrive there.
            self.set_focus(targets[area])

    def go_to_sessions(self) -> None:
        self.show_area("lists")
        self.set_focus(self.sessions)

    def go_to_slots(self) -> None:
        self.show_area("edit")
        self.form.focus_first()

    def next_area(self) -> None:
        order = list(AREAS)
        self.show_area(order[(order.index(self.area_of_focus()) + 1) % len(order)])

    def area_of_focus(self) -> str:
        """Where the keys go; the area in front when nothing has the focus."""
        node = self.focused
        while node is not None and node is not self:
            if node.id and node.id.startswith("area-"):
                return node.id.removeprefix("area-")
            node = node.parent  # type: ignore[assignment]
        return self._area

    def _draw_tabs(self) -> None:
        content = Content(" ")
        for number, (name, title) in enumerate(AREAS.items(), 1):
            label = f" {number} {title} "
            content += Content.styled(label, "reverse bold") if name == self._area else Content.styled(label, "dim")
        self._tabs.update(content)

    # -- talk --------------------------------------------------------------------------------------------------

    def tell(self, error: BaseException) -> None:
        """An error with its hint."""
        text = str(error)
        if isinstance(error, TemplateError):
            self.problem(text.replace("\n", " "))
        self.say(text, error=True)

    def problem(self, text: str, *, quiet: bool = False) -> None:
        """The line below the editor: what is wrong with the template, or nothing."""
        line = self._problem
        line.display = bool(text)
        line.set_class(not quiet, "wrong")
        line.update(Content(display_line(text)))

    def failed(self, event: Failed) -> None:
        """A run ended by a fault: its text stays, the reason is told, the engine's last words can be read."""
        text = f"{event.message}\n{event.hint}".strip()
        self.output.placeholder = text
        if event.stderr:
            text = f"{text}\n\nThe engine's last words:\n{event.stderr[-4000:]}"
        self.app.push_screen(Page("The run failed; what came is kept", text))

    def retitle(self) -> None:
        mark = " *" if self.editing.dirty else ""
        buffer = self.editing.buffer
        name = display_line(buffer.path or "new template") + (" (a copy)" if buffer.path and buffer.copy else "")
        self.edit_title.update(Content(f"{name}{mark}"))

    # -- messages ----------------------------------------------------------------------------------------------

    def on_text_area_changed(self) -> None:
        self.retitle()
        self.editing.typed()

    def on_text_area_selection_changed(self) -> None:
        if self.context:
            self.editing.tell_row()

    def on_slot_form_changed(self) -> None:
        self.editing.typed()

    def on_template_editor_paste_refused(self, event: TemplateEditor.PasteRefused) -> None:
        self.say(
            f"The paste of {event.size:,} characters is too large (limit {event.limit:,}); use a file slot.", error=True
        )

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        self.panes.focused(event.widget)

    def on_pane_text_scrolled(self, event: PaneText.Scrolled) -> None:
        self.panes.scrolled(event.view)

    async def on_line_list_selected(self, event: LineList.Selected) -> None:
        if event.line_list is self.templates:
            carry_on(self, self.editing.open(event.key), group="open")
            self.show_area("edit")
        elif event.line_list is self.sessions:
            carry_on(self, self.browsing.select(event.key), group="open")
