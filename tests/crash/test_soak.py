"""A long day of runs, four at a time: memory, descriptors, threads and tasks stay where they were."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from workbench.service import RunSpec, Workbench, open_workbench
from workbench.workspace import init_workspace

# 50,000 tokens in the tests, a million in the soak.
RUNS = 250 if os.environ.get("WORKBENCH_SOAK") else 20
TOKENS = 4000 if os.environ.get("WORKBENCH_SOAK") else 2500
AT_ONCE = 4
GROWTH = 20 << 20


def figures() -> tuple[int, int, int]:
    """Resident bytes, descriptors and threads of this process."""
    process = psutil.Process()
    return process.memory_info().rss, process.num_fds(), threading.active_count()


async def one(bench: Workbench, script: str) -> None:
    spec = RunSpec(bench.load_template("london"), engine="scripted", script=script, params={"max_tokens": TOKENS})
    handle = bench.start_run(spec)
    async for _event in handle.events():
        handle.flush()
    assert len(handle.text) == TOKENS * 2
    assert not handle.save_problem


async def test_many_runs_leave_nothing_behind(tmp_path: Path) -> None:
    space = init_workspace(tmp_path / "space").root
    bench = open_workbench(space)
    script = json.dumps({"pieces": ["a "], "repeat": TOKENS, "n_ctx": 100_000})
    early: tuple[int, int, int] | None = None
    # The loop's own pool grows as it likes; ours is as large after the first runs as after the last.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    try:
        for number in range(RUNS // AT_ONCE):
            await asyncio.gather(*(one(bench, script) for _ in range(AT_ONCE)))
            if number == max(0, RUNS // AT_ONCE // 10):
                early = figures()
        late = figures()
        tasks = len(asyncio.all_tasks())
    finally:
        await bench.close()
    assert early is not None
    print(f"{RUNS * TOKENS:,} tokens: {early[0] >> 20} MiB early, {late[0] >> 20} MiB late, {late[1]} descriptors")
    assert late[0] - early[0] <= GROWTH
    assert late[1:] == early[1:]
    assert tasks <= 4
