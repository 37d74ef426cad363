"""The lines of a recording: ASCII JSON, one record a line, each well below 64 kB.

- run: the first line, with version, owner, and the whole request
- s: started, with the engine as it described itself and the parameters it took
- p: progress of loading or of reading the prompt; d = [done, total, cached]
- r: reasoning that a server keeps apart from its answer
- o: output; n = index of the first piece, s = pieces; part = k-th continuation of a piece that is too long; w = tokens
  of each piece, left out when all are 1
- e: what was said beside the answer, by us or by native code
- x: what the person did
- end: how it ended; res = the result but for its texts

``at`` is the time of the line's first entry, in ms since the start; ``t`` the ms since the entry before, so
that a lost line does not move what follows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from json.encoder import encode_basestring_ascii
from typing import Any

from workbench.event import Chatter, Piece, Progress, Started, Thought
from workbench.param import params_to_dict
from workbench.record import RunResult
from workbench.session.ids import now_iso
from workbench.session.owner import Owner
from workbench.session.runfile import result_to_dict

VERSION = 1
BATCH_BYTES = 4000
LINE_BYTES = 64 * 1024
CHATTER_BYTES = 256 * 1024
# A character takes up to 12 bytes in ASCII JSON, so that this many fit a batch.
PART_CHARS = 300
PROGRESS_MS = 100


def _json(data: Mapping[str, Any]) -> bytes:
    # A nested table that begins with "k" must not look like a record when a damaged line is searched for one.
    # Quotes within texts are escaped, so that these five characters only stand where a table begins.
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), default=str)
    return text[0].encode() + text[1:].replace('{"k":', '{ "k":').encode("ascii") + b"\n"


def run_line(owner: Owner, request: Mapping[str, Any]) -> bytes:
    head = {"v": VERSION, "k": "run", "id": request["id"], "wall": now_iso()}
    return _json(head | asdict(owner) | {"req": request})


def started_record(event: Started) -> dict[str, Any]:
    engine = asdict(event.engine)
    # Long, and known by its hash from the request.
    engine.pop("chat_template", None)
    params = params_to_dict(event.params)
    record = {"k": "s", "at": event.t_ms, "engine": engine, "params": params, "cache": event.cache}
    return record | ({"not_sent": list(event.not_sent)} if event.not_sent else {})


def started_line(record: Mapping[str, Any]) -> bytes:
    return _json(record)


def end_line(result: RunResult, pieces: int) -> bytes:
    res = result_to_dict(result)
    del res["text"]
    res.pop("reasoning", None)
    for name in ("error", "stderr"):
        if isinstance(res.get(name), str):
            res[name] = res[name][-5000:]
    head = {"k": "end", "status": result.status, "finish": result.finish_reason, "n": pieces}
    return _json(head | {"sha256": result.sha256, "wall": now_iso(), "res": res})


class Batch:
    """Gathers events of one kind into a line. ``size`` is the length of the line so far, in bytes."""

    def __init__(self) -> None:
        self.kind = ""
        self.size = 0
        self._head = ""
        self._next = 0
        self._last_ms = 0
        self._times: list[str] = []
        self._texts: list[str] = []
        self._tokens: list[int] = []
        self._progress: list[str] = []
        self._chatter = 0
        self._progress_seen: tuple[str, int] = ("", 0)
        self._full: list[bytes] = []

    def add(self, event: Piece | Thought | Progress | Chatter) -> None:
        """Take one event; lines that it completes wait for ``take``."""
        if isinstance(event, Piece):
            self._add_piece(event)
        elif isinstance(event, Progress):
            self._add_progress(event)
        elif isinstance(event, Thought):
            self._texts_of("r", event.t_ms, event.text)
        elif self._chatter < CHATTER_BYTES:
            text = event.text[: CHATTER_BYTES - self._chatter]
            self._chatter += len(text)
            self._texts_of("e", event.t_ms, text)

    def _texts_of(self, kind: str, t_ms: int, text: str) -> None:
        for start in range(0, len(text), PART_CHARS):
            self._entry(kind, t_ms, encode_basestring_ascii(text[start : start + PART_CHARS]))

    def mark(self, name: str, t_ms: int) -> None:
        self._entry("x", t_ms, encode_basestring_ascii(name[:PART_CHARS]))

    def _add_piece(self, event: Piece) -> None:
        if event.index != self._next:
            self.close()
        text = encode_basestring_ascii(event.text)
        if len(text) <= BATCH_BYTES:
            self._entry("o", event.t_ms, text, head=f',"n":{event.index}')
            self._tokens.append(event.tokens)
        else:
            self.close()
            for part, start in enumerate(range(0, len(event.text), PART_CHARS)):
                text = encode_basestring_ascii(event.text[start : start + PART_CHARS])
                continued = f',"part":{part}' if part else ""
                self._entry("o", event.t_ms, text, head=f',"n":{event.index}{continued}')
                self._tokens.append(0 if part else event.tokens)
                self.close()
        self._next = event.index + 1

    def _add_progress(self, event: Progress) -> None:
        """At most ten a second for each phase, and the last."""
        phase, seen = self._progress_seen
        if event.phase == phase and event.t_ms - seen < PROGRESS_MS and event.done != event.total:
            return
        self._progress_seen = (event.phase, event.t_ms)
        self._entry("p", event.t_ms, encode_basestring_ascii(event.phase))
        self._progress.append(f"[{event.done},{event.total},{event.cached}]")

    def _entry(self, kind: str, t_ms: int, text: str, *, head: str = "") -> None:
        if self.kind and (kind != self.kind or self.size + len(text) > BATCH_BYTES):
            self.close()
        if not self.kind:
            self.kind = kind
            self._head = f'{{"k":"{kind}"{head},"at":{t_ms}'
            self.size = len(self._head) + 16
        self._times.append(str(max(0, t_ms - self._last_ms)))
        self._last_ms = t_ms
        self._texts.append(text)
        self.size += len(text) + len(self._times[-1]) + 4

    def close(self) -> None:
        """End the line; the next event begins a new one."""
        if not self.kind:
            return
        line = f'{self._head},"t":[{",".join(self._times)}],"s":[{",".join(self._texts)}]'
        if any(count != 1 for count in self._tokens):
            line += f',"w":[{",".join(map(str, self._tokens))}]'
        if self._progress:
            line += f',"d":[{",".join(self._progress)}]'
        self._full.append(f"{line}}}\n".encode("ascii"))
        self.kind, self.size = "", 0
        self._times, self._texts, self._tokens, self._progress = [], [], [], []

    @property
    def full(self) -> bool:
        """Whether complete lines wait."""
        return bool(self._full)

    def take(self) -> bytes:
        """All lines, the open one closed."""
        self.close()
        data, self._full = b"".join(self._full), []
        return data
