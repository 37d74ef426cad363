"""Our own exports come back: the same request, result and hashes under the same id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from workbench.event import Piece, TokenScore
from workbench.record import sha256_text
from workbench.session.ids import is_ulid
from workbench.session.ingest.incoming import TEXT_LIMIT, Events, Incoming, Notes, fault, moment_of, ulid_of
from workbench.session.missing import missing_in
from workbench.session.runfile import FORMAT
from workbench.session.runread import request_from_dict, result_from_dict

_RATINGS = range(1, 6)


def read_export(file: str, document: Mapping[str, Any], notes: Notes) -> Iterator[Incoming]:
    """The runs of a ``json`` export. Raises UsageError."""
    runs = document.get("runs")
    if not isinstance(runs, list):
        raise fault(file, "runs", "it is no list")
    for number, record in enumerate(runs, 1):
        if not isinstance(record, dict):
            raise fault(file, f"run {number}", "it is no table")
        yield read_run(file, f"run {number}", record, notes)


def read_run(file: str, place: str, record: Mapping[str, Any], notes: Notes) -> Incoming:
    """One run. Raises UsageError."""
    _check(file, place, record)
    request = request_from_dict(record, lambda _sha256: None)
    result = result_from_dict(record["result"])
    if len(result.text) > TEXT_LIMIT:
        raise fault(file, place, f"its text is longer than {TEXT_LIMIT >> 20} million characters")
    moment = moment_of(request.created)
    if moment is None:
        raise fault(file, place, "'created' is no time")
    if result.status == "running":
        notes.add("a run that was still going on is imported as interrupted")
        result = replace(result, status="interrupted", finish_reason="killed")
    if missing := missing_in(request):
        notes.add(f"a run comes without texts that were missing when it was exported: {', '.join(missing)}")
    if sha256_text(result.text) != result.sha256:
        notes.add("a text is not the one that was recorded, by its hash: it is shown as edited")
    group, parent = (name if is_ulid(name) else "" for name in (request.group, request.parent))
    derived = not is_ulid(request.id)
    run_id = ulid_of(int(moment.timestamp() * 1000), "own", request.id, result.text) if derived else request.id
    session, marks = _table(record, "session"), _table(record, "marks")
    session_id, title = _text(session, "id"), _text(session, "title")
    rating, tags = marks.get("rating"), session.get("tags")
    return Incoming(
        replace(request, id=run_id, group=group, parent=parent),
        result,
        session_id=session_id if is_ulid(session_id) else ulid_of(0, "own", session_id or title or file),
        session_title=title or file.rpartition(".")[0] or file,
        session_note=_text(session, "note"),
        session_created=_text(session, "created"),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        rating=rating if isinstance(rating, int) and not isinstance(rating, bool) and rating in _RATINGS else 0,
        star=marks.get("star") is True,
        note=_text(marks, "note"),
        events=_events(file, place, record["events"]) if "events" in record else None,
        derived=derived,
    )


def _check(file: str, place: str, record: Mapping[str, Any]) -> None:
    version = record.get("format")
    if not isinstance(version, int) or record.get("kind") != "run":
        raise fault(file, place, "it is no run: 'format' or 'kind' is missing")
    if version > FORMAT:
        raise fault(file, place, f"it was written by a newer version (format {version})")
    for name in ("prompt", "result"):
        if not isinstance(record.get(name), dict):
            raise fault(file, place, f"{name!r} is missing")
    if "text" not in record["result"]:
        raise fault(file, place, "'result.text' is missing")


def _table(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _events(file: str, place: str, data: Any) -> Events:
    try:
        pieces = tuple(_piece(*item) for item in data["pieces"])
        chatter, marks = (
            tuple((_whole(at), _string(text)) for at, text in data.get(name, [])) for name in ("chatter", "marks")
        )
    except (TypeError, ValueError, KeyError, AttributeError):
        raise fault(
            file, f"{place}, events".lstrip(", "), "they are not of the form [ms, index, text, tokens, scores?]"
        ) from None
    return Events(pieces, chatter, marks)


def _piece(at: Any, index: Any, text: Any, tokens: Any, scores: Any = ()) -> Piece:
    judged = tuple(
        TokenScore(_string(token), float(logprob), tuple((_string(other), float(value)) for other, value in top))
        for token, logprob, top in scores
    )
    return Piece(_whole(at), _whole(index), _string(text), _whole(tokens), judged)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise ValueError(value)
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
