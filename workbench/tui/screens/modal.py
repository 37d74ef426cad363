"""Small questions: yes or no, a name, one of a list, a page of text. Escape leaves without doing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from workbench.display import display
from workbench.tui.listview import LineList, Row
from workbench.tui.once import Once
from workbench.tui.stream import StreamView

T = TypeVar("T")
TAKES = "Enter takes it, Escape leaves"

BOX_CSS = """
Box { align: center middle; }
Box > Vertical {
    width: 76; max-width: 96%; height: auto; max-height: 90%;
    border: round $accent; background: $surface; padding: 0 1;
}
Box .title { text-style: bold; height: auto; }
Box .hint { color: $text-muted; height: auto; }
Box LineList { height: auto; max-height: 14; min-height: 3; }
Box StreamView { height: 16; }
Box Input { height: 1; border: none; background: $boost; padding: 0 1; }
"""


class Box(Once, ModalScreen["T | None"], Generic[T]):
    """A framed question over the screen."""

    DEFAULT_CSS = BOX_CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", show=False)]
    DEFAULT_CLASSES = "-box"

    def action_leave(self) -> None:
        self.dismiss(None)


class Confirm(Box[bool]):
    """``y`` or Enter says yes, ``n`` or Escape no."""

    CSS = BOX_CSS.replace("Box", "Confirm")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes", show=False),
        Binding("enter", "yes", "Yes", show=False),
        Binding("n", "leave", "No", show=False),
    ]

    def __init__(self, question: str, *, yes: str = "yes", no: str = "no") -> None:
        super().__init__()
        self._question = question
        self._answers = f"y or Enter {yes} · n or Escape {no}"

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(display(self._question)), classes="title", markup=False)
            yield Static(Content(display(self._answers)), classes="hint", markup=False)

    def action_yes(self) -> None:
        self.dismiss(True)


class AskText(Box[str]):
    """One line of text."""

    CSS = BOX_CSS.replace("Box", "AskText")

    def __init__(self, question: str, *, value: str = "", hint: str = TAKES) -> None:
        super().__init__()
        self._question, self._value, self._hint = question, value, hint

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(display(self._question)), classes="title", markup=False)
            yield Input(self._value, compact=True)
            yield Static(Content(display(self._hint)), classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


async def ask_text(app: App[Any], question: str, value: str = "", hint: str = TAKES) -> str | None:
    """What was typed; None when it was left."""
    answer: str | None = await app.push_screen_wait(AskText(question, value=value, hint=hint))
    return answer


class Choose(Box[str]):
    """One row of a list; ``detail`` says more about the row under the cursor."""

    CSS = BOX_CSS.replace("Box", "Choose")

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        *,
        widths: Sequence[int] = (0,),
        detail: Callable[[str], str] = lambda _key: "Enter takes it, Escape leaves",
        start: str = "",
    ) -> None:
        super().__init__()
        self._title, self._rows, self._widths, self._detail, self._start = title, rows, widths, detail, start

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(display(self._title)), classes="title", markup=False)
            yield LineList(widths=self._widths, placeholder="nothing here")
            yield Static("", classes="hint", id="detail", markup=False)

    def on_mount(self) -> None:
        rows = self.query_one(LineList)
        rows.set_rows(self._rows)
        rows.styles.height = max(3, min(14, len(self._rows)))
        if self._start:
            rows.move_to(self._start)
        if rows.current:
            self._tell(rows.current.key)
        rows.focus()

    def on_line_list_highlighted(self, event: LineList.Highlighted) -> None:
        self._tell(event.key)

    def _tell(self, key: str) -> None:
        self.query_one("#detail", Static).update(Content(display(self._detail(key))))

    def on_line_list_selected(self, event: LineList.Selected) -> None:
        self.dismiss(event.key)


class Page(Box[bool]):
    """Text to read."""

    CSS = BOX_CSS.replace("Box", "Page")

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(display(self._title)), classes="title", markup=False)
            yield StreamView(self._text)
            yield Static("Escape leaves", classes="hint", markup=False)

    def on_mount(self) -> None:
        view = self.query_one(StreamView)
        view.focus()
        view.action_start()
