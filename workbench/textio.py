"""Files that are never half written, and TOML that gives every text back exactly.

``atomic_write`` leaves the old file or the new one, nothing between and no temporary file. ``toml_dumps``
leaves structure to ``tomli-w`` and writes texts itself: a model may print anything, so whatever an editor,
git, or a terminal would act upon becomes ``\\uXXXX``. All system calls go through ``Disk``, so that tests can
let each of them fail.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from workbench.error import ConfigError, StorageError


class Disk:
    """The system calls that writing needs, one method each; every one raises OSError. Tests subclass it."""

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), mode)

    def write(self, fd: int, data: bytes) -> int:
        """Bytes written; fewer than given when the disk filled up."""
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def fdatasync(self, fd: int) -> None:
        getattr(os, "fdatasync", os.fsync)(fd)

    def ftruncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def chmod(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def close(self, fd: int) -> None:
        os.close(fd)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def mkdir(self, path: Path) -> None:
        """One folder; an existing one is no error."""
        path.mkdir(exist_ok=True)

    def sync_dir(self, path: Path) -> None:
        """Make names in a folder durable. File systems that cannot are left alone."""
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
                raise
        finally:
            os.close(fd)


DISK = Disk()

_REASONS = {
    errno.ENOSPC: ("disk full", "Make room on that disk; it is tried again."),
    errno.EDQUOT: ("quota used up", "Make room within your quota; it is tried again."),
    errno.EROFS: ("read-only disk", "Choose a folder that can be written."),
    errno.EACCES: ("no permission", "Check who owns the folder."),
    errno.EPERM: ("no permission", "Check who owns the folder."),
    errno.EIO: ("disk error", "The disk may be failing; save elsewhere."),
    errno.ENOENT: ("folder is gone", "The folder was moved or deleted while it was in use."),
}


def disk_reason(error: OSError) -> tuple[str, str]:
    """A few words for what went wrong, and what to do about it."""
    known = _REASONS.get(error.errno or 0)
    return known or (
        error.strerror or str(error),
        "Check the disk and the folder.",
    )


def storage_error(doing: str, path: Path, error: OSError) -> StorageError:
    """``doing`` a file failed: "cannot write …: disk full"."""
    reason, hint = disk_reason(error)
    if doing == "read" and error.errno == errno.ENOENT:
        reason, hint = "it is not there", "Check the name; it may have been moved or deleted meanwhile."
    return StorageError(f"cannot {doing} {path}: {reason}", hint=hint)


def make_dirs(path: Path, *, disk: Disk = DISK) -> None:
    """``path`` and its parents, durably. Raises OSError."""
    if path.is_dir():
        return
    make_dirs(path.parent, disk=disk)
    disk.mkdir(path)
    disk.sync_dir(path.parent)


def make_private(path: Path) -> None:
    """``path`` and what is missing above it, for this user alone, as the XDG specification asks. Raises OSError."""
    if not path.is_dir():
        make_private(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def write_all(fd: int, data: bytes, *, disk: Disk = DISK) -> None:
    """Every byte, or OSError (a disk that takes fewer is full)."""
    view = memoryview(data)
    while view:
        count = disk.write(fd, bytes(view[: 1 << 20]))
        if count <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[count:]


def atomic_write(
    path: Path, data: bytes | str, *, durable: bool = True, mode: int | None = None, disk: Disk = DISK
) -> None:
    """Replace ``path`` by ``data`` in one step; through a symbolic link the file it names. Raises
    StorageError.

    ``durable`` waits until it would survive a power cut. ``mode`` None keeps the old file's permissions.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:100]}.{os.urandom(6).hex()}.tmp")
    try:
        if mode is None:
            with contextlib.suppress(OSError):
                mode = target.stat().st_mode & 0o7777
        _write_new(temporary, content, durable=durable, mode=mode, disk=disk)
        disk.replace(temporary, target)
        if durable:
            disk.sync_dir(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            disk.unlink(temporary)
        raise storage_error("write", path, error) from error


def _write_new(path: Path, content: bytes, *, durable: bool, mode: int | None, disk: Disk) -> None:
    fd = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        if mode is not None:
            disk.chmod(fd, mode)
        write_all(fd, content, disk=disk)
        if durable:
            disk.fsync(fd)
    finally:
        disk.close(fd)


def open_regular(path: Path) -> BinaryIO:
    """A plain file for reading. Raises OSError, also for pipes and devices, on which reading might never end."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    try:
        if stat.S_ISDIR(mode := os.fstat(fd).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def read_text(path: Path, *, limit: int = 16 << 20) -> str:
    """The file's text: a byte order mark is dropped, invalid UTF-8 becomes U+FFFD, CRLF becomes LF.

    Raises StorageError when it cannot be read or has more than ``limit`` bytes.
    """
    try:
        with open_regular(path) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise storage_error("read", path, error) from error
    if len(data) > limit:
        raise StorageError(f"cannot read {path}: larger than {limit} bytes")
    return data.decode("utf-8-sig", "replace").replace("\r\n", "\n")


# -- TOML ----------------------------------------------------------------------------------------------------

# Controls but TAB and LF, DEL, C1, soft hyphen, zero-width, bidi, separators, BOM, interlinear and tag
# characters. The zero-width joiner stays: it holds emoji together and moves nothing.
_UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
_ESCAPE_LINE = re.compile(rf'[\\"\n{_UNSAFE}]|[^\S\n]+\Z')
_ESCAPE_TEXT = re.compile(rf'\\|(?<="")"|"\Z|[{_UNSAFE}]|[^\S\n]+(?=\n|\Z)')
_ESCAPE_REST = re.compile(rf"[{_UNSAFE}]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def _escape(match: re.Match[str]) -> str:
    return "".join(
        f"\\{char}" if char in '\\"' else f"\\u{ord(char):04X}" if ord(char) < 0x10000 else f"\\U{ord(char):08X}"
        for char in match[0]
    )


def toml_string(text: str) -> str:
    """``text`` as a TOML basic string, over several lines when it has several."""
    text = _SURROGATES.sub("\ufffd", text)
    if "\n" in text:
        return f'"""\n{_ESCAPE_TEXT.sub(_escape, text)}"""'
    return f'"{_ESCAPE_LINE.sub(_escape, text)}"'


class _Literal(int):
    """A finished TOML value. ``tomli-w`` writes numbers by ``str()``, and this is one with our own text."""

    literal: str

    def __str__(self) -> str:
        return self.literal


def _literal(text: str) -> _Literal:
    value = _Literal(0)
    value.literal = text
    return value


def _prepared(value: Any) -> Any:
    if isinstance(value, str):
        return _literal(toml_string(value))
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _literal(value.astimezone(UTC).isoformat("T", "milliseconds").replace("+00:00", "Z"))
    if isinstance(value, Mapping):
        return {_SURROGATES.sub("\ufffd", key): _prepared(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_prepared(item) for item in value]
    return value


def toml_dumps(data: Mapping[str, Any]) -> str:
    """TOML whose texts come back exactly; lone surrogates, which TOML cannot hold, become U+FFFD.

    Aware times are written in UTC with milliseconds. Raises TypeError for values that TOML has no form for.
    """
    import tomli_w

    text = tomli_w.dumps(_prepared(data))
    # What is left stands in keys, which are basic strings too when they are not bare.
    return _ESCAPE_REST.sub(_escape, text)


# ``tomllib`` takes time with the square of a key's parts: 200 kB of one key keep it busy for minutes.
KEY_PARTS_LIMIT = 100
# Every alternative matches even without an end, so that nothing is ever tried twice.
_STRING_OR_COMMENT = re.compile(
    r'"""(?:[^"\\]+|\\.?|"(?!""))*(?:"{3,5})?'
    r"|'''(?:[^']+|'(?!''))*(?:'{3,5})?"
    r'|"(?:[^"\\\n]+|\\[^\n]?)*"?'
    r"|'[^'\n]*'?|#[^\n]*",
    re.DOTALL,
)
_PERHAPS_KEY = re.compile(r"[^\n=,\[\]{}]+")


def _line_of_long_key(text: str) -> int:
    """The line, from 1, of a key of more parts than the limit; 0 when there is none."""
    if text.count(".") < KEY_PARTS_LIMIT:
        return 0
    bare = _STRING_OR_COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _PERHAPS_KEY.finditer(bare):
        if match[0].count(".") >= KEY_PARTS_LIMIT:
            return bare.count("\n", 0, match.start()) + 1
    return 0


def toml_loads(text: str, *, file: str = "") -> dict[str, Any]:
    """The data. Raises ConfigError that names file, line and column."""
    try:
        if line := _line_of_long_key(text):
            raise ValueError(f"A key has more than {KEY_PARTS_LIMIT} parts (at line {line}, column 1)")
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        where = f"{file}: " if file else ""
        hint = "A quote, bracket or equals sign may be missing there."
        raise ConfigError(f"{where}not valid TOML: {error}", hint=hint) from error
