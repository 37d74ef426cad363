"""``workbench score`` of a grid, and what a person's rating does to the results of a grid."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.clitool import cli
from workbench.compare.stats import rate_text
from workbench.workspace import init_workspace


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    init_workspace(tmp_path / "space")
    (tmp_path / "space/templates/say.j2").write_text("Say {{ city }}.", encoding="utf-8")
    return tmp_path / "space"


def work(space: Path, *words: str, fail: bool = False) -> subprocess.CompletedProcess[bytes]:
    return cli(*words, cwd=space, script={"fail_at": 0} if fail else {"echo": True})


def grid(space: Path, axis: str, *words: str, fail: bool = False) -> str:
    """The id of the new group."""
    work(space, "grid", "say", "--axis", axis, "--param", "temperature=0", *words, fail=fail)
    return max(path.stem for path in space.glob("sessions/2*/*/groups/*.toml"))


def test_a_grid_is_scored_with_the_runs_that_were_on_disk_already(space: Path) -> None:
    grid(space, "(city, mood) = (Oslo, sad)")
    group = grid(space, "city = Oslo, Bergen")
    told = work(space, "score", group, "--check", "contains=Oslo", "--format", "json", "--no-save")
    data = json.loads(told.stdout)
    assert [(row["cell"], row["verdict"]) for row in data["runs"]] == [
        ({"city": "Oslo"}, "pass"),
        ({"city": "Bergen"}, "fail"),
    ]
    reused = grid(space, "city = Bergen, Oslo")
    assert b"2/2" in work(space, "score", reused, "--check", "contains=Say").stdout


def test_without_a_finished_run_that_is_the_reason(space: Path) -> None:
    group = grid(space, "city = Oslo", fail=True)
    told = work(space, "score", group, "--check", "contains=Oslo")
    assert told.returncode == 2
    assert b"has finished: there is nothing to score" in told.stderr
    assert b"--resume" in told.stderr


def test_numbers_say_no_more_than_they_know(space: Path) -> None:
    group = grid(space, "city = Oslo")
    assert b"1.00 (n = 1)" in work(space, "score", group, "--check", "contains=Oslo").stdout
    assert rate_text(1, 100_000) == "1/100000 (0.00-0.01 %)"
    assert rate_text(7, 9) == "7/9 (45-94 %)"
