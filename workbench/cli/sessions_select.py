"""Sessions and runs by what people type: a title, a folder's name, or an id."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.arguments import near
from workbench.error import UsageError

if TYPE_CHECKING:
    from workbench.session.heads import RunHead
    from workbench.session.info import Session
    from workbench.session.store import SessionStore

# Fewer characters than four tell more than a year.
_START = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{3,24}")


def find_session(store: SessionStore, name: str, *, what: str = "session") -> Session:
    """Raises UsageError when there is none, or several have that title."""
    for folder in store.folders():
        if folder.name == name:
            return store.open_session(folder)
    sessions = store.list_sessions()
    found = [session for session in sessions if name in (session.title, session.id)]
    if len(found) == 1:
        return found[0]
    if found:
        folders = ", ".join(session.dir.name for session in found[:5])
        raise UsageError(f"{len(found)} sessions have the title {name!r}", hint=f"Name the folder: {folders}")
    hint = near(name, [session.title for session in sessions]) or "'workbench sessions list' shows what there is."
    raise UsageError(f"there is no {what} {name!r}", hint=hint)


def find_run(store: SessionStore, name: str) -> tuple[Session, str]:
    """The session of a run, and the run's id, of which a unique beginning is enough. Raises UsageError."""
    from workbench.session.ids import is_ulid

    if is_ulid(name.upper()):
        name = name.upper()
    try:
        return store.find_run(name), name
    except UsageError:
        found = _beginning(store, name.upper())
        if found is not None:
            return found
        if any(name in (item.title, item.dir.name, item.id) for item in store.list_sessions()):
            hint = f"'workbench sessions show {shlex.quote(name)}' lists its runs."
            raise UsageError(f"{name!r} is a session; name one of its runs", hint=hint) from None
        hint = "'workbench sessions show SESSION' and 'workbench sessions search WORDS' tell the ids of runs."
        raise UsageError(f"there is no run {name!r}", hint=hint) from None


def find_any(store: SessionStore, name: str) -> tuple[Session, list[str], bool]:
    """As ``find_either``, and a group by its id: the session, the runs that were named (none: the session itself), and
    whether they are a group. Raises UsageError.
    """
    try:
        session, run_id = find_either(store, name)
    except UsageError:
        members = group_members(store, name)
        if not members:
            raise
        return store.open_session(members[0].session_dir), [head.id for head in members], True
    return session, [run_id] if run_id else [], False


def group_members(store: SessionStore, name: str) -> list[RunHead]:
    """The runs of a group (a grid, or what ran side by side) by its id, pane by pane."""
    from workbench.session.heads import heads

    members = [head for head in heads(store) if head.group and head.group in (name, name.upper())]
    return sorted(members, key=lambda head: (head.pane, head.created, head.id))


def _beginning(store: SessionStore, start: str) -> tuple[Session, str] | None:
    """The one run whose id begins so. Raises UsageError when there are several."""
    if not _START.fullmatch(start):
        return None
    found: dict[str, Path] = {}
    for folder in store.folders():
        with contextlib.suppress(OSError):
            for file in os.listdir(folder / "runs"):
                run_id, _, ending = file.partition(".")
                if run_id.startswith(start) and ending in ("toml", "jsonl"):
                    found.setdefault(run_id, folder)
    if len(found) > 1:
        some = ", ".join(sorted(found)[:5]) + (", ..." if len(found) > 5 else "")
        raise UsageError(f"{len(found)} runs have ids that begin with {start}", hint=f"Give more of it: {some}")
    return next(((store.open_session(folder), run_id) for run_id, folder in found.items()), None)


def find_either(store: SessionStore, name: str) -> tuple[Session, str]:
    """A session, and the run's id if ``name`` is a run's, else nothing. Raises UsageError."""
    from workbench.session.ids import is_ulid

    if is_ulid(name.upper()):
        # Sessions have such ids as well.
        with contextlib.suppress(UsageError):
            return find_run(store, name)
    try:
        return find_session(store, name, what="session or run"), ""
    except UsageError:
        # After the titles: a session may be called what an id begins with.
        found = _beginning(store, name.upper())
        if found is None:
            raise
        return found


def named(parser: argparse.ArgumentParser, help_text: str = "a session by title, folder or id") -> None:
    """The argument NAME."""
    parser.add_argument("name", metavar="NAME", help=help_text)
