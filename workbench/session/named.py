"""The session that somebody names for what is to be saved: the one there is, or a new one, but never two."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from workbench.session.edit import session_lock
from workbench.textio import make_dirs

if TYPE_CHECKING:
    from workbench.session.info import Session
    from workbench.session.store import SessionStore


def named_session(store: SessionStore, name: str) -> Session:
    """The newest session of that title, folder name or id, or a new one of that title; of a workspace that cannot be
    written one of the same title in the state folder. Programs that ask at the same time get the same one. Raises
    StorageError.
    """
    writable = store.workspace.writable
    root = store.roots[0 if writable else 1]
    with contextlib.suppress(OSError):
        make_dirs(root, disk=store.disk)
    title = " ".join(name.split()) or "untitled"
    # Searched and made under one lock: it is not to be made by another program in between.
    with session_lock(root):
        sessions = store.list_sessions()
        found = [item for item in sessions if title == item.title or name in (item.dir.name, item.id)]
        if found and not writable:
            title = found[0].title
            found = [item for item in sessions if item.unsaved and item.title == title]
        return found[0] if found else store.new_session(title)
