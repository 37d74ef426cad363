"""Sessions and runs by what people type: a title, a folder's name, or an id."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

from workbench.cli.arguments import near
from workbench.error import UsageError

if TYPE_CHECKING:
    from workbench.session.info import Session
    from workbench.session.store import SessionStore


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
    """The session of a run, and the run's id. Raises UsageError."""
    from workbench.session.ids import is_ulid

    if is_ulid(name.upper()):
        name = name.upper()
    return store.find_run(name), name


def find_either(store: SessionStore, name: str) -> tuple[Session, str]:
    """A session, and the run's id if ``name`` is a run's, else nothing. Raises UsageError."""
    from workbench.session.ids import is_ulid

    if is_ulid(name.upper()):
        # Sessions have such ids as well.
        with contextlib.suppress(UsageError):
            return find_run(store, name)
    return find_session(store, name, what="session or run"), ""


def named(parser: argparse.ArgumentParser, help_text: str = "a session by title, folder or id") -> None:
    """The argument NAME."""
    parser.add_argument("name", metavar="NAME", help=help_text)
