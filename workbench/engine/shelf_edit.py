"""Remove, rename and move model files: inside the model folders only, and never one that an engine holds.

An engine's child holds a shared lock on its file, so that every workbench on the machine sees it. A split model is
removed and moved with all its parts. Nothing that exists is overwritten.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.engine.compat import mark_of
from workbench.engine.download import SPARE, FetchProgress
from workbench.engine.memory import size_text
from workbench.engine.shelf import HASHES, remember_sha256, remembered_sha256
from workbench.engine.verify import SOURCES, hash_file
from workbench.error import ModelError, StorageError, UsageError
from workbench.realpath import real_path
from workbench.textio import storage_error

_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")


@dataclass(frozen=True, slots=True)
class Removed:
    """The files that went, copies made of them included, and the bytes that the disk got back."""

    paths: tuple[Path, ...]
    bytes: int


def files_of(path: Path) -> tuple[Path, ...]:
    """The file, or all parts of the split model that it belongs to."""
    if (match := _PART.fullmatch(path.name)) is None:
        return (path,)
    pattern = re.compile(rf"{re.escape(match[1])}-\d{{5}}-of-{match[3]}\.gguf")
    return tuple(sorted(item for item in path.parent.iterdir() if pattern.fullmatch(item.name)))


def in_use(path: Path) -> bool:
    """Whether an engine, of this workbench or another, has the file loaded."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a disk without locks
    finally:
        os.close(descriptor)
    return False


def check_removable(path: Path, folders: Sequence[Path]) -> tuple[Path, ...]:
    """The files that would go. Raises ModelError, UsageError when they may not."""
    _inside(path, folders)
    files = files_of(path)
    for file in files:
        if not file.is_symlink():
            _refuse_used(file)
    return files


def remove_model(path: Path, folders: Sequence[Path], *, copies: Path | None = None) -> Removed:
    """Remove a model's files, and the copies made of it in the folder ``copies``. Blocking.

    Raises UsageError outside the model folders, ModelError while it is in use, StorageError.
    """
    files = check_removable(path, folders)
    mark = mark_of(path)
    if copies is not None and mark and not path.is_symlink():
        files += tuple(copy for copy in sorted(copies.glob(f"*.{mark}.gguf")) if not in_use(copy))
    freed, gone = 0, []
    for file in files:
        link, real = file.is_symlink(), str(real_path(file))
        try:
            status = file.lstat()
            file.unlink()
        except OSError as error:
            raise storage_error("remove", file, error) from error
        gone.append(file)
        if not link:
            freed += status.st_size if status.st_nlink == 1 else 0
            _forget(real)
    return Removed(tuple(gone), freed)


def rename_model(path: Path, name: str, folders: Sequence[Path]) -> Path:
    """Give a file another name in its folder; ``.gguf`` is added. Raises UsageError, ModelError, StorageError."""
    files = check_removable(path, folders)
    if not name or "/" in name or os.sep in name or name.startswith(".") or "\0" in name:
        raise UsageError(f"a model cannot be called {name!r}", hint="A file name without folders and leading dot.")
    if len(files) > 1:
        raise UsageError("the parts of a split model keep their names", hint="Its parts find each other by name.")
    target = path.with_name(name if name.lower().endswith(path.suffix.lower()) else name + path.suffix)
    _refuse_existing(target)
    return _rename(path, target)


def move_model(
    path: Path,
    folder: Path,
    folders: Sequence[Path],
    *,
    on_progress: Callable[[FetchProgress], None],
    cancel: threading.Event | None = None,
) -> Path:
    """Move a model, with all its parts, into ``folder``; to another disk by a copy that is read again. Blocking.

    Raises UsageError, ModelError, StorageError, FetchCancelled; then every file is where it was, or both.
    """
    files = check_removable(path, folders)
    # The last folder is made; more that is missing is a slip of the keys.
    if not folder.parent.is_dir():
        raise UsageError(f"there is no folder {folder.parent}", hint="Make it first, or name another one.")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error("make", folder, error) from error
    for file in files:
        _refuse_existing(folder / file.name)
    for file in files:
        try:
            _rename(file, folder / file.name)
        except StorageError as error:
            if not (isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EXDEV):
                raise
            _copy_over(file, folder / file.name, on_progress, cancel)
    return folder / path.name


def _rename(path: Path, target: Path) -> Path:
    known, source = remembered_sha256(path), str(real_path(path))
    fetched = SOURCES.get(source)
    try:
        os.rename(path, target)
    except OSError as error:
        raise storage_error("rename", path, error) from error
    _forget(source)
    if known:
        remember_sha256(target, known)
    if fetched:
        SOURCES.put(str(real_path(target)), fetched)
    return target


def _copy_over(
    path: Path, target: Path, on_progress: Callable[[FetchProgress], None], cancel: threading.Event | None
) -> None:
    size = path.stat().st_size
    if (free := shutil.disk_usage(target.parent).free) < size + SPARE:
        raise StorageError(
            f"{path.name} needs {size_text(size)}, {size_text(free)} are free in {target.parent}",
            hint="Free some space, or choose another folder.",
        )
    part = target.with_name(f".move-{target.name}")

    def report(before: int) -> Callable[[int], None]:
        return lambda done: on_progress(FetchProgress(path.stem, "download", before + done, 3 * size))

    try:
        digest = hash_file(path, report(0), cancel)
        with open(part, "wb") as out, open(path, "rb") as source:
            while chunk := source.read(1 << 20):
                out.write(chunk)
                report(size)(out.tell())
            out.flush()
            os.fsync(out.fileno())
        if hash_file(part, report(2 * size), cancel) != digest:
            raise StorageError(f"the copy of {path.name} differs from it", hint="The disk may be failing; check it.")
        os.replace(part, target)
        path.unlink()
    except OSError as error:
        raise storage_error("copy", path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    remember_sha256(target, digest)


def _inside(path: Path, folders: Sequence[Path]) -> None:
    place = real_path(path.parent)
    if not path.is_file() and not path.is_symlink():
        raise ModelError(f"there is no file {path}", hint="`workbench models` lists what is there.")
    if not any(place.is_relative_to(real_path(folder)) for folder in folders):
        raise UsageError(
            f"{path} is not in a model folder", hint="Only files of the model folders are touched; use the shell."
        )


def _refuse_used(path: Path) -> None:
    if in_use(path):
        raise ModelError(
            f"{path.name} is loaded by an engine", hint="Close the workbench that uses it, then try again."
        )


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise UsageError(f"there is a file {path} already", hint="Choose another name or folder; nothing was changed.")


def _forget(real: str) -> None:
    HASHES.drop(lambda key: key.partition("|")[0] == real)
    SOURCES.drop(lambda key: key == real)
