"""Changes to ``session.toml``, the one file that several people and programs edit.

The file is read again under a lock and one key of it is changed, so that edits of different keys merge. When
the same key was changed elsewhere since it was read, that is an error and nothing is written.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.error import ConfigError, StorageError
from workbench.session.lineedit import set_key
from workbench.textio import Disk, atomic_write, read_text, toml_loads

LOCK_SECONDS = 2.0
_EXAMPLES = {
    "tags": ' to the form tags = ["a", "b"]',
    "rating": ", to a number from 1 to 5",
    "star": ", to true or false",
}


def edit_session(folder: Path, key: str, value: Any, *, base: Any, table: tuple[str, ...] = (), disk: Disk) -> None:
    """Set one key (None removes it); ``base`` is the value it had when it was read. Raises StorageError,
    ConfigError.
    """
    path = folder / "session.toml"
    with session_lock(folder):
        text = read_text(path) if path.exists() else 'format = 1\nkind = "session"\n'
        current = _get(toml_loads(text, file=str(path)), (*table, key))
        if current is not None and not _alike(current, base if value is None else value):
            raise ConfigError(
                f"{'.'.join([*table, key])} of {folder.name} is written by hand as {current!r}, which it cannot be",
                hint=f"Nothing was written. Mend that line of {path}{_EXAMPLES.get(key, '')}; then repeat the change.",
            )
        if current not in (base, value) and not (current is None and not base):
            raise StorageError(
                f"{key} of {folder.name} was changed elsewhere to {current!r}",
                hint="Nothing was written. Open the session again and repeat the change.",
            )
        changed = set_key(text, key, value, table=table, file=str(path))
        if changed != text:
            write_as_it_was(path, changed, disk=disk)


def write_as_it_was(path: Path, text: str, *, disk: Disk) -> None:
    """With the line ends and the byte order mark that the file has: what was not changed stays. Raises StorageError."""
    try:
        old = path.read_bytes()
    except OSError:
        old = b""
    if old.count(b"\r\n") * 2 > old.count(b"\n"):
        text = text.replace("\n", "\r\n")
    mark = codecs.BOM_UTF8 if old.startswith(codecs.BOM_UTF8) else b""
    atomic_write(path, mark + text.encode(), disk=disk)


def _alike(found: Any, like: Any) -> bool:
    """Whether a value is of the kind that its key takes, as far as ``like`` tells."""
    if isinstance(like, list):
        return isinstance(found, list) and all(isinstance(item, str) for item in found)
    return like is None or type(found) is type(like)


def _get(data: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


@contextlib.contextmanager
def session_lock(folder: Path) -> Iterator[None]:
    """Hold the session's lock; waits 2 s at most. Where the file system has none, goes on without. Raises
    StorageError.
    """
    fd = -1
    try:
        with contextlib.suppress(OSError):
            fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if fd >= 0:
            _wait_for_lock(fd, folder)
        yield
    finally:
        if fd >= 0:
            os.close(fd)


def _wait_for_lock(fd: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise StorageError(
                    f"{folder.name} is being changed by another program", hint="Try again in a moment."
                ) from None
            time.sleep(0.02)
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                return
            raise StorageError(f"cannot lock {folder.name}: {os.strerror(error.errno or 0)}") from error
        else:
            return
