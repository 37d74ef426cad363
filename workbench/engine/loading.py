"""Waiting for a child to have its model loaded: progress, patience, and errors that name the reason."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.engine import LoadSpec
from workbench.engine.cause import describe_exit, load_cause, load_hint
from workbench.engine.generation import Patience
from workbench.engine.gguf_judge import sibling_parts
from workbench.engine.protocol import Message
from workbench.engine.wire import ChildProcess
from workbench.error import EngineError
from workbench.event import Capabilities, EngineInfo, Progress

TICK = 0.1  # seconds
_FIRST_PART = re.compile(r".+-00001-of-(\d{5})\.gguf")


class Loading:
    """One load order under way."""

    def __init__(self, spec: LoadSpec, inbox: asyncio.Queue[Message], child: ChildProcess, patience: Patience) -> None:
        self._inbox = inbox
        self._child = child
        self._engine = spec.engine
        self._path = Path(spec.path)
        self._bytes = _size(self._path) if spec.path else 0
        self._name = self._path.name or "its script"
        self._limit = patience.load + patience.load_per_gb * self._bytes / 1e9

    async def ready(self, report: Callable[[Progress], None], begun: float) -> Message:
        """The child's ``ready``. Native engines say nothing while they load: the memory they fill is watched.

        ``begun`` is the ``time.monotonic()`` from which progress counts. Raises EngineError.
        """

        def tell(done: int, total: int) -> None:
            report(Progress(round((time.monotonic() - begun) * 1000), "load", done, total))

        tell(0, self._bytes)
        seen, alive = 0, begun
        while True:
            try:
                async with asyncio.timeout(TICK):
                    message = await self._inbox.get()
            except TimeoutError:
                if time.monotonic() - alive > self._limit:
                    raise self._too_slow() from None
                size = min(self._child.resident(), self._bytes * 99 // 100)
                if size > seen:
                    seen = size
                    tell(seen, self._bytes)
                continue
            match message["k"]:
                case "loading" if not self._bytes and message.get("total"):
                    # It gets on, or waits for a server that does.
                    alive = time.monotonic()
                    tell(int(message["done"]), int(message["total"]))
                case "ready":
                    if self._bytes:
                        tell(self._bytes, self._bytes)
                    return message
                case "error":
                    # It will not go on: end it, so that the log is complete.
                    await self._child.end()
                    raise self._refused(message)
                case "exit":
                    raise self._crashed(message["code"])

    def _too_slow(self) -> EngineError:
        return EngineError(
            f"{self._engine} did not load {self._name} within {self._limit:.0f} seconds",
            hint="Try again on a quieter machine, or choose another engine.",
            kind="timeout",
            stderr=self._child.log.tail(),
        )

    def _refused(self, message: Message) -> EngineError:
        if self._engine == "server":
            return EngineError(str(message.get("message", "")), hint=str(message.get("hint", "")), kind="load")
        text = load_cause(list(self._child.log.lines)) or str(message.get("message", ""))
        return EngineError(
            f"{self._engine} cannot load {self._name}: {text}",
            hint=str(message.get("hint", "")) or load_hint(text),
            kind=str(message.get("kind", "load")),
            stderr=self._child.log.tail(),
        )

    def _crashed(self, code: int | None) -> EngineError:
        lines = list(self._child.log.lines)
        text, _ = describe_exit(self._engine, code, lines)
        hint = "The file may be damaged, or foreign to this engine. Choose another engine, or another file."
        if (way := load_hint("\n".join(lines))) != load_hint(""):
            hint = way
        return EngineError(
            f"while it loaded {self._name}, {text}",
            hint=hint,
            kind="crash",
            stderr=self._child.log.tail(),
        )


def _size(path: Path) -> int:
    """Bytes to be read: of a split model those of all parts."""
    if (match := _FIRST_PART.fullmatch(path.name)) is None:
        return path.stat().st_size
    return sum(part.stat().st_size for part in sibling_parts(path, int(match[1])) if part.is_file())


def describe(engine: str, ready: Message, facts: Mapping[str, Any], rss_bytes: int, ms_load: int) -> EngineInfo:
    """What the engine said about itself, with what the file's header says."""
    raw = ready.get("capabilities", {})
    return EngineInfo(
        name=engine,
        version=str(ready.get("version", "")),
        threads=int(ready.get("threads", 1)),
        n_ctx=int(ready.get("n_ctx", 0)),
        n_batch=int(ready.get("n_batch", 0)),
        device=str(ready.get("device", "cpu")),
        build=str(ready.get("build", "")),
        endpoint=str(ready.get("endpoint", "")),
        chat_template=str(facts.get("chat_template", "")),
        bos_token=str(facts.get("bos_token", "")),
        eos_token=str(facts.get("eos_token", "")),
        rss_bytes=rss_bytes,
        ms_load=ms_load,
        capabilities=Capabilities(**{**raw, "ignored_params": tuple(raw.get("ignored_params", ()))}),
    )
