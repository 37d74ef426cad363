"""A disk whose calls fail as asked, for the tests of everything that writes."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from workbench.textio import Disk


class FaultDisk(Disk):
    """Calls named in ``faults`` raise that errno; ``space`` is the number of bytes left, None is enough.

    ``calls`` counts every call; ``at`` lets only the n-th call (from 0) of all fail, with errno ``code``.
    """

    def __init__(
        self,
        faults: Mapping[str, int] | None = None,
        *,
        space: int | None = None,
        at: int = -1,
        code: int = errno.EIO,
    ) -> None:
        self.faults = dict(faults or {})
        self.space = space
        self.at = at
        self.code = code
        self.calls: list[str] = []
        self.opened = 0
        self.closed = 0

    def _call(self, name: str) -> None:
        self.calls.append(name)
        code = self.faults.get(name, 0)
        if len(self.calls) - 1 == self.at:
            code = self.code
        if code:
            raise OSError(code, os.strerror(code))

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        self._call("open")
        self.opened += 1
        return super().open(path, flags, mode)

    def write(self, fd: int, data: bytes) -> int:
        self._call("write")
        if self.space is None:
            return super().write(fd, data)
        if data and not self.space:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = super().write(fd, data[: self.space])
        self.space -= count
        return count

    def fsync(self, fd: int) -> None:
        self._call("fsync")
        super().fsync(fd)

    def fdatasync(self, fd: int) -> None:
        self._call("fdatasync")
        super().fdatasync(fd)

    def ftruncate(self, fd: int, size: int) -> None:
        self._call("ftruncate")
        super().ftruncate(fd, size)

    def replace(self, source: Path, target: Path) -> None:
        self._call("replace")
        super().replace(source, target)

    def mkdir(self, path: Path) -> None:
        self._call("mkdir")
        super().mkdir(path)

    def sync_dir(self, path: Path) -> None:
        self._call("sync_dir")
        super().sync_dir(path)

    def close(self, fd: int) -> None:
        self.closed += 1
        super().close(fd)
