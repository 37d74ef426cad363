"""A run on its way in, and what is said about what stays behind."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from workbench.error import UsageError
from workbench.event import Piece
from workbench.param import SPECS, Params
from workbench.record import Message, ModelRef, Prompt, RunRequest, RunResult, TemplateRef, sha256_text
from workbench.session.ids import iso

TEXT_LIMIT = 16 << 20
NOTE_KINDS = 50
ENGINE = "imported"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_AGAIN = "What stood before it is imported; importing the mended file adds the rest."
_NOTHING = (
    "Nothing was imported. What can be: JSON and JSON lines of 'sessions export', logs.db or 'logs --json' of llm, "
    "chats of ChatGPT, lists of messages. Other forms of export (csv, html, md, cast, pairs) do not hold all of a run."
)


@dataclass(frozen=True, slots=True)
class Events:
    """A recording's pieces, native output and marks; times in ms since the start."""

    pieces: tuple[Piece, ...] = ()
    chatter: tuple[tuple[int, str], ...] = ()
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """``session_id`` says which runs belong together, over several files and imports. ``session_created``: when their
    session was made, if the file tells. ``derived``: the last 16 characters of the id tell the content. ``undated``:
    the file has no time; the run gets that of its import.
    """

    request: RunRequest
    result: RunResult
    session_id: str
    session_title: str
    session_note: str = ""
    session_created: str = ""
    tags: tuple[str, ...] = ()
    rating: int = 0
    star: bool = False
    note: str = ""
    events: Events | None = None
    derived: bool = False
    undated: bool = False


class Notes:
    """Counts what was left out; each kind is one line."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        if what not in self._counts and len(self._counts) >= NOTE_KINDS:
            what = "other things are not carried over"
        if count:
            self._counts[what] += count

    def lines(self) -> list[str]:
        return [f"{what} ({count}×)" if count > 1 else what for what, count in self._counts.items()]


class MalformedFile(UsageError):
    """What a file holds is not what it should be."""

    def of_nothing(self) -> MalformedFile:
        """The same where nothing of the file was taken."""
        return MalformedFile(self.message, hint=_NOTHING)


def fault(file: str, place: str, what: str) -> MalformedFile:
    """``file: place: what``."""
    return MalformedFile(": ".join(filter(None, (file, place, what))), hint=_AGAIN)


def ulid_of(moment_ms: int, *key: str) -> str:
    """A ULID of a time and the hash of a key: the same key gives the same last 16 characters."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    number = (max(0, min(moment_ms, (1 << 48) - 1)) << 80) | int.from_bytes(digest[:10], "big")
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def moment_of(value: object) -> datetime | None:
    """Seconds since 1970, or ISO text (UTC when it names no zone); None for anything else, and before 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            moment = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return moment if 1970 <= moment.year < 9000 else None


def foreign_run(
    *,
    source: str,
    run_id: str,
    moment: datetime | None,
    model: str,
    messages: Sequence[Message],
    text: str,
    params: Params | None = None,
    tokens: tuple[int, int] = (0, 0),
    ms_total: int = 0,
) -> tuple[RunRequest, RunResult]:
    """Request and result of another tool's run: engine ``imported``, not reproducible."""
    request = RunRequest(
        id=run_id,
        created=iso(moment or datetime.now(UTC)),
        app="",
        template=TemplateRef("-", sha256_text(""), ""),
        variables={},
        prompt=Prompt("messages", messages=tuple(messages)),
        engine=ENGINE,
        engine_version=source,
        model=ModelRef(model),
        params=params or Params(),
        device="",
    )
    result = RunResult(
        "finished",
        "",
        text,
        sha256_text(text),
        tokens_in=tokens[0],
        tokens_out=tokens[1],
        ms_total=ms_total,
        repro="none",
    )
    return request, result


def params_of(options: Mapping[str, Any], notes: Notes) -> Params:
    """The sampling values that both tools know; the others are told."""
    known: dict[str, Any] = {}
    default = Params()
    renamed = {"max_output_tokens": "max_tokens", "num_predict": "max_tokens", "num_ctx": "n_ctx"}
    for key, value in options.items():
        name = renamed.get(str(key), str(key))
        if value is None:
            continue
        if name == "stop" and (isinstance(value, str) or _texts(value)):
            known["stop"] = (value,) if isinstance(value, str) else tuple(value)
        elif name in SPECS and (number := _number(value, getattr(default, name))) is not None:
            known[name] = number
        else:
            notes.add(f"option {str(key)[:60]!r} is not carried over")
    if len(known) < len(fields(Params)):
        notes.add("sampling values that the file does not tell are shown as this tool's defaults")
    return Params(**known)


def _number(value: object, like: object) -> bool | int | float | None:
    """``value`` in the type of ``like`` (None: whole); None when it is no number, or none is wanted."""
    if not isinstance(value, int | float) or not math.isfinite(value) or not isinstance(like, int | float | None):
        return None
    return int(value) if like is None else type(like)(value)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def count_of(value: object) -> int:
    """A number of tokens or ms; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else 0
