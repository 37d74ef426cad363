"""A grid killed with -9 and resumed ends with exactly its planned runs: none twice, none lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clitool import command, environment
from tests.tiny_model import write_tiny
from workbench.compare.keys import cell_key
from workbench.service import open_workbench
from workbench.service.grid_resume import find_grid
from workbench.workspace import init_workspace

AXES = ("--axis", "city = London, Oslo, 京都", "--axis", "temperature = 0-1 (+0.5)")


def make_space(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "space")
    template = '+++\n[[check]]\nregex = "."\n+++\nSay {{ city }}.'
    (tmp_path / "space/templates/say.j2").write_text(template, encoding="utf-8")
    return tmp_path / "space"


def start(space: Path, *words: str, script: dict[str, Any] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("grid", "say", *AXES, *words, "--format", "jsonl", "--quiet"),
        cwd=space,
        env=environment(script),
        stdout=subprocess.PIPE,
    )


def killed_after(process: subprocess.Popen[bytes], cells: int) -> list[dict[str, Any]]:
    """Kill once so many cells were said to be finished, most likely in the middle of the next; what was said."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(cells)]
    process.kill()
    said += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    # The kill may tear the last line.
    return [json.loads(line) for line in said if line.endswith(b"\n")]


def finished(process: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def look_after(space: Path, planned: int, acknowledged: set[str]) -> None:
    """One finished run a cell in the session, among them all that were said to be finished."""
    bench = open_workbench(space)
    session, group = find_grid(bench)
    assert group.plan["count"] == planned
    records = [bench.store.open_run(session, info.id) for info in bench.store.runs(session)]
    assert len(list((session.dir / "runs").iterdir())) == 2 * planned
    assert len(records) == planned
    assert len({cell_key(record.request.cell) for record in records}) == planned
    assert {record.result.status for record in records} == {"finished"}
    assert {record.request.group for record in records} == {group.id}
    assert acknowledged <= {record.request.id for record in records}
    assert len(list((session.dir / "groups").glob("*.toml"))) == 1


def test_killed_three_times_and_resumed_the_scripted_grid_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    space = make_space(tmp_path)
    script = {"echo": True, "delay_ms": 4}
    known = [line["run"] for line in killed_after(start(space, "--repeat", "2", script=script), 3)]
    for cells in (1, 5):
        known += [line["run"] for line in killed_after(start(space, "--repeat", "2", "--resume", script=script), cells)]
    last = finished(start(space, "--repeat", "2", "--resume", script=script))
    assert not set(known) & {line["run"] for line in last}
    look_after(space, 18, {*known, *(line["run"] for line in last)})


@pytest.mark.real_model
def test_two_real_models_killed_in_the_middle_end_with_eighteen_runs(
    tmp_path: Path, default_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = make_space(tmp_path)
    models = tmp_path / "models"
    models.mkdir()
    os.symlink(default_model, models / "one.gguf")
    write_tiny(models / "two.gguf", weights="chain")
    monkeypatch.setenv("WORKBENCH_MODELS", str(models))
    words = ("--model", "one", "--model", "two", "--param", "max_tokens=4", "--param", "n_ctx=256", "--seed", "5")
    known = killed_after(start(space, *words), 7)
    assert {line["model"] for line in known} == {"one.gguf"}
    last = finished(start(space, *words, "--resume"))
    assert {line["model"] for line in last} == {"one.gguf", "two.gguf"}
    look_after(space, 18, {line["run"] for line in (*known, *last)})
