"""What the index says of a session and of a run, as read from their files. Never raises on content.

A row carries the stamp of its file from before it was read; a file that changes meanwhile has another one and is read
again next time. Recordings are opened only where the run file does not tell: it is missing, broken, or says that the
run is going on.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.session.ids import plausible
from workbench.session.index_db import COLUMNS
from workbench.session.index_text import TEXT_LIMIT, fold, spaced, storable
from workbench.session.info import RunInfo, RunRecord, Session, rating_of

# A file as young as this may change again without its stamp changing.
_YOUNG_NS = 50_000_000
_FIRST_MS = 1_577_836_800_000
_SLOTS = 64


@dataclass(frozen=True, slots=True)
class Found:
    """A session folder on disk: stamps of its ``session.toml`` and of its runs' files, by run id."""

    folder: Path
    stamp: str
    runs: dict[str, str] = field(default_factory=dict)


def stamp_of(stat: os.stat_result) -> str:
    """Size, time and inode; empty, and so equal to nothing that is stored, for a file that is very young."""
    if abs(time.time_ns() - stat.st_mtime_ns) < _YOUNG_NS:
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"


def scan(folder: Path) -> Found | None:
    """None when the folder is gone."""
    try:
        stamp = stamp_of(os.stat(folder / "session.toml"))
    except OSError:
        if not folder.is_dir():
            return None
        stamp = "none"
    return Found(folder, stamp, dict(_run_stamps(folder / "runs")))


def _run_stamps(runs: Path) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(runs) as entries:
            found = {entry.name: entry for entry in entries if entry.name[0] != "."}
    except OSError:
        return
    for name, entry in found.items():
        stem, _, end = name.rpartition(".")
        # The recording counts where there is no run file.
        if end == "toml" or (end == "jsonl" and f"{stem}.toml" not in found):
            try:
                yield stem, stamp_of(entry.stat())
            except OSError:
                continue


def dir_key(folder: Path) -> bytes:
    """Names of folders need not be text."""
    return os.fsencode(folder)


def session_row(session: Session, stamp: str) -> dict[str, Any]:
    """A row of the table ``session``."""
    tags = [storable(tag) for tag in session.tags]
    return {
        "dir": dir_key(session.dir),
        "stat": stamp,
        "id": storable(session.id),
        "title": storable(session.title),
        "created": storable(session.created),
        "tags": json.dumps(tags, ensure_ascii=False),
        "note": storable(session.note),
        "problem": storable(session.problem),
        "newer": session.newer,
        "unsaved": session.unsaved,
        "title_fold": fold(storable(session.title)),
        "tags_fold": "\n" + "".join(fold(tag).replace("\n", " ") + "\n" for tag in tags),
        "name_fold": fold(storable(session.dir.name)),
    }


def session_texts(session: Session, run_id: str) -> dict[str, str]:
    """The columns of ``doc`` that come from ``session.toml``."""
    note = session.runs.get(run_id, {}).get("note")
    notes = [session.note, note if isinstance(note, str) else ""]
    return {
        "title": storable(session.title),
        "tags": storable("\n".join(session.tags)),
        "note": storable("\n".join(filter(None, notes))),
    }


def marks_of(session: Session, run_id: str) -> dict[str, Any]:
    """The columns of ``entry`` that come from ``session.toml``."""
    marks = session.runs.get(run_id, {})
    return {"rating": rating_of(marks), "star": marks.get("star") is True}


def entry_row(session: Session, info: RunInfo, stamp: str) -> dict[str, Any]:
    """A row of the table ``entry``; its number is given on storing."""
    texts = {
        name: storable(getattr(info, name))
        for name in ("created", "template", "model", "engine", "status", "first_words", "problem")
    }
    row: dict[str, Any] = {
        "dir": dir_key(session.dir),
        "run": storable(info.id),
        # A run that goes on is looked at each time.
        "stat": "" if info.status == "running" else stamp,
        **texts,
        **{name: getattr(info, name) for name in ("tokens_out", "ms_first", "ms_total", "pane")},
        "member": storable(info.group),
        "parent": storable(info.parent),
        "edited": info.edited,
        **{f"{name}_fold": fold(texts[name]) for name in ("template", "model", "engine")},
    }
    return row | marks_of(session, info.id)


def no_run_row(session: Session) -> dict[str, Any]:
    """The entry of a session without runs, by which it is found."""
    return entry_row(session, RunInfo("", session.dir, session.created, ""), "none")


def texts_of(session: Session, info: RunInfo, record: RunRecord | None) -> dict[str, str]:
    """A row of the table ``doc``, without its number."""
    texts = dict.fromkeys(COLUMNS, "") | session_texts(session, info.id)
    if record is None:
        return texts
    request = record.request
    variables = "\n".join(f"{key}: {_plain(item)}" for key, item in request.variables.items())
    return texts | {
        "template": storable(request.template.path),
        "model": storable(" ".join(filter(None, (request.model.file, request.model.name)))),
        "variables": storable(variables),
        "prompt": storable(request.prompt.plain),
        "output": storable(record.result.text),
    }


def _plain(value: Any) -> str:
    return value[:TEXT_LIMIT] if isinstance(value, str) else str(value)


def words_of(texts: dict[str, str]) -> list[str]:
    """What FTS5 is given, in the order of ``COLUMNS``; the same for the same texts always."""
    return [spaced(texts[name]) for name in COLUMNS]


def first_number(created: str, path: Path) -> int:
    """The lowest number for a run made then; an impossible time gives way to the file's."""
    moment: datetime | None = None
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(created)
    if moment is None or moment.tzinfo is None or not plausible(moment):
        try:
            moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError):
            moment = datetime.fromtimestamp(0, UTC)
    return number_of(moment)


def number_of(moment: datetime) -> int:
    """The lowest row number of that time or later."""
    return max(0, int(moment.timestamp() * 1000) - _FIRST_MS) * _SLOTS
