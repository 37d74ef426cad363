"""Verifying on the real model: it repeats itself to the byte, in fresh processes and after other work."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.test_verify import differing, ran, verified
from workbench.service import open_workbench
from workbench.workspace import init_workspace

SOAK = bool(os.environ.get("WORKBENCH_SOAK"))
TOKENS = 120 if SOAK else 12
KINDS: tuple[dict[str, Any], ...] = ({"temperature": 0}, {"temperature": 1.0, "seed": 5})
real = [pytest.mark.real_model, pytest.mark.xdist_group("real_model"), pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    ("engine", "rounds"),
    [
        # Greedy and seeded in turn; in a soak 20 of each.
        pytest.param("llamacpp", 40 if SOAK else 20, marks=real),
        pytest.param("gpt4all", 40 if SOAK else 4, marks=real),
    ],
)
async def test_the_real_model_repeats_itself_in_fresh_processes_and_after_other_work(
    default_model: Path, tmp_path: Path, engine: str, rounds: int
) -> None:
    init_workspace(tmp_path / "space")
    bench = open_workbench(tmp_path / "space", model_dirs=[default_model.parent])

    async def fresh() -> None:
        for process in bench.pool.idle:
            await process.close()

    try:
        runs = []
        for params in KINDS:
            await fresh()
            runs.append(await ran(bench, engine=engine, params={**params, "max_tokens": TOKENS}))
        found = []
        for number in range(rounds):
            if number % (2 if SOAK else 4) == 3:
                await fresh()
            else:
                other = {**KINDS[number // 2 % 2], "max_tokens": 3}
                await ran(bench, engine=engine, params=other, variables={"what": f"{number} snow"})
            found.append(await verified(bench, *runs[number % 2]))
    finally:
        await bench.close()
    assert [(item.verdict, item.repro) for item in found] == [("identical", "exact")] * rounds
    assert {check.name for item in found for check in differing(item.checks)} == set()
    sha256 = next(check for check in found[0].checks if check.name == "model sha256")
    assert (sha256.state, len(sha256.now)) == ("equal", 64)


@pytest.mark.real_model
@pytest.mark.xdist_group("real_model")
async def test_a_run_that_used_a_warm_cache_is_likely_and_verified_cold(default_model: Path, tmp_path: Path) -> None:
    init_workspace(tmp_path / "space")
    bench = open_workbench(tmp_path / "space", model_dirs=[default_model.parent])
    try:
        params = {"temperature": 0, "max_tokens": 4}
        session, _ = await ran(bench, engine="llamacpp", params=params)
        _, warm = await ran(bench, engine="llamacpp", params=params, variables={"what": "snow"}, session=session)
        found = await verified(bench, session, warm)
        assert found.repro == "likely"
        cache = next(check for check in found.checks if check.name == "prompt cache")
        assert (cache.recorded, cache.now, cache.state) == ("warm", "cold", "differs")
        again = bench.store.open_run(session, found.verify_id)
        assert again.result.repro == "exact"
        assert again.request.params == replace(bench.store.open_run(session, warm).request.params, cold_cache=True)
    finally:
        await bench.close()
