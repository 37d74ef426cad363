"""The index's database: where it stands, its tables, and that a bad one is thrown away without a word.

It holds nothing that the workspace does not have. Rows are numbered by the time of the run, so that "newest first" is
the order of the numbers and a search may stop at its limit. The words are in a contentless FTS5 table: the texts
stand once, in ``doc``, and are given to FTS5 again to take a row out.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from workbench.error import StorageError
from workbench.mounts import file_system, is_network, read_mounts
from workbench.workspace import Workspace

SCHEMA = 1
COLUMNS = ("title", "tags", "note", "template", "model", "variables", "prompt", "output")
# Weights of a match in each of ``COLUMNS`` for the order "best".
WEIGHTS = (8.0, 8.0, 4.0, 4.0, 2.0, 1.0, 1.0, 1.0)
BUSY_SECONDS = 5.0
_TABLES = f"""
CREATE TABLE session (
    dir BLOB PRIMARY KEY, stat TEXT, id TEXT, title TEXT, created TEXT, tags TEXT, note TEXT, problem TEXT,
    newer INTEGER, unsaved INTEGER, title_fold TEXT, tags_fold TEXT, name_fold TEXT
) WITHOUT ROWID;
CREATE TABLE entry (
    number INTEGER PRIMARY KEY, dir BLOB NOT NULL, run TEXT NOT NULL, stat TEXT, created TEXT, template TEXT,
    model TEXT, engine TEXT, status TEXT, tokens_out INTEGER, ms_first INTEGER, ms_total INTEGER, first_words TEXT,
    member TEXT, pane INTEGER, parent TEXT, rating INTEGER, star INTEGER, problem TEXT, edited INTEGER,
    template_fold TEXT, model_fold TEXT, engine_fold TEXT, UNIQUE (dir, run)
);
CREATE TABLE doc (number INTEGER PRIMARY KEY, {", ".join(f"{name} TEXT" for name in COLUMNS)});
"""
_WORDS = f"CREATE VIRTUAL TABLE word USING fts5({', '.join(COLUMNS)}, content='', tokenize='ascii', prefix='2')"


def has_fts5() -> bool:
    with contextlib.closing(sqlite3.connect(":memory:")) as probe:
        try:
            probe.execute("CREATE VIRTUAL TABLE probe USING fts5(a)")
        except sqlite3.OperationalError:
            return False
    return True


def version(*, fts: bool) -> int:
    """Of the schema and all that the words in it depend on."""
    folding = int(unicodedata.unidata_version.partition(".")[0])
    return SCHEMA * 1000 + folding * 2 + fts


def index_path(workspace: Workspace, *, fts: bool) -> Path | None:
    """None when there is no local folder that can be written: the index then lives in memory."""
    try:
        folder = workspace.cache_dir
    except StorageError:
        return None
    if not os.access(folder, os.W_OK | os.X_OK) or on_network(folder):
        return None
    return folder / f"index-{version(fts=fts)}.db"


def on_network(path: Path) -> bool:
    """Whether a path stands on a network file system, where SQLite's log is not safe; False where nothing says so."""
    return is_network(file_system(path, read_mounts()))


def connect(path: Path | None) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    database = sqlite3.connect(
        path or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        if path is not None:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA temp_store = MEMORY")
        database.execute("PRAGMA cache_size = -16000")
    except sqlite3.Error:
        database.close()
        raise
    return database


def prepare(database: sqlite3.Connection, *, fts: bool) -> None:
    """Make the tables, or check that they are ours. Raises sqlite3.Error."""
    wanted = version(fts=fts)
    if _version(database) == wanted:
        for table in ("session", "entry", "doc", *(("word",) if fts else ())):
            # A table that is gone is found now, not by the one question that needs it.
            database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
        return
    with transaction(database):
        # Another process may have made them meanwhile.
        if (found := _version(database)) == wanted:
            return
        if found or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise sqlite3.DatabaseError("another version's index")
        for statement in _TABLES.split(";"):
            if statement.strip():
                database.execute(statement)
        if fts:
            database.execute(_WORDS)
        database.execute(f"PRAGMA user_version = {wanted}")


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Raises sqlite3.Error."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def held_elsewhere(error: sqlite3.Error) -> bool:
    """Whether a lock of another process was waited for in vain: the database is sound, and in use."""
    # The low byte is the kind, the others tell more of it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def remove(path: Path) -> None:
    """Take a database away with its log."""
    for end in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + end).unlink()
