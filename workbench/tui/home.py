"""Commands that make the terminal a home: finding, line work, jumping, themes, help for what has the focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from workbench.tui.background import carry_on
from workbench.tui.commands import key_name
from workbench.tui.driver import WorkbenchDriver
from workbench.tui.finding import EditorTarget, Finding, Target, TextTarget
from workbench.tui.helping import help_text
from workbench.tui.jump import JumpScreen, JumpTarget, go_to, targets
from workbench.tui.keymaps import make_keymap, shares
from workbench.tui.keys_in import Escape
from workbench.tui.outside import edit_in_place
from workbench.tui.screens.find import FindScreen
from workbench.tui.screens.keyview import KeyScreen
from workbench.tui.screens.modal import AskText, Page, ask_text
from workbench.tui.screens.themes import ThemeScreen
from workbench.tui.stream import StreamView
from workbench.tui.textual_private import bound_to
from workbench.tui.vimkeys import VimKeys

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp


class Home:
    """Held by the app; what was looked for last lives here."""

    def __init__(self, app: WorkbenchApp) -> None:
        self.app = app
        self.finding = Finding()
        config = app.bench.config
        main = app.main
        main.editor.keymap = make_keymap(config.keymap, main.editor, app.commands, app.do, self._ask_ex)
        if isinstance(app._driver, WorkbenchDriver):
            app._driver.escape = self._escape

    def actions(self) -> Mapping[str, Callable[[], object]]:
        editor = self.app.main.editor
        return {
            "help": self.help,
            "theme": self.pick_theme,
            "notices": self.show_notices,
            "keys": self.view_keys,
            "jump": self.jump,
            "find": self.find,
            "find_next": partial(self.find_on, 1),
            "find_previous": partial(self.find_on, -1),
            "replace": self.replace,
            "go_to_line": self.go_to_line,
            "comment": editor.toggle_comment,
            "indent": partial(editor.indent_rows, 1),
            "outdent": partial(editor.indent_rows, -1),
            "duplicate_line": editor.action_duplicate_line,
            "outside": partial(edit_in_place, self.app, self.app.main),
            "compare_file": self.app.following.settle,
        }

    def help(self) -> None:
        """What has the focus comes first."""
        app = self.app
        inner = ("panes", "blind") if app.screen is app.main else ()
        contexts = ("anywhere", app.context or "main", *inner)
        text = help_text(app.commands, contexts, app.screen.focused, app.bench.config.keymap)
        app.push_screen(Page("Keys", text))

    def show_notices(self) -> None:
        self.app.push_screen(Page("What was told, the newest last", self.app.notices.text))

    def pick_theme(self) -> None:
        self.app.push_screen(ThemeScreen(self.app.bench.workspace))

    async def view_keys(self) -> None:
        """Keys as they arrive, until Escape is pressed twice."""
        editor = self.app.main.editor
        screen = KeyScreen(self.app.commands, lambda key: bound_to(editor, key))
        driver = self.app._driver
        if isinstance(driver, WorkbenchDriver):
            driver.listener = screen.heard
        try:
            await self.app.push_screen_wait(screen)
        finally:
            if isinstance(driver, WorkbenchDriver):
                driver.listener = None

    async def jump(self) -> None:
        """Draw letters, and go where the one that is pressed stands."""
        chosen = await self.app.push_screen_wait(JumpScreen(targets(self.app.screen)))
        if isinstance(chosen, JumpTarget):
            if chosen.widget.is_attached:
                go_to(chosen)
        elif chosen and self.app.screen is self.app.main:
            # The tabs of a narrow screen carry these digits.
            names = ["lists", "edit", "preview", "output"]
            if 1 <= int(chosen) <= len(names):
                self.app.main.show_area(names[int(chosen) - 1])

    # -- presets -----------------------------------------------------------------------------------------------

    def show_mode(self) -> None:
        """The preset's mode, in the status line."""
        main = self.app.main
        label = main.editor.keymap.label if main.editor.keymap is not None else ""
        if main.status.mode != label:
            main.status.mode = label
            main.status.show()

    def report_keymap(self) -> None:
        """Tell once what a preset cannot have."""
        self.show_mode()
        lost = shares(self.app.bench.config.keymap, self.app.commands).lost
        if lost:
            names = ", ".join(f"{key_name(key)} {command.title}" for key, command in lost.items())
            self.app.main.say(f"The keymap leaves these keys to commands: {names}. F1 tells more.")

    def _escape(self) -> Escape:
        """In vim's editor Escape is a key, whatever follows soon after; called in the driver's thread."""
        main = self.app.main
        keymap, screens = main.editor.keymap, self.app.screen_stack
        if not isinstance(keymap, VimKeys) or not screens or screens[-1] is not main or main.focused is not main.editor:
            return "alt"
        return "apart" if keymap.mode == "normal" else "key"

    def _ask_ex(self) -> None:
        carry_on(self.app.main, self.ex_line(), group="ex")

    async def ex_line(self) -> None:
        """A line of vim's: w, q, wq, x, q!, noh or a number."""
        line = await ask_text(self.app, ":", hint="w · q · wq · noh · a line's number")
        main, word = self.app.main, (line or "").strip().lstrip(":")
        if not word:
            return
        if word.isdecimal():
            main.editor.go_to(int(word[:9]))
        elif word in ("w", "wq", "x", "q", "q!", "wq!", "qa"):
            if "w" in word or (word == "x" and main.editing.dirty):
                await main.editing.save()
            if word != "w" and not ("w" in word and main.editing.dirty):
                await self.app.ask_quit()
        elif word in ("noh", "nohlsearch"):
            self.finding.search_ended()
        else:
            main.say(f":{word} is not known here. There are :w :q :wq :noh and a line's number.", error=True)

    # -- finding -----------------------------------------------------------------------------------------------

    def _target(self) -> Target:
        focused = self.app.main.focused
        if isinstance(focused, StreamView):
            return TextTarget(focused, "text")
        return EditorTarget(self.app.main.editor)

    def find(self) -> None:
        """In the text that has the focus, else in the template."""
        target = self._target()
        if isinstance(target, EditorTarget):
            chosen = target.editor.selected_text
            if chosen and "\n" not in chosen and len(chosen) < 200 and not self.finding.regular:
                self.finding.pattern = chosen
        self.app.push_screen(FindScreen(self.finding, target))

    def replace(self) -> None:
        self.app.main.show_area("edit")
        self.app.push_screen(FindScreen(self.finding, EditorTarget(self.app.main.editor), replace=True))

    def find_on(self, rows: int) -> None:
        """The next or previous match of what was looked for last, where the focus is."""
        if not self.finding.pattern:
            self.find()
            return
        target, old = self._target(), self.finding.target
        same = isinstance(target, EditorTarget) if isinstance(old, EditorTarget) else _view(target) is _view(old)
        if self.finding.search(None if same else target) < 0:
            self.app.main.say(self.finding.problem, error=True)
            return
        said = self.finding.step(rows)
        if not said[:1].isdigit():
            self.app.main.say(f"{self.finding.pattern}: {said}")

    def go_to_line(self) -> None:
        """Ask for a line, or line:column, and go there. Asked at once, so that keys typed ahead find the question."""
        count = self.app.main.editor.document.line_count
        self.app.push_screen(AskText(f"Line, 1 to {count:,}, or line:column"), self._line_given)

    def _line_given(self, answer: str | None) -> None:
        main = self.app.main
        if not answer:
            return
        line, _, column = answer.replace(" ", "").partition(":")
        if not line.isdecimal() or (column and not column.isdecimal()):
            main.say(f"{answer} is no line.", error=True)
            return
        main.show_area("edit")
        main.editor.go_to(int(line[:9]), int(column[:9]) if column else 1)


def _view(target: Target | None) -> StreamView | None:
    return target.view if isinstance(target, TextTarget) else None
