"""Opens a run from its two files, and makes the run file anew when its process died.

The run file is what counts once a run has ended. While it says ``running``, or is missing or broken, the
recording tells. Recovery writes the run file only; a recording is never touched, and a run that may be alive
neither.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.error import ConfigError, StorageError
from workbench.record import RunRequest, RunResult, sha256_text
from workbench.session.blob import Packer, blob_reader, blobs_of
from workbench.session.info import RunRecord
from workbench.session.missing import missing_in, missing_words
from workbench.session.owner import life_of
from workbench.session.reader import RecordingView, read_recording
from workbench.session.runfile import FORMAT, request_to_dict, run_toml
from workbench.session.runread import apply_started, request_from_dict, result_from_dict
from workbench.session.version import upgrade
from workbench.textio import DISK, Disk, atomic_write, open_regular, read_text, toml_loads

WATCH_SECONDS = 30.0
RUN_FILE_LIMIT = 64 << 20


class Watch:
    """Tells whether recordings of other machines still grow, by this machine's own clock."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, float]] = {}

    def still(self, path: Path) -> bool:
        """Whether the file has not grown for 30 s of watching; False at the first look."""
        try:
            size = path.stat().st_size
        except OSError:
            return True
        now = time.monotonic()
        known = self._seen.get(path)
        if known is None or known[0] != size:
            self._seen[path] = (size, now)
            return False
        return now - known[1] >= WATCH_SECONDS


def load_run(path: Path, watch: Watch) -> RunRecord:
    """The run of this run file's path, as well as it can be had. Never raises on content.

    Raises StorageError when neither of the two files is there.
    """
    recording = path.with_suffix(".jsonl")
    read_blob = blob_reader(blobs_of(path.parent.parent))
    data, problem = _run_data(path)
    if data is None and not recording.exists():
        raise StorageError(f"there is no run {path.stem} in {path.parent.parent}: {problem}")
    version = data.get("format") if data else FORMAT
    newer = isinstance(version, int) and version > FORMAT
    faults: list[str] = []
    request = request_from_dict(data or {"id": path.stem}, read_blob, faults)
    result = result_from_dict(data.get("result"), faults) if data else None
    if result is not None and result.status != "running":
        edited = sha256_text(result.text) != result.sha256
        return _record(request, result, [problem, *faults], edited=edited, newer=newer)
    try:
        view = read_recording(recording)
    except OSError as error:
        lost = f"the recording cannot be read: {error.strerror}"
        return _record(request, _interrupted(RecordingView()), [lost, *faults], newer=newer)
    if view.head is not None:
        faults = []
        request = request_from_dict(view.head["req"], read_blob, faults)
    if view.started is not None:
        request = apply_started(request, view.started)
    result = _result(view, recording, watch, faults)
    return _record(request, result, [view.damage, *faults], newer=newer or view.newer)


def _record(
    request: RunRequest, result: RunResult, problems: list[str], *, edited: bool = False, newer: bool = False
) -> RunRecord:
    missing = missing_in(request)
    words = "; ".join(dict.fromkeys(filter(None, [missing_words(missing), *problems])))
    return RunRecord(request, result, edited=edited, newer=newer, problem=words, missing=missing)


def _run_data(path: Path) -> tuple[Mapping[str, Any] | None, str]:
    try:
        return upgrade("run", toml_loads(read_text(path, limit=RUN_FILE_LIMIT), file=path.name)), ""
    except (StorageError, ConfigError) as error:
        return None, error.message


def _result(view: RecordingView, recording: Path, watch: Watch, faults: list[str]) -> RunResult:
    if view.end is not None:
        ended = result_from_dict(view.end.get("res"), faults)
        text = view.text
        return replace(ended, text=text, sha256=ended.sha256 or sha256_text(text), reasoning=view.reasoning)
    life = life_of(view.owner, recording)
    if life == "unknown":
        life = "dead" if watch.still(recording) else "alive"
    return _interrupted(view) if life == "dead" else replace(_interrupted(view), status="running", finish_reason="")


def _interrupted(view: RecordingView) -> RunResult:
    text = view.text
    return RunResult(
        status="interrupted",
        finish_reason="killed",
        text=text,
        sha256=sha256_text(text),
        tokens_out=sum(piece.tokens for piece in view.pieces),
        ms_first=view.pieces[0].t_ms if view.pieces else 0,
        ms_total=view.pieces[-1].t_ms if view.pieces else 0,
        error=view.damage,
        stderr="".join(text for _, text in view.chatter),
        reasoning=view.reasoning,
    )


def unfinished(runs: Path) -> list[Path]:
    """Run files in a folder that may need recovery, told by a look at their ends: fast for thousands."""
    try:
        names = sorted(entry.name for entry in runs.iterdir())
    except OSError:
        return []
    found = []
    for stem in sorted({name.rpartition(".")[0] for name in names if name.endswith(".jsonl")}):
        path = runs / f"{stem}.toml"
        if path.name not in names or _tail_says_running(path):
            found.append(path)
    return found


def _tail_says_running(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            # The result is the last table, and short as long as there is no text.
            file.seek(max(0, size - 400))
            tail = file.read()
    except OSError:
        return False
    return not tail.strip(b"\0") or b'status = "running"' in tail


def recover_run(path: Path, watch: Watch, *, disk: Disk = DISK) -> bool:
    """Write the run file of a run whose process died. False when there is nothing to do, or it may be alive.

    Raises StorageError when it cannot be written.
    """
    record = load_run(path, watch)
    if record.live or record.newer or not record.request.created:
        return False
    atomic_write(path, recovered_toml(record.request, record.result), disk=disk)
    return True


def recovered_toml(request: RunRequest, result: RunResult) -> str:
    return run_toml(request_to_dict(request, Packer()), result)
