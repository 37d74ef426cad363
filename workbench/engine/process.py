"""A loaded model as an object of the event loop: ``launch``, ``generate``, ``cancel``, ``close``.

Promises: generating never raises for an engine's faults, it ends in exactly one ``Finished`` or ``Failed``; a
cancel ends within some three seconds whatever the engine does, and the text so far counts; a dead child is
noticed, named and reaped; ``close`` may be called at any time and twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from workbench.engine import LoadSpec
from workbench.engine.cause import describe_exit, first_cause, overflow_hint
from workbench.engine.facts import header_facts
from workbench.engine.generation import Generation, Patience
from workbench.engine.loading import Loading, describe
from workbench.engine.protocol import Message
from workbench.engine.quarantine import note_crash
from workbench.engine.wire import ChildProcess
from workbench.error import EngineError
from workbench.event import EngineInfo, Event, Failed, Progress
from workbench.param import Params

# Seconds before each harder way to end a child. A sound one leaves at once, whatever its engine computes.
GRACE = 0.25


class EngineProcess:
    """One child with one loaded model. All methods belong to the event loop that launched it."""

    def __init__(self, spec: LoadSpec, patience: Patience) -> None:
        self.spec = spec
        self.info = EngineInfo(name=spec.engine, version="")
        self.patience = patience
        self._child: ChildProcess | None = None
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._generation: Generation | None = None
        self._tokens: dict[int, asyncio.Future[int | None]] = {}
        self._n_ctx_train = 0
        self._numbers = 0
        self._generations = 0
        self._slowest_batch = 0.0
        self.exit_code: int | None = None
        self._ended: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    # --- life

    @classmethod
    async def launch(
        cls,
        spec: LoadSpec,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        patience: Patience | None = None,
    ) -> EngineProcess:
        """Start a child and load. Progress is in bytes of the file (percent for ``scripted``), times from the
        call.

        Raises EngineError: kind ``load`` when the engine refuses the file, ``crash`` when it dies of it,
        ``timeout``. Cancelling the call ends the child.
        """
        engine = cls(spec, patience or Patience())
        try:
            await engine._start(on_progress or (lambda _progress: None))
        except BaseException:
            await asyncio.shield(engine.close())
            raise
        return engine

    async def _start(self, report: Callable[[Progress], None]) -> None:
        begun = time.monotonic()
        # Read before the child starts: a broken file is refused with a better word than the engine has.
        facts = await asyncio.to_thread(header_facts, self.spec)
        try:
            self._child = await ChildProcess.start(
                self.spec.engine, on_message=self._receive, on_close=self._lost, on_line=self._log_line
            )
        except OSError as error:
            raise EngineError(f"the engine's process did not start: {error}", kind="load") from error
        job = {
            "path": self.spec.path,
            "n_ctx": self.spec.n_ctx or facts.get("n_ctx", 0),
            "n_threads": self.spec.n_threads,
            "n_batch": self.spec.n_batch,
            "script": self.spec.script,
            "scratch": self._child.scratch,
            "facts": facts,
            "cache_type": self.spec.cache_type,
        }
        self._child.wire.send({"k": "load", "job": job})
        loading = Loading(self.spec, self._inbox, self._child, self.patience)
        ready = await loading.ready(report, begun)
        ms_load = round((time.monotonic() - begun) * 1000)
        self._n_ctx_train = int(facts.get("n_ctx_train", 0))
        self.info = describe(self.spec.engine, ready, facts, self._child.resident(), ms_load)

    @property
    def alive(self) -> bool:
        """True while the child can take a prompt."""
        return self._child is not None and self._ended is None and self._closing is None

    @property
    def pid(self) -> int:
        """Of the child; 0 when it never started."""
        return self._child.process.pid if self._child else 0

    @property
    def runs(self) -> int:
        """Generations so far."""
        return self._generations

    def resident(self) -> int:
        """Bytes of memory that the child holds now; 0 when it has ended."""
        return self._child.resident() if self._child else 0

    async def close(self) -> None:
        """End the child, free its memory and every descriptor. A running generation ends as
        cancelled.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._child is None:
            return
        if self._generation is not None:
            self._generation.cancelled = True
        await self._child.end(patience=GRACE)
        if self._ended is not None:
            await self._ended

    # --- work

    async def generate(
        self,
        prompt: str,
        params: Params,
        *,
        run_started: float | None = None,
        messages: Sequence[Mapping[str, str]] = (),
    ) -> AsyncIterator[Event]:
        """The events of one run: Started, then Progress, Piece and Chatter, then Finished or Failed.

        ``run_started`` is the ``time.monotonic()`` from which times count, by default now. One run at a time.
        Leaving the iteration early stops the engine. ``messages`` (role, content) are what a server gets that makes
        the prompt of them itself.
        """
        begun = time.monotonic() if run_started is None else run_started
        self._numbers += 1
        generation = Generation(self._numbers, self.info, begun, first=self._generations == 0)
        if problem := self._refusal(prompt):
            yield generation.failed("error", "refused", *problem)
            return
        assert self._child is not None
        self._generations += 1
        self._generation = generation
        try:
            self._child.wire.send(generation.order(prompt, params, messages))
            async for event in generation.events(self._ping, self.patience):
                if isinstance(event, Failed) and event.kind == "timeout":
                    await self._child.end(patience=GRACE)
                    event = replace(event, stderr=self._tail())
                # How large a server's context is was decided at its start.
                if isinstance(event, Failed) and event.kind == "context" and not self.info.endpoint:
                    event = replace(event, hint=self._ways_out(event.message, len(prompt)))
                yield event
        finally:
            if not generation.over.is_set():
                await self.cancel()
            self._generation = None
            # A stop in the first batch of a later prompt is given the time that batches take here.
            self._slowest_batch = max(self._slowest_batch, generation.slowest_batch)

    def _ways_out(self, message: str, characters: int) -> str:
        return overflow_hint(message, self.info.n_ctx, self._n_ctx_train, characters)

    def _refusal(self, prompt: str) -> tuple[str, str] | None:
        """What would crash or be changed silently in an engine is refused here, for all engines alike."""
        if not self.alive:
            return "the engine is not running", "Run again: it is loaded anew."
        if self._generation is not None:
            return "the engine is busy with another run", "Wait, or stop that run."
        if not prompt:
            return "the prompt is empty", "Write something for the model to continue."
        if "\0" in prompt and self.spec.engine == "gpt4all":
            return (
                "the prompt holds a NUL character, where gpt4all would end it",
                "Remove the character, or choose the engine llamacpp.",
            )
        if any("\ud800" <= char <= "\udfff" for char in prompt):
            return (
                "the prompt holds half a character (a lone surrogate)",
                "It comes from broken text, often a file that is not UTF-8.",
            )
        return None

    async def cancel(self) -> None:
        """Stop the running generation, if any. Returns when the child has acknowledged, or has been
        killed.
        """
        generation, child = self._generation, self._child
        if generation is None or child is None or generation.over.is_set():
            return
        if generation.cancelled:
            await generation.over.wait()
            return
        generation.cancelled = True
        child.wire.send({"k": "stop", "id": generation.number})
        # Two batches of the prompt may have to be computed before the engine looks up.
        if await generation.ended(max(self.patience.stop, 2 * max(self._slowest_batch, generation.slowest_batch))):
            return
        await child.end(patience=GRACE)
        await generation.over.wait()

    async def count_tokens(self, text: str) -> int | None:
        """How many tokens ``text`` has; None when the engine cannot tell, is busy or dead."""
        if not self.alive or self._child is None or self._generation is not None:
            return None
        if not self.info.capabilities.tokenize:
            return None
        self._numbers += 1
        number = self._numbers
        future = asyncio.get_running_loop().create_future()
        self._tokens[number] = future
        try:
            self._child.wire.send({"k": "tokenize", "id": number, "text": text})
            async with asyncio.timeout(self.patience.pong):
                count: int | None = await future
                return count
        except TimeoutError:
            return None
        finally:
            del self._tokens[number]

    # --- what the child says

    def _ping(self) -> None:
        if self._child is not None:
            self._child.wire.send({"k": "ping"})

    def _receive(self, message: Message) -> None:
        if message["k"] == "tokens" and (future := self._tokens.get(message.get("id", 0))) is not None:
            if not future.done():
                future.set_result(message.get("n"))
        elif self._generation is not None:
            self._generation.receive(message)
        else:
            self._inbox.put_nowait(message)

    def _log_line(self, line: str) -> None:
        if self._generation is not None:
            self._generation.log_line(line)

    def _lost(self) -> None:
        self._ended = asyncio.ensure_future(self._reap())

    async def _reap(self) -> None:
        """The socket is closed: the child is dead, or must be."""
        assert self._child is not None
        child, unasked = self._child, self._closing is None
        if not await child.ended(2.0 if self._closing is None else 60.0):
            child.process.kill()
            await child.process.wait()
        await child.log_ended()
        code = self.exit_code = child.process.returncode
        for future in self._tokens.values():
            if not future.done():
                future.set_result(None)
        if self._generation is not None:
            text, hint = describe_exit(self.spec.engine, code, self._log())
            self._generation.lost(code, text, hint, self._tail())
        self._inbox.put_nowait({"k": "exit", "code": code})
        if unasked and self.spec.path:
            why = first_cause(self._log()) or describe_exit(self.spec.engine, code, ())[0]
            await asyncio.to_thread(note_crash, self.spec.engine, Path(self.spec.path), code, why)

    def _log(self) -> list[str]:
        return list(self._child.log.lines) if self._child else []

    def _tail(self) -> str:
        return self._child.log.tail() if self._child else ""
