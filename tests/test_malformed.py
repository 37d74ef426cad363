"""Malformed model files through both native engines: the workbench answers with a reason and stays whole.

The suite takes 139 files and some flips; ``WORKBENCH_SOAK=1`` takes 10,000 flips and gives every file to the native
code, also those that the header reader refuses. Figures go to stdout (``pytest -s``).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.contract.suite import collect, finished
from tests.leftover import leaves_nothing
from tests.malformed import COUNT, flips, malformed
from tests.tiny_model import write_tiny
from workbench.engine import EngineProcess, LoadSpec, facts
from workbench.engine.gguf import read_header
from workbench.engine.gguf_types import GgufHeader
from workbench.engine.select import choose_engine
from workbench.error import EngineError, NoEngine

SOAK = os.environ.get("WORKBENCH_SOAK") == "1"
FLIPS = 10_000 if SOAK else 20
UNREAD = COUNT if SOAK else 10
AT_ONCE = 2
ENGINES = ["llamacpp", "gpt4all"]


class Trial:
    """One batch of files through one engine."""

    def __init__(self, engine: str, path: Path, read: Callable[[Path], GgufHeader] = read_header) -> None:
        self.engine = engine
        self.path = path
        self.read = read
        self.given = 0
        self.crashed: list[str] = []
        self.ends: Counter[str] = Counter()
        self.slowest = 0.0

    async def give(self, name: str, content: bytes) -> None:
        """Write, choose, load, run if it loads; anything but an answer or an error of ours fails the test."""
        file = self.path / f"{self.given}.gguf"
        self.given += 1
        file.write_bytes(content)
        begun = time.monotonic()
        message = ""
        try:
            choose_engine(self.read(file), asked=self.engine)
            engine = await EngineProcess.launch(LoadSpec(self.engine, str(file), n_ctx=64))
        except NoEngine as error:
            message, end = str(error), "refused"
        except EngineError as error:
            message, end = error.message, error.kind
        else:
            try:
                end = type((await collect(engine, "hello"))[-1]).__name__
            finally:
                await engine.close()
        self.ends[end] += 1
        if end == "crash":
            self.crashed.append(name)
        assert end in ("Finished", "Failed") or len(message) > 15, name
        self.slowest = max(self.slowest, time.monotonic() - begun)
        file.unlink()

    async def give_all(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Two at a time. Afterwards: nothing left behind, and a sound model answers within three seconds."""
        waiting = iter(files)

        async def work() -> None:
            for name, content in waiting:
                await self.give(name, content)

        with leaves_nothing():
            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        assert self.slowest < 5
        begun = time.monotonic()
        engine = await EngineProcess.launch(LoadSpec(self.engine, str(write_tiny(self.path / "sound.gguf")), n_ctx=64))
        try:
            assert finished(await collect(engine, "hello")).tokens_out > 0
        finally:
            await engine.close()
        usable = time.monotonic() - begun
        assert usable < 3
        ends = ", ".join(f"{kind} {count}" for kind, count in sorted(self.ends.items()))
        print(f"{self.engine}: {len(files)} files: {ends}; slowest {self.slowest:.2f} s, usable after {usable:.2f} s")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny.gguf")


@pytest.mark.parametrize("engine", ENGINES)
async def test_malformed_files_are_answered_with_a_reason(engine: str, sound: Path, tmp_path: Path) -> None:
    header = read_header(sound)
    content = sound.read_bytes()
    files = malformed(content, header)
    files += flips(content, header.info_end_offset, FLIPS, seed=2)
    trial = Trial(engine, tmp_path)
    await trial.give_all(files)
    assert sum(trial.ends.values()) == COUNT + FLIPS
    # Most is seen in the header, before a process is started; what is not is refused by the native loader.
    assert trial.ends["refused"] > COUNT / 2
    assert [name for name in trial.crashed if not name.startswith("flip")] == []


@pytest.mark.parametrize("engine", ENGINES)
async def test_native_code_that_meets_them_unread_harms_nobody(
    engine: str, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if our own reader had passed them: the child may die of it, the workbench says so and goes on."""
    header = read_header(sound)
    monkeypatch.setattr("workbench.engine.gguf.read_header", lambda _path: header)
    assert facts.header_facts(LoadSpec(engine, "anything"))["n_ctx_train"] == header.n_ctx_train
    files = malformed(sound.read_bytes(), header)
    trial = Trial(engine, tmp_path, lambda _path: header)
    await trial.give_all(files[:: max(1, COUNT // UNREAD)])
    assert trial.ends["load"] + trial.ends["crash"] > UNREAD / 2


def test_our_reader_is_quick_and_never_raises_on_them(sound: Path, tmp_path: Path) -> None:
    content = sound.read_bytes()
    slowest = 0.0
    for number, (_, data) in enumerate(malformed(content, read_header(sound))):
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(data)
        begun = time.process_time()
        read_header(path)
        slowest = max(slowest, time.process_time() - begun)
    print(f"header reader: slowest of {COUNT} files {slowest * 1000:.1f} ms")
    assert slowest < 0.2
