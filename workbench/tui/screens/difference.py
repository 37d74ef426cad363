"""Two runs beside each other: what went in differently on top, then the texts with what only one of them has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from workbench.compare.changed import Change, changed_inputs, deltas
from workbench.compare.diff import Part, diff
from workbench.compare.similarity import similarity
from workbench.display import display_line
from workbench.session.info import RunRecord
from workbench.tui.marked import PromptView
from workbench.tui.numbers import day_time
from workbench.tui.once import Once
from workbench.tui.status import KeyLine

SIGNS = {"left": ("[-", "-]"), "right": ("{+", "+}")}
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Stretch:
    start: int
    end: int
    kind: str


def difference_text(left: RunRecord, right: RunRecord) -> tuple[str, list[Stretch]]:
    """The page, and which stretches of it only one side has. Signs say the same as the colours. Blocking."""
    one, other = left.result.text, right.result.text
    lines = [f"[- {_name(left)} -]", f"{{+ {_name(right)} +}}", ""]
    lines += [_input(item) for item in changed_inputs(left.request, right.request)] or ["inputs: the same"]
    lines += [f"{item.name}: {item.left:g} -> {item.right:g}" for item in deltas(left.result, right.result)]
    lines += ["the texts are the same" if one == other else f"similarity: {similarity(one, other):.2f}", "", ""]
    return inline_text("\n".join(lines), diff(one, other))


def _name(record: RunRecord) -> str:
    request = record.request
    name = request.template.path.rpartition("/")[2].removesuffix(".j2")
    return f"{day_time(request.created)} {name} on {request.model.file or request.engine}, {request.id}"


def inline_text(head: str, parts: Sequence[Part]) -> tuple[str, list[Stretch]]:
    """``head``, then both texts in one."""
    texts, marks, place = [head], [], len(head)
    for text, kind in _inline(parts):
        texts.append(text)
        if kind:
            marks.append(Stretch(place, place + len(text), kind))
        place += len(text)
    return "".join(texts), marks


def _input(item: Change) -> str:
    return f"{item.name}: {display_line(item.left, LONGEST)} -> {display_line(item.right, LONGEST)}"


def _inline(parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    for part in parts:
        if part.kind == "same":
            yield part.text, ""
        else:
            before, after = SIGNS[part.kind]
            yield f"{before}{part.text}{after}", part.kind


class DifferenceScreen(Once, Screen[None]):
    """A page to read; Escape leaves."""

    context = "difference"
    CSS = """
    DifferenceScreen { background: $background; }
    DifferenceScreen .title { height: 1; background: $panel; padding: 0 1; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    def __init__(self, text: str, marks: Sequence[Stretch], commands: Any, *, title: str = "Two runs") -> None:
        super().__init__()
        self._text, self._marks, self._title = text, list(marks), title
        self.view = PromptView()
        self._keys = KeyLine(commands, "difference")

    def compose(self) -> ComposeResult:
        yield Static(Content(display_line(self._title)), classes="title", markup=False)
        yield self.view
        yield self._keys

    def on_mount(self) -> None:
        self.view.open_page(self._text, self._marks)

    def action_leave(self) -> None:
        self.dismiss(None)
