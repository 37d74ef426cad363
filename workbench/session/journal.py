"""A run's flight recorder: what was shown is on disk, whatever happens next.

create   request durable (recording, then the run file with status running) before any engine starts write
events gather into batches of 100 ms or 4 kB; ``flush`` hands them to the kernel before they are shown thread
flushes what is older than 100 ms, makes durable every 250 ms, tries a failing disk again every 2 s finish
end line, durable; then the run file is replaced, once, and neither file is written again

A killed process loses nothing that was flushed and at most 100 ms that was not; a power cut at most 350 ms
and one sync. A disk that fails never fails the run: the text stays in memory, ``problem`` says so, and
``save_elsewhere`` offers another place.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from workbench.error import StorageError
from workbench.event import Chatter, Event, Piece, Progress, Started, Thought
from workbench.record import RunRequest, RunResult
from workbench.session.blob import LIMIT, Packer, blobs_of, write_blobs
from workbench.session.line import BATCH_BYTES, LINE_BYTES, Batch, end_line, run_line, started_line, started_record
from workbench.session.owner import myself
from workbench.session.recording import Recording
from workbench.session.runfile import request_to_dict, run_toml
from workbench.session.runread import apply_started
from workbench.textio import DISK, Disk, atomic_write, disk_reason, make_dirs, storage_error

BATCH_SECONDS = 0.1
SYNC_SECONDS = 0.25
RETRY_SECONDS = 2.0


class RunJournal:
    """The two files of one run. ``write``, ``mark`` and ``flush`` are cheap; the others block on the disk."""

    def __init__(self, session_dir: Path, request: RunRequest, disk: Disk = DISK) -> None:
        self.request = request
        self.run_id = request.id
        self.session_dir = session_dir
        self.path = session_dir / "runs" / f"{request.id}.toml"
        self.problem = ""
        self._disk = disk
        self._build = ""
        line, self._blobs = _first_line(request)
        self._recording = Recording(self.path.with_suffix(".jsonl"), disk)
        self._recording.append(line)
        self._batch = Batch()
        self._batch_since = 0.0
        self._pieces = 0
        self._opened = False
        self._result: RunResult | None = None
        self._lock = threading.RLock()
        self._attempting = threading.Lock()
        self._due = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"journal-{request.id}", daemon=True)

    @classmethod
    def create(cls, session_dir: Path, request: RunRequest, *, disk: Disk = DISK, strict: bool = True) -> RunJournal:
        """Make the request durable and return.

        Raises StorageError and leaves nothing behind; unless ``strict`` is off: then the run is kept in
        memory, ``problem`` is set, and saving is tried again every 2 s.
        """
        journal = cls(session_dir, request, disk)
        try:
            journal._open()
        except OSError as error:
            if strict:
                journal._take_back()
                raise storage_error("save the run in", session_dir, error) from error
            journal._failed(error)
        journal._thread.start()
        return journal

    def _open(self) -> None:
        runs = self.path.parent
        make_dirs(runs, disk=self._disk)
        self._guarded_blobs()
        self._recording.push()
        self._recording.sync(metadata=True)
        self._disk.sync_dir(runs)
        running = RunResult(status="running", finish_reason="", text="", sha256="")
        self._write_toml(self.path, running)
        self._opened = True

    def _guarded_blobs(self) -> None:
        try:
            write_blobs(blobs_of(self.session_dir), self._blobs, disk=self._disk)
        except StorageError as error:
            raise _cause(error) from error

    def _write_toml(self, path: Path, result: RunResult) -> None:
        data = request_to_dict(self.request, Packer(), build=self._build)
        try:
            atomic_write(path, run_toml(data, result), disk=self._disk)
        except StorageError as error:
            raise _cause(error) from error

    def _take_back(self) -> None:
        self._recording.close()
        for path in (self._recording.path, self.path):
            with contextlib.suppress(OSError):
                path.unlink()

    # -- streaming -------------------------------------------------------------------------------------------

    def write(self, event: Event) -> None:
        """Take an event into the open batch; a full batch goes to the kernel at once."""
        with self._lock:
            if isinstance(event, Started):
                self._started(event)
            elif isinstance(event, Piece | Thought | Progress | Chatter):
                if not self._batch.kind:
                    self._batch_since = time.monotonic()
                self._batch.add(event)
                if isinstance(event, Piece):
                    self._pieces = event.index + 1
                if self._batch.full or self._batch.size >= BATCH_BYTES:
                    self.flush()
        self._wake()

    def mark(self, name: str, t_ms: int) -> None:
        """Note what the person did: ``cancel``, or a bookmark."""
        with self._lock:
            self._batch.mark(name, t_ms)
        self._wake()

    def _wake(self) -> None:
        # Asking first is far cheaper than setting, and this runs for every token.
        if not self._due.is_set():
            self._due.set()

    def _started(self, event: Started) -> None:
        """The engine's own words count: they are what was used."""
        record = started_record(event)
        self._build = event.engine.build
        self.request = apply_started(self.request, record)
        self._recording.append(self._batch.take() + started_line(record))

    def flush(self) -> None:
        """Hand every event so far to the kernel; call before showing them. Never raises."""
        with self._lock:
            data = self._batch.take()
            if data:
                self._recording.append(data)
            if self._opened and not self.problem and self._recording.pending:
                try:
                    self._recording.push()
                except OSError as error:
                    self._failed(error)

    def _failed(self, error: OSError) -> None:
        self.problem = f"not saved: {disk_reason(error)[0]}"

    # -- the end ---------------------------------------------------------------------------------------------

    def finish(self, result: RunResult) -> None:
        """Close the record. Never raises: while the disk refuses, ``problem`` is set and the thread goes on
        trying.
        """
        with self._lock:
            if self._result is not None:
                return
            self._recording.append(self._batch.take() + end_line(result, self._pieces))
            self._result = result
        self._attempt()
        self._due.set()

    def _attempt(self) -> None:
        """Everything that is due, from where it failed. Waits on the disk, and keeps ``write`` waiting for
        nothing.
        """
        with self._attempting:
            if self._closed.is_set():
                return
            try:
                if not self._opened:
                    self._open()
                self._recording.push()
                result = self._result
                self._recording.sync(metadata=result is not None)
                if result is not None:
                    self._write_toml(self.path, result)
                    self._close()
            except OSError as error:
                self._failed(error)
            else:
                self.problem = ""

    def _close(self) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            # Everything is durable by now; there is nothing to lose.
            self._recording.close()

    def abandon(self) -> None:
        """Stop trying and let the files stand as they are. Safe to call twice."""
        with self._attempting:
            self._close()
        self._due.set()

    def save_elsewhere(self, session_dir: Path, *, disk: Disk = DISK) -> Path:
        """Write both files of an unsaved run into another session, and stop trying. Raises StorageError."""
        with self._lock:
            content = self._recording.content() + self._batch.take()
            result = self._result or RunResult(status="interrupted", finish_reason="", text="", sha256="")
            target = session_dir / "runs" / self.path.name
            try:
                make_dirs(target.parent, disk=disk)
            except OSError as error:
                raise storage_error("make", target.parent, error) from error
            write_blobs(blobs_of(session_dir), self._blobs, disk=disk)
            atomic_write(target.with_suffix(".jsonl"), content, disk=disk)
            data = request_to_dict(self.request, Packer(), build=self._build)
            atomic_write(target, run_toml(data, result), disk=disk)
            self.problem = ""
        self.abandon()
        return target

    # -- the thread ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Sleeps while nothing waits, else looks every 50 ms."""
        synced = tried = time.monotonic()
        while not self._closed.is_set():
            if not self._busy:
                self._due.clear()
                if not self._busy:
                    self._due.wait()
            self._closed.wait(BATCH_SECONDS / 2)
            now = time.monotonic()
            if self.problem:
                if now - tried >= RETRY_SECONDS:
                    self._attempt()
                    synced = tried = time.monotonic()
                continue
            tried = now
            if self._batch.kind and now - self._batch_since >= BATCH_SECONDS / 2:
                self.flush()
            if self._recording.unsynced and now - synced >= SYNC_SECONDS:
                self._sync()
                synced = now

    @property
    def _busy(self) -> bool:
        return bool(self._batch.kind or self._recording.unsynced or self.problem or self._closed.is_set())

    def _sync(self) -> None:
        try:
            self._recording.sync()
        except OSError as error:
            if not self._closed.is_set():
                self._failed(error)


def _cause(error: StorageError) -> OSError:
    cause = error.__cause__
    return cause if isinstance(cause, OSError) else OSError(str(error))


def _first_line(request: RunRequest) -> tuple[bytes, dict[str, bytes]]:
    """The line with the request, and the texts kept apart: those over 64 kB, and as many more as the line
    needs.
    """
    limit = LIMIT
    owner = myself()
    while True:
        packer = Packer(limit)
        line = run_line(owner, request_to_dict(request, packer))
        if len(line) < LINE_BYTES or limit <= 256:
            return line, packer.blobs
        limit //= 4
