"""What a grid does for its runs on disk: old ones give way to new ones, what was not saved is kept elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.error import StorageError, UsageError
from workbench.session.trash import Trash

if TYPE_CHECKING:
    from workbench.service.run import RunHandle
    from workbench.session.store import Session, SessionStore


async def retire(store: SessionStore, session: Session | None, run_ids: Sequence[str]) -> None:
    """Move runs whose place a later one took to the trash; the later one is on disk."""
    if session is None:
        return
    trash = Trash(store)
    for run_id in run_ids:
        # What cannot be moved stays; the run that ended well counts either way.
        with contextlib.suppress(StorageError, UsageError):
            await asyncio.to_thread(trash.delete_run, session, run_id)


async def rescue(handle: RunHandle) -> str:
    """Keep a run elsewhere that could not be saved; says why and where it is."""
    # Rescued, it has no problem any more.
    problem = handle.save_problem
    try:
        path = await asyncio.to_thread(handle.rescue)
    except StorageError as error:
        return f"{problem}; {error.message}"
    return f"{problem}; kept in {path}"
