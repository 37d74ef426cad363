"""Finds runs by what was asked, what was answered and all that is known of them: a cache that can be made again.

The workspace is the truth. ``refresh`` compares stamps of files with those of its rows and reads what differs, newest
first and in short transactions, so that a search beside it sees more and more. A database that is damaged or of another
version is deleted and made anew, one that another process holds is left alone; where no local disk can be written it
lives in memory; without FTS5 the texts are searched one by one. Two processes may share it: each stores what it saw
with the stamps it had, and what was older is found out by the next look.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal

from workbench.error import StorageError
from workbench.session.index_build import scan
from workbench.session.index_db import WEIGHTS, connect, has_fts5, held_elsewhere, index_path, prepare, remove
from workbench.session.index_hit import HIT_COLUMNS, Hit, hit_of, hit_of_row
from workbench.session.index_query import Query, parse_query
from workbench.session.index_sql import conditions, word_match
from workbench.session.index_text import Finder, Snippet, snippet
from workbench.session.index_write import Update, Writer, update_of
from workbench.session.store import SessionStore
from workbench.workspace import Workspace

__all__ = ["Hit", "SessionIndex", "Snippet"]

Order = Literal["newest", "best"]
_BATCH_RUNS = 32
# Where an excerpt is taken from, the first that has a match.
_EXCERPTS = ("output", "prompt", "variables", "note", "title", "tags", "template", "model")


class SessionIndex:
    """Blocks on the disk. One thread may refresh while another searches."""

    def __init__(self, workspace: Workspace, *, store: SessionStore | None = None, fts: bool | None = None) -> None:
        self.store = store or SessionStore(workspace)
        self.fts = has_fts5() if fts is None else fts
        self.path = index_path(workspace, fts=self.fts)
        self._writing = threading.RLock()
        self._reading = threading.RLock()
        self._open()

    # -- the database ----------------------------------------------------------------------------------------

    def _open(self) -> None:
        try:
            self._connect()
        except sqlite3.Error as error:
            self._mend(error)

    def _connect(self) -> None:
        self._database = connect(self.path)
        try:
            prepare(self._database, fts=self.fts)
            self._reader = self._database if self.path is None else connect(self.path)
        except sqlite3.Error:
            self._database.close()
            raise
        if self.path is None:
            self._reading = self._writing

    def _renew(self) -> None:
        """A new, empty database; in memory when there can be none on the disk."""
        with self._writing, self._reading:
            self.close()
            if self.path is not None:
                remove(self.path)
            try:
                self._connect()
            except sqlite3.Error:
                self.path = None
                self._connect()

    def _mend(self, error: sqlite3.Error) -> None:
        """After ``error`` a new database; one that another process holds even from readers stays, ours is in memory."""
        if held_elsewhere(error):
            self.path = None
        self._renew()

    def close(self) -> None:
        """Give up the files; the object is of no use afterwards."""
        for name in ("_reader", "_database"):
            if (database := self.__dict__.get(name)) is not None:
                database.close()

    def clear(self) -> None:
        """Forget everything; ``refresh`` makes it anew."""
        self._renew()

    # -- refreshing ------------------------------------------------------------------------------------------

    def refresh(
        self, *, progress: Callable[[int, int], None] | None = None, cancel: threading.Event | None = None
    ) -> int:
        """Take in what changed on disk; the number of rows that were written or taken out.

        ``progress`` gets folders looked at, and how many there are. ``cancel`` stops between two folders; what was
        done by then stays. Raises StorageError when another process holds the database for long; what it had can be
        searched all the same.
        """
        try:
            return self._refresh(progress, cancel)
        except sqlite3.Error as error:
            _refuse_held(error)
            self._renew()
        try:
            return self._refresh(progress, cancel)
        except sqlite3.Error as error:
            _refuse_held(error)
            # A disk that spoils or refuses it twice is not asked again.
            self.path = None
            self._renew()
            return self._refresh(progress, cancel)

    def _refresh(self, progress: Callable[[int, int], None] | None, cancel: threading.Event | None) -> int:
        writer = Writer(self._database, self._writing, fts=self.fts)
        known = writer.known()
        folders = self.store.folders()
        batch: list[Update] = []
        changed = runs = 0
        for count, folder in enumerate(folders, 1):
            if cancel is not None and cancel.is_set():
                break
            found = scan(folder)
            if found is not None:
                update = update_of(self.store, found, known.pop(os.fsencode(folder), None))
                if update is not None:
                    batch.append(update)
                    runs += len(update.entries) + 1
            if runs >= _BATCH_RUNS:
                changed += writer.store(batch)
                batch, runs = [], 0
            if progress is not None:
                progress(count, len(folders))
        else:
            changed += writer.store(batch) + writer.forget(list(known))
            return changed
        return changed + writer.store(batch)

    # -- searching -------------------------------------------------------------------------------------------

    def search(self, query: str, *, limit: int = 200, order: Order = "newest") -> list[Hit]:
        """What matches ``query`` (see ``index_query``) as of the last refresh. Raises UsageError."""
        parsed = parse_query(query)
        try:
            return self._search(parsed, limit, order)
        except sqlite3.Error as error:
            self._mend(error)
            self.refresh()
            return self._search(parsed, limit, order)

    def _search(self, query: Query, limit: int, order: Order) -> list[Hit]:
        finders = [Finder(term) for term in query.wanted]
        with self._reading:
            rows = self._indexed(query, limit, order) if self.fts else self._one_by_one(query, limit)
            if not finders:
                return [hit_of_row(row) for row in rows]
            return [hit_of_row(row, snippet(self._texts(row[0]), finders)) for row in rows]

    def _indexed(self, query: Query, limit: int, order: Order) -> list[Sequence[Any]]:
        where, values = conditions(query, fts=True)
        match = word_match(query)
        if match:
            source = "word CROSS JOIN entry ON entry.number = word.rowid"
            where, values = ["word MATCH ?", *where], [match, *values]
            by = f"bm25(word, {', '.join(map(str, WEIGHTS))})" if order == "best" else "word.rowid DESC"
        else:
            source, by = "entry", "entry.number DESC"
        return self._reader.execute(_select(source, where, by), [*values, limit]).fetchall()

    def _one_by_one(self, query: Query, limit: int) -> list[Sequence[Any]]:
        where, values = conditions(query, fts=False)
        terms = [(Finder(term), term.negated) for term in query.terms]
        found: list[Sequence[Any]] = []
        for row in self._reader.execute(_select("entry", where, "entry.number DESC"), [*values, -1]):
            texts = self._texts(row[0]).items() if terms else ()
            if all(any(finder.search_in(*text) >= 0 for text in texts) is not negated for finder, negated in terms):
                found.append(row)
                if len(found) >= limit:
                    break
        return found

    def _texts(self, number: int) -> dict[str, str]:
        select = f"SELECT {', '.join(_EXCERPTS)} FROM doc WHERE number = ?"
        row = self._reader.execute(select, (number,)).fetchone()
        return dict(zip(_EXCERPTS, row, strict=True)) if row else {}

    def newest(self, limit: int = 50) -> list[Hit]:
        """The newest runs straight from the disk, ``limit`` or a few more: for the first look, before any index."""
        hits: list[Hit] = []
        for folder in self.store.folders():
            if len(hits) >= limit:
                break
            if folder.is_dir():
                session = self.store.open_session(folder)
                runs = self.store.runs(session)
                hits += [hit_of(session, info) for info in reversed(runs)] or [hit_of(session, None)]
        return hits

    def count(self) -> tuple[int, int]:
        """Sessions and runs in the index."""
        with self._reading:
            (sessions,) = self._reader.execute("SELECT count(*) FROM session").fetchone()
            (runs,) = self._reader.execute("SELECT count(*) FROM entry WHERE run != ''").fetchone()
        return sessions, runs


def _refuse_held(error: sqlite3.Error) -> None:
    if held_elsewhere(error):
        raise StorageError(
            "another process holds the search index; what is new may be missing in it",
            hint="Try again soon. If it stays so, look for a workbench that was stopped (jobs, fg).",
        ) from error


def _select(source: str, where: list[str], by: str) -> str:
    filters = f"WHERE {' AND '.join(where)}" if where else ""
    # CROSS JOIN keeps the order of the tables: matches first, newest first, so that LIMIT ends it early.
    joined = f"{source} CROSS JOIN session ON session.dir = entry.dir"
    return f"SELECT {HIT_COLUMNS} FROM {joined} {filters} ORDER BY {by} LIMIT ?"
