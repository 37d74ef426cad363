"""Panes that stream together, beside the same engines driven bare side by side; and key to echo while four stream.

Speed: the sum of the streams' tokens per second, each from its first to its last token, with the same prompt bytes,
threads and context; bare and app in turn, medians. Run as ``python -m bench.panes [ROUNDS] [MODEL ...]``: the models
take the panes in turn, by default the default model has all. ``python -m bench.panes echo [KEYS]`` measures keys with
the scripted engine at 80 pieces a second in each pane.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.echo import SOURCE as LONG_STORY
from bench.echo import Terminal, echo, words
from bench.speed import CONTEXT, THREADS
from bench.speed import SOURCE as STORY
from bench.speed import TOKENS as LONG
from workbench.engine import LoadSpec
from workbench.record import RunResult
from workbench.service import RunSpec, open_workbench
from workbench.service.plan import plan_run
from workbench.session.info import token_rate
from workbench.template.document import parse_document
from workbench.tui.app import WorkbenchApp
from workbench.tui.pane_view import PaneSettings
from workbench.workspace import init_workspace

COUNTS = (2, 4)
SIZE = (120, 36)
TOKENS = 100
SOURCE = STORY.replace(f"max_tokens = {LONG}", f"max_tokens = {TOKENS}")


def prompts(workspace: Path, models: Sequence[str]) -> list[tuple[LoadSpec, str]]:
    """For each model what is loaded, and the exact text that it sees."""
    bench = open_workbench(workspace)
    plans = [plan_run(bench, RunSpec(parse_document(SOURCE), model=model, save=False)) for model in models]
    return [(plan.load, plan.prompt_text) for plan in plans]


def bare(streams: Sequence[tuple[LoadSpec, str]]) -> float:
    """All bare loops at once, each in a process of its own; the sum of their tokens per second."""
    numbers = [str(TOKENS), str(CONTEXT), str(THREADS)]
    commands = [[sys.executable, "-m", "bench.bare", load.path, prompt, *numbers] for load, prompt in streams]
    # In sessions of their own, as the engines' children are: Linux shares a busy machine among sessions.
    loops = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) for command in commands
    ]
    done = [json.loads(loop.communicate()[0]) for loop in loops]
    return sum((float(item["tokens"]) - 1) / float(item["decode_s"]) for item in done)


async def side_by_side(workspace: Path, models: Sequence[str]) -> float:
    """The same in panes, started by one key; the sum of the panes' tokens per second."""
    app = WorkbenchApp(open_workbench(workspace))
    async with app.run_test(size=SIZE) as pilot:
        while not app.main.editing.rendered:
            await pilot.pause(0.02)
        app.main.editor.load_text(SOURCE)
        results: list[RunResult] = []
        # Loaded first: models that load for different times would not stream together.
        for params in ({"max_tokens": 2}, {}):
            await app.main.panes.set_all([PaneSettings(model, "llamacpp", params) for model in models])
            results.clear()
            for pane in app.main.panes.all:
                pane.record = None
            await pilot.press("f5")
            while len(results) < len(models):
                await pilot.pause(0.1)
                results = [pane.record.result for pane in app.main.panes.all if pane.record is not None]
            while app.main.running.busy:
                await pilot.pause(0.01)
        return sum(token_rate(item.tokens_out, item.ms_first, item.ms_total) for item in results)


def speed(rounds: int, models: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = init_workspace(Path(folder) / "space").root
        for count in COUNTS:
            chosen = [models[place % len(models)] for place in range(count)]
            streams = prompts(workspace, chosen)
            rows = []
            for number in range(rounds):
                row = (bare(streams), asyncio.run(side_by_side(workspace, chosen)))
                rows.append(row)
                print(f"{count} panes, round {number + 1}: bare {row[0]:.1f}, panes {row[1]:.1f}", flush=True)
            loop, panes = (median(column) for column in zip(*rows, strict=True))
            ratio = median(pane / alone for alone, pane in rows)
            print(
                f"{count} panes, median of {rounds}: bare {loop:.1f}, panes {panes:.1f} tokens/s in all, "
                f"ratio {panes / loop:.3f} (median of the rounds' ratios {ratio:.3f})",
                flush=True,
            )


def keys(count: int, columns: int, rows: int) -> None:
    """Key to echo in the editor, idle and while four panes stream."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = init_workspace(Path(folder) / "space").root
        (workspace / "templates" / "london.j2").write_text(LONG_STORY, encoding="utf-8")
        pieces = {"pieces": [f"word{n} " if n % 12 else "and so on.\n" for n in range(6000)], "delay_ms": 12}
        terminal = Terminal(
            workspace, columns, rows, {"WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": json.dumps(pieces)}
        )
        terminal.wait_for("Tell me a very")
        while terminal.read(1):
            pass
        # A comment in the header of the template, which stays in force.
        terminal.send(b"\x1b[F\r# " + "§".encode())
        terminal.wait_for("# §")
        idle = echo(terminal, count)
        # To the output, three panes more, run all, back to the editor.
        for data in (b"\x1b4", b"+", b"+", b"+"):
            terminal.send(data)
            terminal.read(1.0)
        terminal.send(b"\x1b[15~")
        terminal.wait_for("tok/s", 120)
        terminal.send(b"\x1b2")
        terminal.wait_for("§")
        print(f"{columns}x{rows}, {words('idle', idle)}; {words('four panes', echo(terminal, count))}", flush=True)
        os.kill(terminal.pid, 15)
        drain(terminal)


def drain(terminal: Terminal) -> None:
    """Take what the app still writes until it has ended."""
    with contextlib.suppress(OSError):
        while os.read(terminal.descriptor, 65536):
            pass
    os.waitpid(terminal.pid, 0)


def main() -> None:
    rest = sys.argv[1:]
    numbers = [int(item) for item in rest if item.isdigit()]
    if "echo" in rest:
        for columns, rows in ((80, 24), SIZE):
            keys(numbers[0] if numbers else 120, columns, rows)
    else:
        speed(numbers[0] if numbers else 5, [item for item in rest if not item.isdigit()] or [""])


if __name__ == "__main__":
    main()
