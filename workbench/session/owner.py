"""Who writes a run, and whether that process still lives.

Three witnesses: a lock on the recording that the kernel drops with its process; the process id with its start
time, when machine and boot are ours; else only whether the file grows (``store.py`` watches that). A run that
may be alive is never recovered. Names of machines and users are not written: the host is a salted hash of
four hex digits.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from workbench.textio import make_private
from workbench.workspace import user_state_dir

Life = Literal["alive", "dead", "unknown"]


@dataclass(frozen=True, slots=True)
class Owner:
    """A process on a machine since a boot. ``start`` is in the kernel's own unit, 0 if unknown."""

    host: str
    boot: str
    pid: int
    start: int


def _machine() -> tuple[str, str]:
    return _machine_of(user_state_dir() / "salt")


@cache
def _machine_of(salt: Path) -> tuple[str, str]:
    """Hash of the host (and its process namespace, for containers share a kernel), and hash of the boot."""
    namespace = ""
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    host = hashlib.sha256(f"{_salt(salt)}|{socket.gethostname()}|{namespace}".encode()).hexdigest()[:4]
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        import psutil

        boot = str(round(psutil.boot_time() / 10))
    return host, hashlib.sha256(boot.encode()).hexdigest()[:8]


def _salt(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii")
    salt = secrets.token_hex(8)
    try:
        make_private(path.parent)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    except OSError:
        # Without a place to keep it, the name of the host alone must do.
        return ""
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(salt)
    return salt


def _start_time(pid: int) -> int | None:
    """When the process started; 0 if it lives but does not say, None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except OSError:
        return 0
    else:
        # Field 22 of proc(5), counted after the name, which may hold blanks and brackets; field 3 is the
        # state.
        fields = stat.rpartition(b")")[2].split()
        return None if fields[:1] == [b"Z"] else int(fields[19])
    import psutil

    try:
        return round(psutil.Process(pid).create_time() * 100)
    except psutil.NoSuchProcess:
        return None
    except psutil.Error:
        return 0


def myself() -> Owner:
    """This process."""
    host, boot = _machine()
    return Owner(host, boot, os.getpid(), _start_time(os.getpid()) or 0)


def lock_recording(fd: int) -> None:
    """Hold the recording for as long as this process has it open; a file system without locks is left alone."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _locked(path: Path) -> bool:
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def life_of(owner: Owner | None, recording: Path) -> Life:
    """Whether the run's process lives. No ``owner``: the recording does not say."""
    if _locked(recording):
        return "alive"
    if owner is None:
        return "unknown"
    host, boot = _machine()
    if owner.host != host:
        return "unknown"
    if owner.boot != boot:
        return "dead"
    start = _start_time(owner.pid)
    if start is None or (start and owner.start and abs(start - owner.start) > 2):
        return "dead"
    return "alive"
