"""Chats as lists of messages: ``{"messages": [...]}``, a bare list, or fine-tuning data with one a line.

In a document every answer is a run, with what was said before as its prompt; in lines only the last answer is, as
those who train on such lines take it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from workbench.record import Message
from workbench.session.ingest.incoming import (
    TEXT_LIMIT,
    Incoming,
    Notes,
    fault,
    foreign_run,
    moment_of,
    params_of,
    ulid_of,
)

SOURCE = "openai"
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_OPTIONS = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop")


def read_messages(file: str, place: str, record: Any, notes: Notes, *, last_only: bool) -> Iterator[Incoming]:
    """One conversation, or a list of them. Raises UsageError."""
    if isinstance(record, list) and record and isinstance(record[0], dict) and "messages" in record[0]:
        for number, item in enumerate(record, 1):
            yield from read_messages(file, f"conversation {number}", item, notes, last_only=last_only)
        return
    table: dict[str, Any] = record if isinstance(record, dict) else {"messages": record}
    raw = table.get("messages")
    if not isinstance(raw, list) or not raw:
        raise fault(file, place, "'messages' is no list of messages")
    for name in ("tools", "functions"):
        notes.add("tool definitions are not carried over", int(bool(table.get(name))))
    parsed = [
        _message(file, f"{place}, message {number}".strip(", "), item, notes) for number, item in enumerate(raw, 1)
    ]
    chat = [item for item in parsed if item is not None]
    answers = [number for number, item in enumerate(chat) if item.role == "assistant" and number]
    if not answers:
        raise fault(file, place, "there is no answer in it")
    for number in answers[-1:] if last_only else answers:
        yield _run(file, place, table, chat[:number], chat[number].content, notes, by_file=last_only)


def _message(file: str, place: str, item: Any, notes: Notes) -> Message | None:
    if not isinstance(item, dict) or not isinstance(item.get("role"), str):
        raise fault(file, place, "a message needs a 'role' and a 'content'")
    notes.add("tool calls are not carried over", int(bool(item.get("tool_calls") or item.get("function_call"))))
    role = _ROLES.get(item["role"])
    if role is None:
        notes.add(f"messages of the role {item['role'][:40]!r} are not carried over")
        return None
    content = item.get("content")
    if content is None:
        content = ""
    text = content_text(content, notes)
    if text is None:
        raise fault(file, place, "its 'content' is neither a text nor a list of parts")
    return Message(role, text)  # type: ignore[arg-type]


def content_text(content: Any, notes: Notes) -> str | None:
    """A text, or the texts of a list of parts; None for anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = []
    for part in content:
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str):
            texts.append(text)
        else:
            notes.add("parts that are no text (images, audio) are not carried over")
    return "".join(texts)


def _run(
    file: str, place: str, table: dict[str, Any], before: list[Message], answer: str, notes: Notes, *, by_file: bool
) -> Incoming:
    if len(answer) + sum(len(item.content) for item in before) > TEXT_LIMIT:
        raise fault(file, place, f"its texts are longer than {TEXT_LIMIT >> 20} million characters")
    moment = next((found for name in ("created", "create_time") if (found := moment_of(table.get(name)))), None)
    if moment is None:
        notes.add("chats without a time are dated now")
    else:
        # A chat has one time: its answers follow each other by a millisecond.
        moment += timedelta(milliseconds=len(before))
    model, title = table.get("model"), table.get("title")
    key = [part for item in before for part in (item.role, item.content)]
    request, result = foreign_run(
        source=SOURCE,
        run_id=ulid_of(int(moment.timestamp() * 1000) if moment else 0, SOURCE, *key, answer),
        moment=moment,
        model=model if isinstance(model, str) else "",
        messages=before,
        text=answer,
        params=params_of({name: table[name] for name in _OPTIONS if name in table}, notes),
    )
    stem = file.rpartition(".")[0] or file
    return Incoming(
        request,
        result,
        session_id=ulid_of(0, SOURCE, file, "" if by_file else place),
        session_title=title if isinstance(title, str) and title.strip() else stem,
        session_note=f"Imported from {file}.",
        derived=True,
        undated=moment is None,
    )
