"""Unsaved text on its way to the drafts folder: a second after the last key, four seconds after the first.

What is not a file's own text (a new template, the template of a recorded run) has a draft of its own name, so
that no draft ever takes the place of another text.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from workbench.error import StorageError
from workbench.session.drafts import Draft, drop_draft, load_drafts, save_draft
from workbench.tui.background import carry_on
from workbench.tui.listview import Row
from workbench.tui.numbers import when
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from textual.timer import Timer

    from workbench.service import TemplateInfo
    from workbench.tui.screens.main import MainScreen

IDLE_SECONDS = 1.0
LONGEST_SECONDS = 4.0
UNTITLED = "templates/untitled.j2"
LOOSE = "draft:"
_COPY = re.compile(r"(.*)@([0-9A-Z]{26})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Buffer:
    """What the editor holds. ``path`` is the file within the workspace, empty for a new template.

    ``saved`` is the file's text as last read or written, ``base`` the text that counts as unchanged. ``copy`` is an
    id when the text is not the file's own.
    """

    path: str = ""
    saved: str = ""
    base: str = ""
    copy: str = ""

    @property
    def name(self) -> str:
        """For the engine room: a path in any case."""
        return self.path or UNTITLED

    @property
    def draft(self) -> str:
        """The name under which unsaved text is kept."""
        return f"{self.path}@{self.copy}" if self.copy else self.path


def draft_place(name: str) -> tuple[str, str]:
    """The path and the copy's id of a draft's name."""
    found = _COPY.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")


def template_rows(workspace: Workspace, infos: Sequence[TemplateInfo]) -> list[Row]:
    """The template list: files, ``*`` for those with unsaved text, then unsaved text that belongs to no file."""
    drafts = load_drafts(workspace)
    unsaved = {draft.template for draft in drafts}
    files = {f"templates/{info.name}": info for info in infos}
    rows = [
        Row(info.name, (info.name.removesuffix(".j2") + " *" * (path in unsaved),), muted=bool(info.problem))
        for path, info in files.items()
    ]
    return rows + [
        Row(LOOSE + draft.template, (_loose_name(draft),)) for draft in drafts if draft.template not in files
    ]


def _loose_name(draft: Draft) -> str:
    path, _ = draft_place(draft.template)
    return f"{path.removeprefix('templates/').removesuffix('.j2') or 'new'} {when(draft.saved)} (not saved)"


class Drafting:
    """Keeps the buffer of one editor."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self._due = False
        self._since = 0.0
        self._timer: Timer | None = None
        self._lock = threading.Lock()
        self._order = 0
        self._written: dict[str, int] = {}
        self._problem = ""

    def changed(self) -> None:
        """The text changed."""
        now = monotonic()
        if not self._due:
            self._due, self._since = True, now
        if self._timer is not None:
            self._timer.stop()
        wait = max(0.01, min(IDLE_SECONDS, self._since + LONGEST_SECONDS - now))
        self._timer = self.screen.set_timer(wait, self._begin)

    def _begin(self) -> None:
        if self._due:
            self._due = False
            carry_on(self.screen, self._keep(*self._snapshot()), group="draft")

    async def _keep(self, order: int, name: str, text: str | None) -> None:
        try:
            await asyncio.to_thread(self._write, order, name, text)
        except StorageError as error:
            self._failed(error)
        else:
            self._problem = ""

    def renamed(self, old: str) -> None:
        """The buffer has another name now: its draft moves there."""
        self._order += 1
        carry_on(self.screen, self._keep(self._order, old, None), group="draft")
        self.changed()

    def keep_now(self) -> bool:
        """Keep the text before anything else happens; false when it could not be kept."""
        self._due = False
        try:
            self._write(*self._snapshot())
        except StorageError as error:
            self._failed(error)
            return False
        return True

    def _snapshot(self) -> tuple[int, str, str | None]:
        self._order += 1
        buffer, text = self.screen.editing.buffer, self.screen.editor.text
        return self._order, buffer.draft, text if text != buffer.base else None

    def _write(self, order: int, name: str, text: str | None) -> None:
        """Write or drop a draft, unless a younger text was written already."""
        with self._lock:
            if not name or order < self._written.get(name, 0):
                return
            workspace = self.screen.bench.workspace
            if text is None:
                drop_draft(workspace, name)
            else:
                save_draft(workspace, name, text)
            self._written[name] = order

    def _failed(self, error: StorageError) -> None:
        """Tell once of a lasting problem; the next change tries again."""
        self._due = True
        if str(error) != self._problem:
            self._problem = str(error)
            self.screen.tell(error)
