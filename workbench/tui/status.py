"""The two lines at the bottom: what is going on, and the keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from textual.content import Content
from textual.widgets import Static

from workbench.display import cell_width, display_line
from workbench.tui.commands import Command, key_name


@dataclass
class RunState:
    """What the status line tells. Times in ms, counts in tokens."""

    model: str = ""
    engine: str = ""
    phase: str = "ready"
    tokens: int = 0
    per_second: float = 0.0
    ms_first: int = 0
    context_used: int = 0
    context: int = 0
    problem: str = ""
    hint: str = ""

    def parts(self) -> list[str]:
        """From the most to the least important."""
        out = [self.problem] if self.problem else []
        out.append(self.phase)
        if self.tokens:
            out += [f"{self.tokens} tok", f"{self.per_second:.1f} tok/s"]
        if self.ms_first:
            out.append(f"first {self.ms_first / 1000:.2f} s")
        if self.context:
            out.append(f"ctx {self.context_used}/{self.context}")
        return [*out, self.model, self.engine, self.hint]


class StateHolder(Protocol):
    """Whoever has the state that is told."""

    state: RunState


@dataclass
class _Holder:
    state: RunState = field(default_factory=RunState)


class StatusLine(Static):
    """One line; the least important parts are left out when it is narrow."""

    DEFAULT_CSS = "StatusLine { height: 1; background: $panel; color: $foreground; }"

    def __init__(self) -> None:
        super().__init__("", id="status", markup=False)
        self.holder: StateHolder = _Holder()
        # What goes on behind the screen; it is told first.
        self.aside = ""
        self.mode = ""
        # How many prompts the template stands for; empty for one.
        self.prompts = ""
        # For screen readers: told what changed, in place of a line that is drawn anew all the time.
        self.announce: Callable[[RunState], None] | None = None

    @property
    def state(self) -> RunState:
        """That of the pane with the focus."""
        return self.holder.state

    @state.setter
    def state(self, state: RunState) -> None:
        self.holder.state = state

    def show(self) -> None:
        """Draw the state anew."""
        if self.announce is not None:
            self.announce(self.state)
            self.update(Content(display_line(" · ".join(filter(None, (self.state.model, self.state.engine))))))
            return
        room = max(10, self.size.width - 2)
        line = ""
        for part in [display_line(part) for part in (self.mode, self.aside, *self._parts()) if part]:
            longer = f"{line} · {part}" if line else part
            if cell_width(longer) > room and line:
                continue
            line = longer
        self.update(Content(" " + line))

    def _parts(self) -> list[str]:
        first, *rest = self.state.parts()
        return [first, self.prompts, *rest]

    def on_resize(self) -> None:
        self.show()


class KeyLine(Static):
    """The footer: as many keys as fit."""

    DEFAULT_CSS = "KeyLine { height: 1; color: $text-muted; }"

    def __init__(self, commands: tuple[Command, ...], context: str = "main") -> None:
        super().__init__("", id="keys", markup=False)
        # Every screen but the main one is left by Escape; it stands first, so that it is never cut off.
        self._leave = context != "main"
        here = ("anywhere", context)
        self._commands = [item for item in commands if item.footer and item.keys and item.context in here]

    def on_resize(self) -> None:
        content, width = Content(" "), 1
        if self._leave:
            content, width = Content.assemble(content, Content.styled("Esc", "bold $accent"), " Back "), 10
        for command in self._commands:
            label = f"{key_name(command.keys[0])} {command.footer}"
            if width + len(label) + 1 > self.size.width:
                break
            key = key_name(command.keys[0])
            content = Content.assemble(content, Content.styled(key, "bold $accent"), f" {command.footer} ")
            width += len(label) + 1
        self.update(content)
