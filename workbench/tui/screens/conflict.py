"""A file was changed while the editor holds unsaved text: both in one, and a choice. Escape leaves both as they are."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from workbench.compare.diff import diff
from workbench.display import display_line
from workbench.tui.marked import PromptView
from workbench.tui.once import Once
from workbench.tui.screens.difference import inline_text

Choice = Literal["mine", "theirs", "both"]
HELP = " m mine · t theirs · b both: theirs as a copy · Escape decide later"


class ConflictScreen(Once, Screen["Choice | None"]):
    """``m`` keeps the editor's text, ``t`` takes the file's, ``b`` keeps mine and the file's as a copy."""

    context = "conflict"
    CSS = """
    ConflictScreen { background: $background; }
    ConflictScreen .title { height: auto; max-height: 3; background: $panel; padding: 0 1; text-style: bold; }
    ConflictScreen .hint { height: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "choose('mine')", "Mine", show=False),
        Binding("t", "choose('theirs')", "Theirs", show=False),
        Binding("b", "choose('both')", "Both", show=False),
        Binding("escape", "leave", "Later", show=False),
    ]

    def __init__(self, path: str, mine: str, theirs: str, commands: Any) -> None:
        super().__init__()
        self._path = path
        head = f"[- only yours, in the editor -]  {{+ only in the file {path} +}}\n\n"
        self._text, self._marks = inline_text(head, diff(mine, theirs))
        self.view = PromptView()

    def compose(self) -> ComposeResult:
        title = f"{self._path} was changed by somebody else while you have unsaved text"
        yield Static(Content(display_line(title)), classes="title", markup=False)
        yield self.view
        yield Static(Content(HELP), classes="hint", markup=False)

    def on_mount(self) -> None:
        self.view.open_page(self._text, self._marks)

    def action_choose(self, choice: Choice) -> None:
        self.dismiss(choice)

    def action_leave(self) -> None:
        self.dismiss(None)
