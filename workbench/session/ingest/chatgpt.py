"""``conversations.json`` of a ChatGPT export: a tree of messages a conversation.

Every answer is a run, those of abandoned branches too; its prompt is the way from the root to it. A regenerated answer
is thus a second run of the same prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.record import Message
from workbench.session.ingest.incoming import TEXT_LIMIT, Incoming, Notes, fault, foreign_run, moment_of, ulid_of
from workbench.session.ingest.messages import content_text

SOURCE = "chatgpt"
_CHAIN_LIMIT = 10_000
_TEXTS = ("text", "multimodal_text")


def read_conversations(file: str, conversations: list[Any], notes: Notes) -> Iterator[Incoming]:
    """Raises UsageError."""
    for number, item in enumerate(conversations, 1):
        place = f"conversation {number}"
        if not isinstance(item, dict) or not isinstance(item.get("mapping"), dict):
            raise fault(file, place, "'mapping' is missing")
        yield from _conversation(file, place, item, notes)


def _conversation(file: str, place: str, item: dict[str, Any], notes: Notes) -> Iterator[Incoming]:
    nodes: dict[str, Any] = item["mapping"]
    said: dict[str, Message | None] = {}
    for name, node in nodes.items():
        if not isinstance(node, dict):
            raise fault(file, f"{place}, node {name[:40]!r}", "it is no table")
        said[name] = _message(node.get("message"), notes)
    answers = [name for name, message in said.items() if message and message.role == "assistant"]
    for name in sorted(answers, key=lambda name: _time(nodes[name])):
        before = _before(file, place, name, nodes, said)
        if before:
            yield _run(file, place, item, name, before, notes)


def _time(node: dict[str, Any]) -> float:
    moment = moment_of(node["message"].get("create_time"))
    return moment.timestamp() if moment else 0.0


def _message(message: Any, notes: Notes) -> Message | None:
    """The message of a node as far as it is a text that was said; None for all else."""
    if not isinstance(message, dict):
        return None
    author, content = message.get("author"), message.get("content")
    role = author.get("role") if isinstance(author, dict) else None
    if role not in ("system", "user", "assistant") or not isinstance(content, dict):
        notes.add(f"messages of the role {str(role)[:40]!r} are not carried over")
        return None
    if content.get("content_type") not in _TEXTS:
        notes.add(f"messages of the kind {str(content.get('content_type'))[:40]!r} are not carried over")
        return None
    text = content_text(content.get("parts"), notes)
    return Message(role, text) if text else None


def _before(file: str, place: str, name: str, nodes: dict[str, Any], said: dict[str, Message | None]) -> list[Message]:
    found: list[Message] = []
    seen = {name}
    parent = nodes[name].get("parent")
    while isinstance(parent, str) and parent in nodes:
        if parent in seen or len(seen) > _CHAIN_LIMIT:
            raise fault(file, f"{place}, node {name[:40]!r}", "its parents form no chain")
        seen.add(parent)
        if message := said[parent]:
            found.append(message)
        parent = nodes[parent].get("parent")
    return found[::-1]


def _run(file: str, place: str, item: dict[str, Any], name: str, before: list[Message], notes: Notes) -> Incoming:
    message = item["mapping"][name]["message"]
    text = content_text(message["content"]["parts"], Notes()) or ""
    if len(text) + sum(len(part.content) for part in before) > TEXT_LIMIT:
        raise fault(file, place, f"its texts are longer than {TEXT_LIMIT >> 20} million characters")
    moment = moment_of(message.get("create_time")) or moment_of(item.get("create_time"))
    meta, title = message.get("metadata"), item.get("title")
    model = meta.get("model_slug") if isinstance(meta, dict) else ""
    key = next((item[key] for key in ("conversation_id", "id") if isinstance(item.get(key), str)), str(title))
    notes.add("sampling values are not in such a file; this tool's defaults are shown")
    request, result = foreign_run(
        source=SOURCE,
        run_id=ulid_of(int(moment.timestamp() * 1000) if moment else 0, SOURCE, key, name, text),
        moment=moment,
        model=model if isinstance(model, str) else "",
        messages=before,
        text=text,
    )
    return Incoming(
        request,
        result,
        session_id=ulid_of(0, SOURCE, key),
        session_title=title if isinstance(title, str) and title.strip() else "ChatGPT",
        session_note=f"Imported from ChatGPT, conversation {key}.",
        derived=True,
        undated=moment is None,
    )
