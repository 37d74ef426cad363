"""A run as plain data, exactly: the form of ``json`` and ``jsonl``, and what import reads back.

It is the run file's form (``docs/sessions.md``) with three tables more: ``session``, ``marks``, and ``events`` when
they are wanted.
"""

from __future__ import annotations

import json
from typing import Any

from workbench.event import Piece
from workbench.session.blob import Packer
from workbench.session.export.item import ExportRun
from workbench.session.reader import RecordingView
from workbench.session.runfile import FORMAT, request_to_dict, result_to_dict

_BREAKS = "\x85\u2028\u2029"


def run_to_dict(run: ExportRun, *, events: bool = False) -> dict[str, Any]:
    """Everything of a run; texts of any length stand in it. One that is gone is ``{blob, bytes, missing}``."""
    data: dict[str, Any] = {"format": FORMAT, "kind": "run"}
    data |= request_to_dict(run.record.request, Packer(limit=1 << 62, leaves=True)) | {"id": run.id}
    data["result"] = result_to_dict(run.record.result)
    session = run.session
    data["session"] = {"id": session.id, "title": session.title, "created": session.created}
    if session.tags:
        data["session"]["tags"] = list(session.tags)
    if session.note:
        data["session"]["note"] = session.note
    marks = {"rating": run.rating, "star": run.star, "note": run.note}
    if any(marks.values()):
        data["marks"] = {key: value for key, value in marks.items() if value}
    if events and (view := run.recording()) is not None:
        data["events"] = events_to_dict(view)
    return data


def events_to_dict(view: RecordingView) -> dict[str, Any]:
    """Times in ms since the start. A piece is ``[ms, index, text, tokens]``, and ``scores`` if it has some."""
    return {
        "pieces": [_piece(piece) for piece in view.pieces],
        "chatter": [list(item) for item in view.chatter],
        "marks": [list(item) for item in view.marks],
    }


def _piece(piece: Piece) -> list[Any]:
    plain: list[Any] = [piece.t_ms, piece.index, piece.text, piece.tokens]
    return [*plain, [[item.text, item.logprob, item.top] for item in piece.scores]] if piece.scores else plain


def json_line(data: Any) -> str:
    """One line of JSON; in ASCII only when there is a lone surrogate, which UTF-8 cannot hold."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    try:
        # Far faster than to search for surrogates.
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data, separators=(",", ":"), default=str)
    # These end a line for some readers of JSON lines.
    for char in _BREAKS:
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
