"""The find bar: a line or two at the bottom, the text stays in sight above. Escape leaves it where the match is."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from workbench.display import display_line
from workbench.error import UsageError
from workbench.tui.finding import EditorTarget, Finding, Target
from workbench.tui.once import Once
from workbench.tui.textual_private import SoundInput


class FindScreen(Once, ModalScreen[None]):
    """Moves through the matches of ``finding`` in ``target`` while one types."""

    CSS = """
    FindScreen { background: transparent; align: left bottom; }
    FindScreen > Vertical { height: auto; width: 100%; background: $surface; border-top: solid $accent; }
    FindScreen Horizontal { height: 1; }
    FindScreen .label { width: 9; color: $text-muted; }
    FindScreen SoundInput { width: 1fr; height: 1; border: none; background: $boost; padding: 0 1; }
    FindScreen #found { width: auto; max-width: 60%; padding: 0 1; }
    FindScreen #found.wrong { color: $text-error; text-style: bold; }
    FindScreen .hint { height: auto; max-height: 2; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("down,f3", "step(1)", "Next", show=False),
        Binding("up", "step(-1)", "Before", show=False),
        Binding("alt+x", "flip('regular')", "Regular expression", show=False, priority=True),
        Binding("alt+c", "flip('ignore_case')", "Case", show=False, priority=True),
        Binding("alt+e", "replace", "Replace", show=False, priority=True),
        Binding("alt+a", "replace_all", "Replace all", show=False, priority=True),
    ]

    def __init__(self, finding: Finding, target: Target, *, replace: bool = False) -> None:
        super().__init__()
        self.finding, self.target = finding, target
        self._replace = replace and target.writable
        self._find = SoundInput(finding.pattern, compact=True, id="find")
        self._with = SoundInput(finding.replacement, compact=True, id="replace")
        self._found = Static("", id="found", markup=False)
        self._hint = Static("", classes="hint", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical():
            with Horizontal():
                yield Static("Find", classes="label", markup=False)
                yield self._find
                yield self._found
            if self.target.writable:
                with Horizontal():
                    yield Static("Replace", classes="label", markup=False)
                    yield self._with
            yield self._hint

    def on_mount(self) -> None:
        (self._with if self._replace and self.finding.pattern else self._find).focus()
        self._say_hint()
        self._search()

    def _say_hint(self) -> None:
        regular, case = self.finding.regular, not self.finding.ignore_case
        parts = [
            "Enter next",
            "Up before",
            f"Alt+x regular expression {'on' if regular else 'off'}",
            f"Alt+c case {'on' if case else 'off'}",
        ]
        if self.target.writable:
            parts += ["Alt+e replace", "Alt+a all"]
        self._hint.update(Content(" " + " · ".join([*parts, "Escape"])))

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        self._found.set_class(wrong, "wrong")
        self._found.update(Content(display_line(text)))

    def _search(self) -> None:
        """From the cursor on, as the pattern is now."""
        count = self.finding.search(self.target)
        if count < 0:
            self._tell(self.finding.problem, wrong=True)
        elif not self.finding.pattern:
            self._tell("")
        else:
            self._step(0)

    def _step(self, rows: int) -> None:
        said = self.finding.step(rows)
        self._tell(said, wrong=bool(self.finding.problem) or said == "not found")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if event.input is self._with:
            self.finding.replacement = event.value
        elif event.value != self.finding.pattern:
            self.finding.pattern = event.value
            self._search()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if event.input is self._with:
            self.action_replace()
        else:
            self.action_step(1)

    def action_step(self, rows: int) -> None:
        if self.finding.pattern and not self.finding.problem:
            self._step(rows)

    def action_flip(self, name: str) -> None:
        setattr(self.finding, name, not getattr(self.finding, name))
        self._say_hint()
        self._search()

    def action_replace(self) -> None:
        """The match that is selected; then on to the next."""
        target = self.target
        if not isinstance(target, EditorTarget) or self.finding.problem or not self.finding.pattern:
            return
        try:
            target.editor.replace_one(self.finding.replacement)
        except UsageError as error:
            self._tell(str(error), wrong=True)
        else:
            self._step(0)

    def action_replace_all(self) -> None:
        target = self.target
        if not isinstance(target, EditorTarget) or self.finding.problem or not self.finding.pattern:
            return
        try:
            count = target.editor.replace_all(self.finding.replacement)
        except UsageError as error:
            self._tell(str(error), wrong=True)
            return
        self._tell(f"{count:,} replaced; undo takes all back" if count else "not found", wrong=not count)

    def action_leave(self) -> None:
        if not self.target.writable:
            self.finding.search_ended()
        self.dismiss(None)
