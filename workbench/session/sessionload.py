"""Reads ``session.toml``, whatever people or programs made of it. Never raises on content."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.error import ConfigError, StorageError
from workbench.session.ids import plausible, stamp_time, stored_iso
from workbench.session.info import Session
from workbench.session.version import CURRENT, upgrade, version_of
from workbench.textio import read_text, toml_loads


def read_session(folder: Path, *, unsaved: bool) -> Session:
    """A session by its folder; what is wrong with its file stands in ``problem``."""
    problem = ""
    data: dict[str, Any] = {}
    try:
        data = toml_loads(read_text(folder / "session.toml"), file="session.toml")
    except (StorageError, ConfigError) as error:
        problem = error.message
    unread = bool(problem) and (folder / "session.toml").exists()
    older = version_of("session", data) < CURRENT["session"]
    data = upgrade("session", data)
    version, tags, runs = version_of("session", data), data.get("tags"), data.get("runs")
    created = data.get("created")
    moment = created if isinstance(created, datetime) and created.tzinfo else stamp_time(folder.name)
    if moment is not None and not plausible(moment):
        problem = problem or "its time is impossible; it is listed by the disk's"
    return Session(
        dir=folder,
        id=_text(data, "id") or folder.name,
        title=_text(data, "title") or folder.name,
        created=stored_iso(moment) if moment else "",
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        note=_text(data, "note"),
        runs={key: item for key, item in runs.items() if isinstance(item, dict)} if isinstance(runs, dict) else {},
        problem=problem,
        newer=version > CURRENT["session"],
        older=older,
        unsaved=unsaved,
        unread=unread,
    )


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
