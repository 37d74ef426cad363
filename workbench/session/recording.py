"""An append-only file that a failing disk cannot spoil.

All bytes are kept in memory until the end. A write that fails is taken back to the last good offset; after a
sync that fails everything since the last good sync is written again, for the kernel may have dropped those
pages and still call them clean. The file is opened once, new, and never a second time.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from workbench.session.owner import lock_recording
from workbench.textio import Disk


class Recording:
    """``append`` is memory only, ``push`` hands to the kernel, ``sync`` makes durable. Thread-safe."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self._disk = disk
        self._lock = threading.RLock()
        self._syncing = threading.Lock()
        self._fd = -1
        self._log = bytearray()
        # Places in the log, and the file's size at each: they part when a torn end could not be cut off.
        self._written = self._written_size = 0
        self._synced = self._synced_size = 0
        self._torn = False

    @property
    def pending(self) -> bool:
        """Whether bytes wait that the kernel does not have."""
        return self._written < len(self._log)

    @property
    def unsynced(self) -> bool:
        return self._synced < len(self._log)

    def append(self, data: bytes) -> None:
        with self._lock:
            self._log += data

    def push(self) -> None:
        """Hand everything appended to the kernel, in one write. Raises OSError, and then the file ends as
        before.
        """
        with self._lock:
            if self._fd < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
                self._fd = self._disk.open(self.path, flags)
                lock_recording(self._fd)
            if not self.pending:
                return
            data = bytes(self._log[self._written :])
            if self._torn:
                data = self._mend() + data
            self._torn = True
            count = self._disk.write(self._fd, data)
            if count < len(data):
                self._mend()
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = False
            self._written = len(self._log)
            self._written_size += len(data)

    def _mend(self) -> bytes:
        """Cut a torn end off; when even that fails, what must stand before the next line."""
        try:
            self._disk.ftruncate(self._fd, self._written_size)
        except OSError:
            self._written_size = self._disk.size(self._fd)
            return b"\n"
        self._torn = False
        return b""

    def sync(self, *, metadata: bool = False) -> None:
        """Wait until what was pushed is durable. Raises OSError; then it all counts as unwritten again."""
        with self._syncing:
            with self._lock:
                target, size = self._written, self._written_size
                if self._fd < 0 or target == self._synced:
                    return
            try:
                # Not under the lock: a slow disk must not keep the streaming thread waiting.
                (self._disk.fsync if metadata else self._disk.fdatasync)(self._fd)
            except OSError:
                with self._lock:
                    self._written, self._written_size = self._synced, self._synced_size
                    self._torn = True
                raise
            self._synced, self._synced_size = target, size

    def content(self) -> bytes:
        """All bytes that were appended."""
        with self._lock:
            return bytes(self._log)

    def close(self) -> None:
        """Give up the file and the memory. Safe to call twice."""
        with self._syncing, self._lock:
            fd, self._fd = self._fd, -1
            self._log = bytearray()
            self._written = self._synced = 0
        if fd >= 0:
            self._disk.close(fd)
