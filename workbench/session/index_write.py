"""Writes what was read into the index: short transactions, each as good as any other place to stop at."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from workbench.error import UsageError
from workbench.session.index_build import (
    Found,
    entry_row,
    first_number,
    marks_of,
    no_run_row,
    session_row,
    session_texts,
    texts_of,
    words_of,
)
from workbench.session.index_db import COLUMNS, transaction
from workbench.session.info import Session
from workbench.session.store import SessionStore

_FORGET_SESSIONS = 20
_LARGEST = (1 << 63) - 1


@dataclass
class Update:
    """What changed in a session. ``entries`` are rows of ``entry`` and ``doc``; ``row`` None: nothing of its own."""

    session: Session
    row: dict[str, Any] | None
    entries: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def update_of(store: SessionStore, found: Found, known: tuple[str, dict[str, str]] | None) -> Update | None:
    """Compare stamps and read what differs; None when nothing does."""
    stamp, runs = known if known is not None else ("", {})
    fresh = [run for run, new in found.runs.items() if not new or runs.get(run) != new]
    gone = [run for run in runs if run and run not in found.runs]
    changed = known is None or not found.stamp or found.stamp != stamp
    placed = "" in runs
    if not (changed or fresh or gone or placed == bool(found.runs)):
        return None
    try:
        session = store.open_session(found.folder)
    except UsageError:
        return None
    update = Update(session, session_row(session, found.stamp) if changed else None, gone=gone)
    if changed:
        update.kept = [run for run in runs if run in found.runs and run not in fresh]
    for run in fresh:
        info, record = store.read_run(session, run)
        update.entries.append((entry_row(session, info, found.runs[run]), texts_of(session, info, record)))
    if found.runs and placed:
        update.gone.append("")
    elif not found.runs and (changed or not placed):
        row = no_run_row(session)
        update.entries.append((row, session_only(session)))
    return update


def session_only(session: Session) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") | session_texts(session, "")


class Writer:
    """Holds ``lock`` for as long as one transaction takes. Raises sqlite3.Error."""

    def __init__(self, database: sqlite3.Connection, lock: AbstractContextManager[Any], *, fts: bool) -> None:
        self._database = database
        self._lock = lock
        self._fts = fts

    def known(self) -> dict[bytes, tuple[str, dict[str, str]]]:
        """Stamps by session folder: its own, and those of its runs."""
        with self._lock:
            found: dict[bytes, tuple[str, dict[str, str]]] = {
                folder: (stamp, {}) for folder, stamp in self._database.execute("SELECT dir, stat FROM session")
            }
            for folder, run, stamp in self._database.execute("SELECT dir, run, stat FROM entry"):
                if folder in found:
                    found[folder][1][run] = stamp
        return found

    def store(self, updates: Iterable[Update]) -> int:
        """One transaction; the number of rows that changed."""
        changed = 0
        updates = list(updates)
        if not updates:
            return 0
        with self._lock, transaction(self._database):
            rows = []
            for update in updates:
                folder = os.fsencode(update.session.dir)
                if update.row is not None:
                    self._insert("session", update.row)
                for run in [*update.gone, *(row["run"] for row, _ in update.entries)]:
                    changed += self._remove(folder, run)
                changed += sum(self._remark(folder, update.session, run) for run in update.kept)
                rows += [(self._low_number(update.session, row), row, texts) for row, texts in update.entries]
            # FTS5 takes ascending numbers without a new segment for each.
            for low, row, texts in sorted(rows, key=lambda item: (item[0], item[1]["run"])):
                self._add(self._free_number(low), row, texts)
        return changed + len(rows)

    def forget(self, folders: list[bytes]) -> int:
        """Take sessions out that are gone; the number of rows."""
        changed = 0
        for start in range(0, len(folders), _FORGET_SESSIONS):
            with self._lock, transaction(self._database):
                for folder in folders[start : start + _FORGET_SESSIONS]:
                    runs = self._database.execute("SELECT run FROM entry WHERE dir = ?", (folder,)).fetchall()
                    changed += sum(self._remove(folder, run) for (run,) in runs)
                    self._database.execute("DELETE FROM session WHERE dir = ?", (folder,))
        return changed

    @staticmethod
    def _low_number(session: Session, row: Mapping[str, Any]) -> int:
        path = session.dir / "runs" / f"{row['run']}.toml" if row["run"] else session.dir
        return first_number(row["created"], path)

    def _free_number(self, low: int) -> int:
        if self._database.execute("SELECT 1 FROM entry WHERE number = ?", (low,)).fetchone() is None:
            return low
        (number,) = self._database.execute(
            "SELECT number + 1 FROM entry WHERE number >= ? AND NOT EXISTS "
            "(SELECT 1 FROM entry AS next WHERE next.number = entry.number + 1) ORDER BY number LIMIT 1",
            (low,),
        ).fetchone()
        return int(number)

    def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        values = [_storable(value) for value in row.values()]
        self._database.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", values)

    def _add(self, number: int, row: Mapping[str, Any], texts: dict[str, str]) -> None:
        self._insert("entry", {"number": number, **row})
        self._insert("doc", {"number": number, **texts})
        self._words(number, texts)

    def _words(self, number: int, texts: dict[str, str], *, delete: bool = False) -> None:
        if not self._fts:
            return
        command, mark = ("word, ", "'delete', ") if delete else ("", "")
        marks = ", ".join("?" * len(COLUMNS))
        self._database.execute(
            f"INSERT INTO word ({command}rowid, {', '.join(COLUMNS)}) VALUES ({mark}?, {marks})",
            [number, *words_of(texts)],
        )

    def _texts(self, number: int) -> dict[str, str]:
        select = f"SELECT {', '.join(COLUMNS)} FROM doc WHERE number = ?"
        row = self._database.execute(select, (number,)).fetchone()
        if row is None:
            raise sqlite3.DatabaseError("an entry without its texts")
        return dict(zip(COLUMNS, row, strict=True))

    def _number(self, folder: bytes, run: str) -> int | None:
        row = self._database.execute("SELECT number FROM entry WHERE dir = ? AND run = ?", (folder, run)).fetchone()
        return int(row[0]) if row else None

    def _remove(self, folder: bytes, run: str) -> int:
        number = self._number(folder, run)
        if number is None:
            return 0
        self._words(number, self._texts(number), delete=True)
        for table in ("entry", "doc"):
            self._database.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
        return 1

    def _remark(self, folder: bytes, session: Session, run: str) -> int:
        """Give an entry what ``session.toml`` says now."""
        number = self._number(folder, run)
        if number is None:
            return 0
        marks = marks_of(session, run)
        self._database.execute(
            "UPDATE entry SET rating = ?, star = ? WHERE number = ?", (marks["rating"], marks["star"], number)
        )
        old = self._texts(number)
        new = old | session_texts(session, run)
        if new != old:
            self._words(number, old, delete=True)
            self._words(number, new)
            self._insert("doc", {"number": number, **new})
        return 1


def _storable(value: Any) -> Any:
    """A number that the database cannot hold is cut: one odd row must not keep all others out."""
    return max(-_LARGEST - 1, min(value, _LARGEST)) if isinstance(value, int) else value
