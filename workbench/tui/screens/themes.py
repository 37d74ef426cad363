"""Theme picker: the app wears the theme under the cursor; Enter keeps it, Escape goes back to the one before."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.display import display
from workbench.error import WorkbenchError
from workbench.tui.listview import LineList, Row
from workbench.tui.once import Once
from workbench.tui.theme import list_themes, theme_folders, use_theme
from workbench.workspace import Workspace


class ThemeScreen(Once, ModalScreen["str | None"]):
    """Dismissed with the name that was chosen. Broken themes stand at the end, with what is wrong with them."""

    CSS = """
    ThemeScreen { background: transparent; align: right middle; }
    ThemeScreen > Vertical {
        width: 44; max-width: 90%; height: auto; max-height: 80%;
        background: $surface; border: round $accent; padding: 0 1;
    }
    ThemeScreen LineList { height: auto; min-height: 3; max-height: 14; }
    ThemeScreen .title { text-style: bold; height: auto; }
    ThemeScreen .hint { height: auto; max-height: 5; color: $text-muted; }
    """
    BINDINGS: ClassVar = [("escape", "leave", "Back")]

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._themes, self._problems = list_themes(theme_folders(workspace))
        self._list = LineList()
        self._note = Static("", classes="hint", markup=False)
        self._before = ""

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Theme: Enter keeps it, Escape goes back", classes="title", markup=False)
            yield self._list
            yield self._note

    def on_mount(self) -> None:
        self._before = self.app.theme
        rows = [Row(name, (name,)) for name in sorted(self._themes)]
        rows += [
            Row(f"!{number}", (f"! {problem.path.name}",), muted=True) for number, problem in enumerate(self._problems)
        ]
        self._list.set_rows(rows)
        self._list.move_to(self._before)
        self._list.focus()
        self._note.update(Content(display(f'To keep it for good: theme = "{self._before}" in the settings.')))

    def on_line_list_highlighted(self, event: LineList.Highlighted) -> None:
        if event.key.startswith("!"):
            problem = self._problems[int(event.key[1:])]
            message = problem.message.replace(str(problem.path), problem.path.name)
            self._note.update(Content(display(f"{message} {problem.hint}")))
            return
        try:
            use_theme(self.app, self._themes[event.key])
        except WorkbenchError as error:
            self._note.update(Content(display(str(error))))
        else:
            self._note.update(Content(display(f'To keep it for good: theme = "{event.key}" in the settings.')))

    def on_line_list_selected(self, event: LineList.Selected) -> None:
        if not event.key.startswith("!"):
            self.dismiss(event.key)

    def action_leave(self) -> None:
        if self._before in self.app.available_themes:
            self.app.theme = self._before
        self.dismiss(None)
