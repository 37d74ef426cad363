"""A disk that logs what it was asked to do, and what may be left of it after the power went off at any point.

In the manner of SQLite's crash VFS: what was synced stands; of the rest every sector of 512 bytes may be
there, zero or noise, and the file may end anywhere. Names that were made or replaced since the last sync of
their folder may be missing from some point on.
"""

from __future__ import annotations

import os
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

from workbench.textio import Disk

SECTOR = 512


@dataclass
class Op:
    kind: str
    path: Path = Path()
    file: int = 0
    data: bytes = b""
    target: Path = Path()
    size: int = 0


class PowerDisk(Disk):
    """Works on real files, and logs. ``note`` puts a mark of the test into the log."""

    def __init__(self) -> None:
        self.log: list[Op] = []
        self._lock = threading.Lock()
        self._files: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._made = 0

    def note(self, kind: str, data: str) -> None:
        with self._lock:
            self.log.append(Op(kind, data=data.encode()))

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        with self._lock:
            fd = super().open(path, flags, mode)
            self._made += 1
            self._files[fd] = self._made
            self._sizes[self._made] = 0
            self.log.append(Op("create", path, self._made))
            return fd

    def write(self, fd: int, data: bytes) -> int:
        with self._lock:
            file = self._files[fd]
            self.log.append(Op("write", file=file, data=data))
            self._sizes[file] += len(data)
            return super().write(fd, data)

    def fsync(self, fd: int) -> None:
        with self._lock:
            file = self._files[fd]
            size = self._sizes[file]
        os.fsync(fd)
        with self._lock:
            # Durable is what was there when the call began.
            self.log.append(Op("sync", file=file, size=size))

    def fdatasync(self, fd: int) -> None:
        self.fsync(fd)

    def replace(self, source: Path, target: Path) -> None:
        with self._lock:
            super().replace(source, target)
            self.log.append(Op("replace", source, target=target))

    def sync_dir(self, path: Path) -> None:
        super().sync_dir(path)
        with self._lock:
            self.log.append(Op("sync_dir", path))


@dataclass
class Left:
    """What a power cut left: ``files`` as they are now, ``safe`` what was durable of them."""

    files: dict[Path, bytes] = field(default_factory=dict)
    safe: dict[Path, bytes] = field(default_factory=dict)


def after_power_cut(log: list[Op], noise: random.Random) -> Left:
    """One of the states that the disk may be in when the power goes off after the last entry of ``log``."""
    content: dict[int, bytes] = {}
    synced: dict[int, int] = {}
    durable: dict[Path, int] = {}
    pending: list[Op] = []
    for op in log:
        match op.kind:
            case "create":
                content[op.file], synced[op.file] = b"", 0
                pending.append(op)
            case "write":
                content[op.file] += op.data
            case "sync":
                synced[op.file] = max(synced[op.file], op.size)
            case "replace":
                pending.append(op)
            case "sync_dir":
                for change in [change for change in pending if change.path.parent == op.path]:
                    _apply(durable, change)
                    pending.remove(change)
    for change in pending[: noise.randint(0, len(pending))]:
        _apply(durable, change)
    left = Left()
    for path, file in durable.items():
        left.safe[path] = content[file][: synced[file]]
        left.files[path] = _garbled(content[file], synced[file], noise)
    return left


def _apply(names: dict[Path, int], op: Op) -> None:
    if op.kind == "create":
        names[op.path] = op.file
    elif op.path in names:
        names[op.target] = names.pop(op.path)


def _garbled(data: bytes, safe: int, noise: random.Random) -> bytes:
    out = bytearray(data[:safe])
    end = noise.choice([safe, len(data), noise.randint(safe, len(data))])
    place = safe
    while place < end:
        stop = min(end, (place // SECTOR + 1) * SECTOR)
        fate = noise.randrange(3)
        size = stop - place
        out += data[place:stop] if fate == 0 else bytes(size) if fate == 1 else noise.randbytes(size)
        place = stop
    return bytes(out)
