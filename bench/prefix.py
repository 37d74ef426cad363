"""First token after a change at the end of a long prompt, and how soon a stop is a stop.

``python -m bench.prefix [ROUNDS [--llm COMMAND]]`` needs the default model. A prompt of some 1,600 tokens; its last
line is changed each round. Cold is a whole reading (``cold_cache``), warm a reading by the engine that read the last
one. Beside it the bare runtime (``python -m bench.prefix bare MODEL``), and ``llm``, if a command line for it is
given: the prompt goes to its stdin, and its first byte counts. Medians. A stop is measured by the processor time that
the engine's child still takes, and by the clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from workbench.engine import EngineProcess, LoadSpec
from workbench.engine.compat import compatible_copy
from workbench.engine.generation import Patience
from workbench.engine.gguf import read_header
from workbench.event import Event, Finished, Piece, Progress
from workbench.param import Params
from workbench.service import open_workbench
from workbench.workspace import init_workspace

N_CTX, THREADS = 2048, 1
LINES = "".join(
    f"{number}. On day {number} the ship was near the coast and the wind came from the west.\n"
    for number in range(1, 73)
)
QUESTIONS = ("Where was the ship?", "What came from the west?", "How long was it?", "Who was there?", "Why?")
STORY = "<|im_start|>user\nTell me a long story about London.<|im_end|>\n<|im_start|>assistant\n"


def prompt(number: int) -> str:
    question = f"{number} {QUESTIONS[number % len(QUESTIONS)]}"
    return f"<|im_start|>user\n{LINES}{question}<|im_end|>\n<|im_start|>assistant\n"


async def first_token(engine: EngineProcess, text: str, *, cold: bool) -> tuple[float, Finished]:
    """Seconds from the call to the first text in this process."""
    params = Params(temperature=0, repeat_penalty=1, max_tokens=4, cold_cache=cold)
    begun, first, end = time.perf_counter(), 0.0, None
    async for event in engine.generate(text, params):
        if isinstance(event, Piece) and not first:
            first = time.perf_counter() - begun
        elif isinstance(event, Finished):
            end = event
    assert end is not None
    return first, end


class Times:
    """Seconds to the first token, cold and warm."""

    def __init__(self) -> None:
        self.cold: list[float] = []
        self.warm: list[float] = []


async def in_turns(model: Path, rounds: int) -> tuple[Times, Times, str]:
    """The workbench and the bare runtime, one after the other in each round: both meet the same noise."""
    ours, theirs, what = Times(), Times(), ""
    command = [sys.executable, "-m", "bench.prefix", "bare", str(model)]
    engine = await EngineProcess.launch(LoadSpec("llamacpp", str(model), n_ctx=N_CTX, n_threads=THREADS))
    other = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        for cold in (True, False):
            for number in range(rounds):
                text = prompt(number if cold else number + 100)
                seconds, end = await first_token(engine, text, cold=cold)
                other.stdin.write(json.dumps({"prompt": text, "cache_prompt": not cold}).encode() + b"\n")
                their_seconds = float(await other.stdout.readline())
                (ours.cold if cold else ours.warm).append(seconds)
                (theirs.cold if cold else theirs.warm).append(their_seconds)
                what = f"{end.tokens_in} tokens, {end.tokens_cached} of them from the cache"
    finally:
        other.kill()
        await engine.close()
    return ours, theirs, what


def bare(model: str) -> None:
    """The runtime with its own defaults but for threads and context: requests by line, seconds by line."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.n_ctx, settings.n_parallel = N_CTX, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = THREADS
    settings.verbosity = 0
    server = xllamacpp.Server(settings)
    for line in sys.stdin:
        begun, first = time.perf_counter(), 0.0

        def take(chunk: dict[str, Any]) -> bool:
            nonlocal first
            if not first and any(choice.get("text") for choice in chunk.get("choices") or []):
                first = time.perf_counter() - begun  # noqa: B023 called before the next line is read
            return False

        server.handle_completions(json.loads(line) | {"max_tokens": 4, "temperature": 0.0, "stream": True}, take)
        print(first, flush=True)
    os._exit(0)


def llm_times(command: str, rounds: int) -> list[float]:
    """Seconds to the first byte of another program's answer."""
    found = []
    for number in range(rounds):
        begun = time.perf_counter()
        with subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            program.stdin.write((LINES + f"{number} Where was the ship?").encode())
            program.stdin.close()
            program.stdout.read(1)
            found.append(time.perf_counter() - begun)
            program.kill()
    return found


async def stop_times(engine_name: str, model: Path, phase: str, rounds: int) -> tuple[list[float], list[float]]:
    """Processor time of the child after the call of ``cancel``, and the time until it has acknowledged; seconds."""
    # Long enough that a busy machine does not turn a stop into a kill.
    spec, patience = LoadSpec(engine_name, str(model), n_ctx=N_CTX, n_threads=THREADS), Patience(stop=30)
    engine = await EngineProcess.launch(spec, patience=patience)
    child = psutil.Process(engine.pid)
    spent, waited = [], []
    try:
        for number in range(rounds):
            text = prompt(number) if phase == "reading" else STORY
            params = Params(temperature=0, repeat_penalty=1, max_tokens=1000, cold_cache=True)
            before, begun = 0.0, 0.0
            async for event in engine.generate(text, params):
                if not begun and _due(event, phase):
                    before, begun = _cpu(child), time.perf_counter()
                    await engine.cancel()
                    waited.append(time.perf_counter() - begun)
                elif isinstance(event, Finished):
                    assert event.reason == "cancel", event
            while await asyncio.to_thread(child.cpu_percent, 0.1) > 5:
                pass
            spent.append(_cpu(child) - before)
    finally:
        await engine.close()
    return spent, waited


def _due(event: Event, phase: str) -> bool:
    if phase == "reading":
        return isinstance(event, Progress) and event.done > 100
    return isinstance(event, Piece) and event.index == 10


def _cpu(child: psutil.Process) -> float:
    times = child.cpu_times()
    return float(times.user + times.system)


def _line(name: str, cold: list[float], warm: list[float]) -> None:
    ratio = f"{median(cold) / median(warm):7.1f} x" if warm else "        -"
    sooner = f"{median(warm):7.3f} s" if warm else "        -"
    print(f"{name:<22} cold {median(cold):7.2f} s   warm {sooner}   {ratio}", flush=True)


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["bare"]:
        bare(words[1])
    llm = words[words.index("--llm") + 1] if "--llm" in words else ""
    rounds = int(words[0]) if words and words[0].isdigit() else 5
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        bench = open_workbench(init_workspace(Path(folder) / "space").root)
        model = bench.find_model("").path
        ours, theirs, what = asyncio.run(in_turns(model, rounds))
        print(what)
        _line("workbench", ours.cold, ours.warm)
        _line("bare xllamacpp", theirs.cold, theirs.warm)
        if llm:
            _line("llm", llm_times(llm, rounds), [])
        copy = compatible_copy(model, read_header(model), Path(folder))
        for name, path in (("llamacpp", model), ("gpt4all", copy)):
            for phase in ("decoding", "reading"):
                spent, waited = asyncio.run(stop_times(name, path, phase, rounds))
                took = (f"{1000 * median(times):4.0f} (most {1000 * max(times):4.0f}) ms" for times in (spent, waited))
                print(f"stop while {phase:<8} {name:<9} processor {next(took)}   clock {next(took)}", flush=True)


if __name__ == "__main__":
    main()
