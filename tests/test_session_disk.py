"""A crash or a full disk in the middle of a move, a merge or a deletion loses nothing."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from tests.test_session_arrange import LONG, add_run, state, store
from workbench.error import StorageError
from workbench.session.arrange import merge_sessions, move_run
from workbench.session.ids import new_ulid
from workbench.session.store import SessionStore
from workbench.session.trash import Trash
from workbench.textio import Disk
from workbench.workspace import Workspace

__all__ = ["store"]


class Crash(BaseException):
    """The process is gone: nothing after it is done, cleaning up included."""


class CrashingDisk(Disk):
    """Fails once with an error; without one it stops there, and at every call after."""

    def __init__(self, stop_at: int, error: int = 0) -> None:
        self.left = stop_at
        self.error = error

    def _step(self) -> None:
        self.left -= 1
        if self.left == -1 and self.error:
            raise OSError(self.error, os.strerror(self.error))
        if self.left < 0 and not self.error:
            raise Crash

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        self._step()
        return super().open(path, flags, mode)

    def write(self, fd: int, data: bytes) -> int:
        self._step()
        return super().write(fd, data)

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)

    def unlink(self, path: Path) -> None:
        self._step()
        super().unlink(path)

    def mkdir(self, path: Path) -> None:
        self._step()
        super().mkdir(path)

    def sync_dir(self, path: Path) -> None:
        self._step()
        super().sync_dir(path)


ACTIONS = ["move", "merge", "delete run", "delete session"]


def act(store: SessionStore, action: str) -> None:
    """One action on the sessions ``one`` and ``two``, as far as it is not done yet."""
    by_title = {session.title: session for session in store.list_sessions()}
    one, two = by_title["one"], by_title.get("two")
    if two is None:
        return
    runs = [info.id for info in store.runs(two)]
    if action == "move" and runs:
        move_run(store, two, runs[0], one)
    elif action == "merge":
        merge_sessions(store, [two], one)
    elif action == "delete run" and runs:
        Trash(store).delete_run(two, runs[0])
    elif action == "delete session":
        Trash(store).delete_session(two)


@pytest.mark.parametrize("fault", [0, errno.ENOSPC], ids=["crash", "full"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_crash_or_a_failing_disk_in_the_middle_loses_nothing(
    tmp_path: Path, store: SessionStore, action: str, fault: int
) -> None:
    one = store.new_session("one")
    two = store.new_session("two")
    group = new_ulid()
    run = add_run(two, "text", group=group, variables={"document": LONG})
    (two.dir / "groups").mkdir()
    (two.dir / "groups" / f"{group}.toml").write_text("plan = 1\n")
    store.rate_run(two, run, 4)
    wanted = state(store)
    stops = 0
    for stop in range(200):
        place = tmp_path / f"try{stop}"
        shutil.copytree(store.workspace.root, place)
        space = Workspace(place)
        try:
            act(SessionStore(space, disk=CrashingDisk(stop, fault)), action)
        except (Crash, StorageError):
            stops += 1
        else:
            break
        after = SessionStore(space)
        after.recover()
        if action.startswith("delete"):
            for entry in Trash(after).list_trash():
                Trash(after).undo_delete(entry.token)
        assert state(after) == wanted, stop
        assert [path.read_text() for path in place.rglob(f"{group}.toml")][:1] == ["plan = 1\n"]
        if fault:
            assert not list(space.sessions.rglob("*.tmp"))
        if action == "merge":
            act(after, action)
            assert state(after) == wanted
            assert [
                info.id
                for info in after.runs(
                    after.open_session(space.sessions / one.dir.relative_to(store.workspace.sessions))
                )
            ] == [run]
        shutil.rmtree(place)
    assert stops > 3
