"""The first lines of run files: which template, which parent, which group, of thousands of runs, without their texts.

A run file has its short keys first and its long texts last, so that a few kilobytes tell how runs hang together. What
cannot be read is left out; nothing here raises on content.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.error import ConfigError
from workbench.session.ids import stored_iso
from workbench.session.store import SessionStore
from workbench.textio import open_regular, toml_loads

HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RunHead:
    """How a run hangs together with others. ``template`` is its path, ``template_sha256`` of its source."""

    id: str
    path: Path
    created: str
    group: str = ""
    pane: int = 0
    parent: str = ""
    changed: tuple[str, ...] = ()
    template: str = ""
    template_sha256: str = ""

    @property
    def session_dir(self) -> Path:
        return self.path.parent.parent

    @property
    def repeats(self) -> bool:
        """Whether it is the same run again, as verifying does."""
        return bool(self.parent) and not self.changed


def heads(store: SessionStore) -> Iterator[RunHead]:
    """Of every run of the workspace, one after another, in no order. Blocking: some 0.2 ms each."""
    for session in store.list_sessions():
        yield from session_heads(session.dir)


def session_heads(folder: Path) -> Iterator[RunHead]:
    """Of the runs of one session's folder."""
    try:
        paths = sorted((folder / "runs").glob("[!.]*.toml"))
    except OSError:
        return
    for path in paths:
        if (head := read_run_head(path)) is not None:
            yield head


def read_run_head(path: Path) -> RunHead | None:
    """None when the file is gone or says nothing."""
    try:
        with open_regular(path) as file:
            data = _tables(file.read(HEAD_BYTES))
    except OSError:
        return None
    if not data:
        return None
    table = data.get("template")
    template: dict[str, Any] = table if isinstance(table, dict) else {}
    created, pane, changed = data.get("created"), data.get("pane"), data.get("changed")
    return RunHead(
        id=path.stem,
        path=path,
        created=stored_iso(created) if isinstance(created, datetime) and created.tzinfo else _text(created),
        group=_text(data.get("group")),
        pane=pane if isinstance(pane, int) else 0,
        parent=_text(data.get("parent")),
        changed=tuple(_text(item) for item in changed) if isinstance(changed, list) else (),
        template=_text(template.get("path")),
        template_sha256=_text(template.get("sha256")),
    )


def _tables(data: bytes) -> dict[str, Any]:
    """The keys up to the template's source, which may be long."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    head = text.partition("\nsource = ")[0]
    if len(head) == len(text):
        head = text.rpartition("\n")[0]
    try:
        return toml_loads(head)
    except ConfigError:
        return {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
