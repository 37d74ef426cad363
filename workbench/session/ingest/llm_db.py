"""``logs.db`` of the ``llm`` tool, opened for reading only: conversations are sessions, responses are runs.

Two layouts, and a file may hold both: ``responses`` (older), and ``turns`` over a tree of ``messages`` with
``parts`` (as of 0.36), in which a text may be put together from fragments. Columns that a version lacks are left out.
Only true tables are read, never views, and no text longer than the limit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, cast

from workbench.record import Message
from workbench.session.ingest.incoming import TEXT_LIMIT, Incoming, MalformedFile, Notes, fault
from workbench.session.ingest.llm_rows import response_run, with_history

_BOTH = ("id", "model", "resolved_model", "options_json", "duration_ms", "datetime_utc")
_TOKENS = ("input_tokens", "output_tokens", "token_details")
_TEXTS = ("prompt", "system", "prompt_json", "response", "reasoning")
_COLUMNS = (*_BOTH, *_TOKENS, *_TEXTS, "conversation_id")
_TURN_COLUMNS = (*_BOTH, *_TOKENS, "thread_id", "parent_message_hash", "tip_message_hash")
_CHAIN_LIMIT = 10_000
_ROLES = ("system", "user", "assistant")


def read_logs(path: Path, notes: Notes) -> Iterator[Incoming]:
    """Every response, oldest first within each layout; one that cannot be read is left out. Raises UsageError for what
    is no such file, and when none can be read.
    """
    left: list[MalformedFile] = []
    taken = 0
    try:
        for item in _responses_of(path, notes, left):
            taken += 1
            yield item
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise fault(path.name, "", f"the database cannot be read: {error}") from error
    if left and not taken:
        raise left[0]
    for row in left:
        notes.add(f"a response is left out: {row.message.rpartition(': ')[2]}")


def _responses_of(path: Path, notes: Notes, left: list[MalformedFile]) -> Iterator[Incoming]:
    with closing(_open(path)) as database:
        tables = _tables(database)
        if not {"responses", "turns"} & tables:
            raise fault(path.name, "", "it has no table 'responses' or 'turns', it is no log of llm")
        if "responses" in tables:
            yield from with_history(path.name, _responses(database, tables), notes, left=left)
        if {"turns", "messages", "parts"} <= tables:
            yield from _Turns(path.name, database, tables, notes).read(left)


def _open(path: Path) -> sqlite3.Connection:
    """Read-only; where the folder cannot be written, as a file that nobody changes."""
    address = path.resolve().as_uri()
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        database = sqlite3.connect(f"{address}?{mode}", uri=True)
        database.row_factory = sqlite3.Row
        database.text_factory = lambda data: data.decode("utf-8", "surrogatepass")
        try:
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA query_only = ON")
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, TEXT_LIMIT * 4)
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            database.close()
            if "immutable" in mode:
                raise
        else:
            return database
    raise AssertionError


def _tables(database: sqlite3.Connection) -> set[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
    return {row[0] for row in rows}


def _present(database: sqlite3.Connection, table: str, wanted: Sequence[str]) -> str:
    known = {row[1] for row in database.execute(f'PRAGMA table_info("{table}")')}
    return ", ".join(f'{table}."{name}"' for name in wanted if name in known)


def _responses(database: sqlite3.Connection, tables: set[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The older layout, and what hangs on a response."""
    columns, join = _present(database, "responses", _COLUMNS), ""
    if "conversations" in tables:
        columns += ', conversations.name AS "conversation_name"'
        join = "LEFT JOIN conversations ON conversations.id = responses.conversation_id"
    rows = database.execute(f"SELECT {columns} FROM responses {join} ORDER BY responses.id")
    for number, row in enumerate(rows, 1):
        data = dict(row)
        for kind in ("prompt", "system"):
            if {f"{kind}_fragments", "fragments"} <= tables:
                data[f"{kind}_fragments"] = _fragments(database, f"{kind}_fragments", data.get("id"))
        for name, table in (("attachments", "prompt_attachments"), ("tool_calls", "tool_calls")):
            if table in tables:
                count = database.execute(f"SELECT count(*) FROM {table} WHERE response_id = ?", (data.get("id"),))
                data[name] = count.fetchone()[0]
        yield f"response {number}", data


def _fragments(database: sqlite3.Connection, table: str, response: Any) -> list[dict[str, Any]]:
    found = database.execute(
        f"SELECT fragments.content FROM {table} AS f JOIN fragments ON fragments.id = f.fragment_id "
        'WHERE f.response_id = ? ORDER BY f."order"',
        (response,),
    )
    return [{"content": row[0]} for row in found]


class _Turns:
    """The layout with a tree of messages."""

    def __init__(self, file: str, database: sqlite3.Connection, tables: set[str], notes: Notes) -> None:
        self._file = file
        self._database = database
        self._fragments = "fragments" in tables
        self._threads = "threads" in tables
        self._notes = notes

    def read(self, left: list[MalformedFile]) -> Iterator[Incoming]:
        columns, join = _present(self._database, "turns", _TURN_COLUMNS), ""
        if self._threads:
            columns += ', threads.name AS "conversation_name"'
            join = "LEFT JOIN threads ON threads.id = turns.thread_id"
        rows = self._database.execute(f"SELECT {columns} FROM turns {join} ORDER BY turns.datetime_utc, turns.id")
        for number, row in enumerate(rows, 1):
            try:
                yield self._run(dict(row), f"turn {number}")
            except MalformedFile as error:
                left.append(error)

    def _run(self, data: dict[str, Any], place: str) -> Incoming:
        data["conversation_id"] = data.get("thread_id")
        parent, tip = data.get("parent_message_hash"), data.get("tip_message_hash")
        prompt = self._chain(parent, None, place)
        answers = self._chain(tip, parent, place)
        if len(answers) > 1:
            self._notes.add("messages between a prompt and its last answer (tools) are not carried over")
        text = "".join(item.content for item in answers if item.role == "assistant")
        return response_run(self._file, place, data, prompt, text, self._notes)

    def _chain(self, tip: Any, until: Any, place: str) -> list[Message]:
        """The messages up to ``tip``, without those up to ``until``."""
        found: list[Message] = []
        seen: set[str] = set()
        while isinstance(tip, str) and tip != until:
            if tip in seen or len(seen) >= _CHAIN_LIMIT:
                raise fault(self._file, place, "its messages form no chain")
            seen.add(tip)
            row = self._database.execute("SELECT parent_hash, role FROM messages WHERE hash = ?", (tip,)).fetchone()
            if row is None:
                raise fault(self._file, place, f"message {tip[:40]!r} is missing")
            if row["role"] in _ROLES:
                role = cast(Literal["system", "user", "assistant"], row["role"])
                found.append(Message(role, self._text(tip, place)))
            else:
                self._notes.add(f"messages of the role {str(row['role'])[:40]!r} are not carried over")
            tip = row["parent_hash"]
        return found[::-1]

    def _text(self, message: str, place: str) -> str:
        texts = []
        rows = self._database.execute(
            "SELECT type, text, payload FROM parts WHERE message_hash = ? ORDER BY position", (message,)
        )
        for row in rows:
            if row["type"] != "text":
                self._notes.add(f"parts of the kind {str(row['type'])[:40]!r} are not carried over")
            elif isinstance(row["text"], str):
                texts.append(row["text"])
            elif row["payload"]:
                texts.append(self._put_together(row["payload"], place))
        return "".join(texts)

    def _put_together(self, payload: Any, place: str) -> str:
        try:
            items = json.loads(payload)["text_ref"]
            return "".join(
                self._fragment(item["fragment"], place) if "fragment" in item else str(item["literal"])
                for item in items
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise fault(self._file, place, "a text of fragments is of no known form") from None

    def _fragment(self, number: Any, place: str) -> str:
        row = None
        if self._fragments and isinstance(number, int):
            row = self._database.execute("SELECT content FROM fragments WHERE id = ?", (number,)).fetchone()
        if row is None or not isinstance(row[0], str):
            raise fault(self._file, place, f"fragment {str(number)[:40]} is missing")
        return str(row[0])
