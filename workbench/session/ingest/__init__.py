"""Runs of other tools, and our own exports, come in: recognised by content, checked, written through the store.

Nothing is added twice: a run is known by its id and content, one of another tool by a hash of its content. What could
not be carried over is said, a line a kind. Malformed input raises ``UsageError`` with file and place; what stood before
that place stays, and importing the mended file adds the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.error import UsageError
from workbench.session.ingest.arrive import Arrival
from workbench.session.ingest.incoming import Incoming, MalformedFile, Notes, fault
from workbench.session.ingest.jsonfile import open_json
from workbench.session.store import SessionStore

__all__ = ["ImportReport", "import_file"]

_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """``added`` and ``known`` are numbers of runs, ``sessions`` the folders that got some."""

    added: int
    known: int
    sessions: tuple[Path, ...]


def import_file(
    store: SessionStore, path: Path, *, session: str = "", note: Callable[[str], None] = lambda _line: None
) -> ImportReport:
    """Everything in a file; with ``session`` all of it goes there (title, folder or id; a new one if there is none).

    Blocking. Raises UsageError with the place of what is malformed, StorageError.
    """
    notes = Notes()
    arrival = Arrival(store, session)
    try:
        for item in read_file(path, notes):
            arrival.add(item)
    except RecursionError:
        raise fault(path.name, "", "it is nested too deeply") from None
    except MalformedFile as error:
        raise (error if arrival.added or arrival.known else error.of_nothing()) from None
    finally:
        arrival.finish()
        for line in notes.lines():
            note(f"{path.name}: {line}")
    return ImportReport(arrival.added, arrival.known, tuple(arrival.folders))


def read_file(path: Path, notes: Notes) -> Iterator[Incoming]:
    """The runs of a file of any known form. Raises UsageError, StorageError."""
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}")
    with path.open("rb") as file:
        magic = file.read(len(_SQLITE))
    if magic == _SQLITE:
        from workbench.session.ingest.llm_db import read_logs

        return read_logs(path, notes)
    return _recognised(path, notes)


def _recognised(path: Path, notes: Notes) -> Iterator[Incoming]:
    from workbench.session.ingest.chatgpt import read_conversations
    from workbench.session.ingest.llm_rows import read_json
    from workbench.session.ingest.messages import read_messages
    from workbench.session.ingest.own import read_export, read_run

    lines, records = open_json(path)
    for place, record in records:
        match _kind(record):
            case "run":
                yield read_run(path.name, place, record, notes)
            case "export":
                yield from read_export(path.name, record, notes)
            case "llm":
                yield from read_json(path.name, record, notes)
            case "chatgpt":
                conversations = record if isinstance(record, list) else [record]
                yield from read_conversations(path.name, conversations, notes)
            case "messages":
                yield from read_messages(path.name, place, record, notes, last_only=lines)
            case _:
                raise fault(path.name, place, "it is nothing that can be imported")


def _kind(record: Any) -> str:
    first = record[0] if isinstance(record, list) and record else record
    if not isinstance(first, dict):
        return ""
    if not isinstance(record, list) and first.get("kind") in ("run", "export"):
        return str(first["kind"])
    if "mapping" in first:
        return "chatgpt"
    if "response" in first and "prompt" in first:
        return "llm"
    return "messages" if "messages" in first or ("role" in first and "content" in first) else ""
