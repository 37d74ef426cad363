"""Tokens per second through ``workbench run`` and through the app's pane, beside the engine's own bare loop.

Same model, same prompt bytes, greedy, same threads and context; the three are measured in turn, several rounds, and the
ratios are of medians. Run as ``python -m bench.speed [ROUNDS]``; needs the default model.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from workbench.service import RunSpec, Workbench, open_workbench
from workbench.template.document import parse_document
from workbench.tui.app import WorkbenchApp
from workbench.workspace import init_workspace

TOKENS = 200
CONTEXT = 1024
THREADS = 1
SOURCE = f"""+++
[params]
temperature = 0
top_k = 1
repeat_penalty = 1
max_tokens = {TOKENS}
n_ctx = {CONTEXT}
n_threads = {THREADS}
cold_cache = true
+++
Write a long story about London, with a hero, a river and a dog."""


def bare(model: Path, prompt: str) -> float:
    """Tokens per second of the bare loop in a process of its own."""
    command = [sys.executable, "-m", "bench.bare", str(model), prompt, str(TOKENS), str(CONTEXT), str(THREADS)]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return (float(done["tokens"]) - 1) / float(done["decode_s"])


def headless(template: Path, workspace: Path) -> float:
    """Tokens per second as they reach whoever reads the command's stdout."""
    command = [
        sys.executable,
        "-m",
        "workbench",
        "run",
        str(template),
        "--workspace",
        str(workspace),
        "--format",
        "jsonl",
    ]
    stamps: list[float] = []
    tokens = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "piece":
                stamps.append(time.perf_counter())
                tokens += int(event["tokens"])
    return (tokens - 1) / (stamps[-1] - stamps[0])


async def in_the_pane(workspace: Path) -> float:
    """Tokens per second as they are appended to the app's pane, 12 times a second, at 80x24."""
    app = WorkbenchApp(open_workbench(workspace))
    async with app.run_test(size=(80, 24)) as pilot:
        while not app.main.editing.rendered:
            await pilot.pause(0.02)
        app.main.editor.load_text(SOURCE)
        await pilot.press("f5")
        while not app.main.output.text:
            await pilot.pause(0.01)
        begin, first = time.perf_counter(), app.main.status.state.tokens
        grown, last = len(app.main.output.text), begin
        while app.main.running.busy:
            await pilot.pause(0.005)
            if len(app.main.output.text) > grown:
                # What comes after the last text, closing the record, is not speed.
                grown, last = len(app.main.output.text), time.perf_counter()
        return (app.main.status.state.tokens - first) / (last - begin)


def prompt_text(workbench: Workbench) -> tuple[Path, str]:
    """The model file and the exact text that it sees."""
    from workbench.service.plan import plan_run

    plan = plan_run(workbench, RunSpec(parse_document(SOURCE), save=False))
    return Path(plan.load.path), plan.prompt_text


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "space"
        init_workspace(workspace)
        template = workspace / "templates" / "story.j2"
        template.write_text(SOURCE, encoding="utf-8")
        model, prompt = prompt_text(open_workbench(workspace))
        rows: list[tuple[float, float, float]] = []
        for number in range(rounds):
            row = (bare(model, prompt), headless(template, workspace), asyncio.run(in_the_pane(workspace)))
            rows.append(row)
            print(f"round {number + 1}: bare {row[0]:.1f}, run {row[1]:.1f}, pane {row[2]:.1f} tokens/s", flush=True)
        loop, run, pane = (median(column) for column in zip(*rows, strict=True))
        print(f"median: bare {loop:.1f}, run {run:.1f} ({run / loop:.3f}), pane {pane:.1f} ({pane / loop:.3f})")


if __name__ == "__main__":
    main()
