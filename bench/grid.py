"""Grids measured: tokens read when prompts share a beginning, runs in parallel, and promptfoo on the same server.

``python -m bench.grid [read|parallel|promptfoo]...``, by default all. Needs the default model; promptfoo needs Node 22
and is looked for in ``PROMPTFOO`` (path of its command), else it is said what is missing.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from workbench.compare.schedule import shared_beginning
from workbench.service import open_workbench
from workbench.service.grid import GridRun
from workbench.service.grid_axes import GridSpec
from workbench.service.grid_events import Totals
from workbench.service.grid_plan import prepare_grid
from workbench.template.axis import Axis
from workbench.template.document import parse_document
from workbench.workspace import init_workspace

COMMON = " ".join(f"Fact {number}: the river of town {number} is {number * 7} km long." for number in range(22))
SEQUENCES, TOKENS = 4, 48
ROUNDS = 3
CELLS, CELL_TOKENS = 18, 24


async def lanes_rate(workspace: Path, lanes: int) -> float:
    """Tokens per second of a grid with so many runs at once, engines loaded before."""
    bench = open_workbench(workspace)
    settings = {"temperature": 0, "max_tokens": TOKENS, "n_ctx": 1024, "n_threads": 1, "cold_cache": True}
    rates = []
    for tokens in (1, TOKENS):
        numbers = Axis(("n",), tuple((number,) for number in range(SEQUENCES)))
        document = parse_document("Tell the long story number {{ n }}.")
        params = settings | {"max_tokens": tokens}
        spec = GridSpec(document, (numbers,), params=params, parallel=lanes, reuse=False)
        grid_run = GridRun(bench, prepare_grid(bench, spec))
        async for _ in grid_run.events():
            pass
        rates.append(grid_run.totals.tokens_per_s)
    await bench.close()
    return rates[-1]


async def read_once(workspace: Path) -> tuple[Totals, int]:
    """The totals, and the fewest tokens that any order has to read."""
    bench = open_workbench(workspace)
    questions = Axis(("q",), tuple((f"What of town {number * 5 % 12}?",) for number in range(12)))
    source = '+++\nmode = "raw"\n+++\n' + COMMON + " {{ q }}"
    spec = GridSpec(parse_document(source), (questions,), params={"temperature": 0, "max_tokens": 1}, reuse=False)
    grid_run = GridRun(bench, prepare_grid(bench, spec))
    async for _ in grid_run.events():
        pass
    process = bench.pool.idle[0]
    texts = sorted(item.text for item in grid_run.grid.cells)
    best = await process.count_tokens(texts[0]) or 0
    for last, text in pairwise(texts):
        shared = await process.count_tokens(text[: shared_beginning(last, text)]) or 0
        best += (await process.count_tokens(text) or 0) - shared
    await bench.close()
    return grid_run.totals, best


def read(workspace: Path) -> None:
    """12 prompts with a common beginning of some 400 tokens, planned in an order that alternates."""
    totals, best = asyncio.run(read_once(workspace))
    done = totals.tokens_in - totals.tokens_cached
    print(f"read: {done} of {totals.tokens_in} prompt tokens, best {best} ({done / best:.3f})", flush=True)


def parallel(workspace: Path) -> None:
    """Total decoding speed: several sequences in one llama.cpp, and several children of the workbench."""
    model = str(open_workbench(workspace).find_model().path)
    slots_rates: dict[int, list[float]] = {}
    lane_rates: dict[int, list[float]] = {}
    processor: dict[int, list[float]] = {}
    for _ in range(ROUNDS):
        for slots in (1, 2, 4):
            words = [sys.executable, "-m", "bench.slots", "rate", model, str(slots), str(SEQUENCES), str(TOKENS), "1"]
            wall, worked = map(float, subprocess.run(words, capture_output=True, check=True).stdout.split())
            slots_rates.setdefault(slots, []).append(wall)
            processor.setdefault(slots, []).append(worked)
        for lanes in (1, 2):
            lane_rates.setdefault(lanes, []).append(asyncio.run(lanes_rate(workspace, lanes)))
    for slots, rates in slots_rates.items():
        worked = median(processor[slots])
        print(
            f"parallel: {slots} at once in one llama.cpp, 1 thread: {told(rates)}, {worked:.1f} per CPU s", flush=True
        )
    for lanes, rates in lane_rates.items():
        print(f"parallel: a grid with {lanes} at once, a child each of 1 thread: {told(rates)}", flush=True)


def told(rates: list[float]) -> str:
    return f"{median(rates):.1f} tokens/s (of {', '.join(f'{rate:.1f}' for rate in rates)})"


@contextmanager
def llama_server(model: str, slots: int) -> Iterator[str]:
    """Its base address while it serves."""
    words = [sys.executable, "-m", "bench.slots", "serve", model, str(slots)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = process.stdout.readline().strip()
        try:
            yield address
        finally:
            process.stdin.close()


def promptfoo(workspace: Path) -> None:
    """The same 18 cells against the same llama.cpp server, four at a time; wall time of the whole commands."""
    command = os.environ.get("PROMPTFOO") or shutil.which("promptfoo")
    model = str(open_workbench(workspace).find_model().path)
    with llama_server(model, 4) as address, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config" / "prompt-workbench"
        config.mkdir(parents=True)
        (config / "config.toml").write_text(f'[[server]]\nname = "box"\nurl = "{address}/v1"\n', encoding="utf-8")
        (Path(folder) / "promptfooconfig.yaml").write_text(json.dumps(foo_config(address)), encoding="utf-8")
        (workspace / "templates" / "towns.j2").write_text("Say something about {{ town }}.", encoding="utf-8")
        mine, theirs = [], []
        for _ in range(ROUNDS):
            mine.append(timed(grid_command(workspace), {"XDG_CONFIG_HOME": str(config.parent)}, folder))
            if command:
                words = [command, "eval", "--no-cache", "--no-table", "--no-progress-bar", "-j", "4", "-o", "out.json"]
                theirs.append(timed(words, foo_environment(folder), folder))
        print(f"promptfoo: workbench grid {seconds(mine)}", flush=True)
        if not command:
            print("promptfoo: not there; npm install promptfoo with Node 22, and set PROMPTFOO to its command")
            return
        results = json.loads((Path(folder) / "out.json").read_text(encoding="utf-8"))["results"]["stats"]
        print(f"promptfoo: promptfoo eval {seconds(theirs)}, {results['successes']} of {CELLS} answers", flush=True)
        print(f"promptfoo: ratio {median(mine) / median(theirs):.2f}", flush=True)


def towns() -> list[str]:
    return [f"town {number}" for number in range(CELLS)]


def grid_command(workspace: Path) -> list[str]:
    words = [sys.executable, "-m", "workbench", "grid", "towns", "--workspace", str(workspace), "--model", "server:box"]
    words += ["--axis", f"town = {', '.join(towns())}", "--param", "temperature=0", "--no-reuse", "--quiet"]
    return [*words, "--param", f"max_tokens={CELL_TOKENS}", "--format", "json", "--output", "mine.json"]


def foo_config(address: str) -> dict[str, Any]:
    settings = {"apiBaseUrl": f"{address}/v1", "apiKey": "none", "temperature": 0, "max_tokens": CELL_TOKENS}
    return {
        "prompts": ["Say something about {{town}}."],
        "providers": [{"id": "openai:chat:model", "config": settings}],
        "tests": [{"vars": {"town": town}} for town in towns()],
    }


def foo_environment(folder: str) -> dict[str, str]:
    quiet = ("PROMPTFOO_DISABLE_TELEMETRY", "PROMPTFOO_DISABLE_UPDATE", "PROMPTFOO_DISABLE_REMOTE_GENERATION")
    return {**dict.fromkeys(quiet, "1"), "PROMPTFOO_CONFIG_DIR": folder, "PROMPTFOO_SELF_HOSTED": "1"}


def timed(words: list[str], environment: dict[str, str], folder: str) -> float:
    begin = time.perf_counter()
    done = subprocess.run(words, env=os.environ | environment, cwd=folder, capture_output=True, text=True)
    if done.returncode not in (0, 100):
        raise SystemExit(f"{words[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - begin


def seconds(times: list[float]) -> str:
    return f"{median(times):.2f} s (of {', '.join(f'{value:.2f}' for value in times)})"


def main() -> None:
    parts = {"read": read, "parallel": parallel, "promptfoo": promptfoo}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "space"
        init_workspace(workspace)
        for name in sys.argv[1:] or parts:
            parts[name](workspace)


if __name__ == "__main__":
    main()
