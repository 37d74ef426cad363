"""Rows of the ``llm`` tool (https://llm.datasette.io/en/stable/logging.html): one response is one run.

``llm logs --json`` and the older tables of ``logs.db`` give rows without the conversation before them; it is put
together from the rows of the same conversation, as far as they are in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from workbench.record import Message
from workbench.session.ids import is_ulid
from workbench.session.ingest.incoming import (
    TEXT_LIMIT,
    Incoming,
    MalformedFile,
    Notes,
    count_of,
    fault,
    foreign_run,
    moment_of,
    params_of,
    ulid_of,
)

SOURCE = "llm"
_LEFT_OUT = {
    "attachments": "attachments are not carried over",
    "tools": "tool definitions are not carried over",
    "tool_calls": "tool calls are not carried over",
    "tool_results": "tool results are not carried over",
    "schema_json": "schemas are not carried over",
    "reasoning": "reasoning texts are not carried over",
    "response_json": "raw replies of services (response_json) are not carried over",
    "token_details": "token details are not carried over",
}


def read_json(file: str, rows: Any, notes: Notes) -> Iterator[Incoming]:
    """The list that ``llm logs --json`` prints. Raises UsageError."""
    listed = rows if isinstance(rows, list) else [rows]
    placed = [(f"response {number}", row) for number, row in enumerate(listed, 1)]
    for place, row in placed:
        if not isinstance(row, dict):
            raise fault(file, place, "it is no table")
    yield from with_history(file, sorted(placed, key=lambda item: str(item[1].get("datetime_utc") or "")), notes)


def with_history(
    file: str, rows: Iterable[tuple[str, Mapping[str, Any]]], notes: Notes, *, left: list[MalformedFile] | None = None
) -> Iterator[Incoming]:
    """Rows in the order of time; each gets what was said in its conversation before. Those that cannot be read go to
    ``left``, if there is one: nobody mends a row of a database. Raises UsageError.
    """
    said: dict[str, list[Message]] = {}
    for place, row in rows:
        try:
            yield _next(file, place, row, said, notes)
        except MalformedFile as error:
            if left is None:
                raise
            left.append(error)


def _next(file: str, place: str, row: Mapping[str, Any], said: dict[str, list[Message]], notes: Notes) -> Incoming:
    conversation = _text(row, "conversation_id", file, place) or _text(row, "id", file, place)
    system, prompt = _with_fragments(row, "system", file, place), _with_fragments(row, "prompt", file, place)
    response = _text(row, "response", file, place)
    history = said.setdefault(conversation, [])
    if system and not any(item == Message("system", system) for item in history):
        history.append(Message("system", system))
    history.append(Message("user", prompt))
    if prompt == "" and row.get("prompt_json"):
        notes.add("prompts kept only as raw requests (prompt_json) are empty")
    run = response_run(file, place, row, tuple(history), response, notes)
    history.append(Message("assistant", response))
    return run


def response_run(
    file: str, place: str, row: Mapping[str, Any], messages: Sequence[Message], response: str, notes: Notes
) -> Incoming:
    """A run of a row with its messages. Raises UsageError when a text is too long."""
    if len(response) + sum(len(item.content) for item in messages) > TEXT_LIMIT:
        raise fault(file, place, f"its texts are longer than {TEXT_LIMIT >> 20} million characters")
    for name, what in _LEFT_OUT.items():
        notes.add(what, int(bool(row.get(name))))
    native = _text(row, "id", file, place)
    conversation = _text(row, "conversation_id", file, place) or native
    moment = moment_of(row.get("datetime_utc"))
    if moment is None:
        notes.add("responses without a time are dated now")
    model = _text(row, "resolved_model", file, place) or _text(row, "model", file, place)
    # The ids of newer versions are ULIDs, of older ones they need not be.
    derived = not is_ulid(native.upper())
    request, result = foreign_run(
        source=SOURCE,
        run_id=ulid_of(_ms(moment), SOURCE, native, response) if derived else native.upper(),
        moment=moment,
        model=model,
        messages=messages,
        text=response,
        params=params_of(_options(row, notes), notes),
        tokens=(count_of(row.get("input_tokens")), count_of(row.get("output_tokens"))),
        ms_total=count_of(row.get("duration_ms")),
    )
    title = _text(row, "conversation_name", file, place) or messages[-1].content if messages else ""
    return Incoming(
        request,
        result,
        session_id=ulid_of(0, SOURCE, conversation),
        session_title=" ".join(title.split())[:80] or "llm",
        session_note=f"Imported from llm, conversation {conversation}.",
        # Its ids are of the response, whatever way it came: one from logs.db and one from --json are the same.
        derived=True,
        undated=moment is None,
    )


def _options(row: Mapping[str, Any], notes: Notes) -> Mapping[str, Any]:
    options = row.get("options_json")
    if isinstance(options, str) and options:
        try:
            options = json.loads(options)
        except (ValueError, RecursionError):
            notes.add("options that are no JSON ('options_json') are not carried over")
    return options if isinstance(options, dict) else {}


def _with_fragments(row: Mapping[str, Any], key: str, file: str, place: str) -> str:
    """Fragments stand before the text, as the tool sends them; in newer logs the texts hold them already."""
    listed = row.get(f"{key}_fragments")
    parts = [item.get("content") for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    own = _text(row, key, file, place)
    texts = [part for part in parts if isinstance(part, str) and part and part not in own]
    return "\n".join([*texts, own] if own else texts)


def _text(row: Mapping[str, Any], key: str, file: str, place: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise fault(file, place, f"{key!r} is no text")
    return value


def _ms(moment: datetime | None) -> int:
    return int(moment.timestamp() * 1000) if moment else 0
