"""``workbench score`` of a grid, and what a person's rating does to the results of a grid."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from tests.clitool import cli
from workbench.compare.stats import rate_text
from workbench.service import open_workbench
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


def test_a_grid_that_runs_nothing_makes_no_session(space: Path) -> None:
    first = grid(space, "city = Oslo, Rome")
    sessions = set(space.glob("sessions/2*/*"))
    second = grid(space, "city = Rome, Oslo")
    assert set(space.glob("sessions/2*/*")) == sessions
    assert first != second
    again = work(space, "grid", "say", "--resume", second, "--format", "csv")
    assert (again.returncode, again.stdout.count(b"done")) == (0, 2)


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


def test_a_rating_goes_before_the_checks_in_all_results_of_a_grid(space: Path) -> None:
    group = grid(space, "city = Oslo, Bergen", "--check", "contains=Rome")
    bench = open_workbench(space)
    (session,) = [item for item in bench.store.list_sessions() if "grid" in item.tags]
    good, bad = (info.id for info in bench.store.runs(session))
    session = bench.store.rate_run(session, good, 5)
    session = bench.store.star_run(session, good, True)
    bench.store.note_run(session, good, "my *note*")
    bench.renderer.close()

    def result(form: str) -> subprocess.CompletedProcess[bytes]:
        return work(space, "grid", "say", "--resume", group, "--format", form)

    told = result("csv")
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(told.stdout.decode()))}
    assert told.returncode == 1
    assert b"contains=Rome: 0/2" in told.stderr
    assert b"all checks, 1 run rated by hand: 1/2" in told.stderr
    marks = ("passed", "rating", "star", "remark")
    assert [rows[good][name] for name in marks] == ["yes", "5", "yes", "my *note*"]
    assert [rows[bad][name] for name in marks] == ["no", "", "no", ""]
    assert b"1/1" in result("table").stdout
    assert b'failures="1"' in result("junit").stdout
    for form in ("md", "html"):
        assert "rated 5 of 5" in result(form).stdout.decode()
    data = json.loads(result("json").stdout)
    assert (data["passed"]["passes"], data["rated"], data["checks"]["contains=Rome"]["passes"]) == (1, 1, 0)
    bench = open_workbench(space)
    (session,) = [item for item in bench.store.list_sessions() if "grid" in item.tags]
    bench.store.rate_run(session, bad, 3)
    bench.renderer.close()
    assert result("csv").returncode == 0
    # A new grid that takes the same runs from disk takes their ratings as well.
    assert (
        work(
            space,
            "grid",
            "say",
            "--axis",
            "city = Oslo, Bergen",
            "--param",
            "temperature=0",
            "--check",
            "contains=Rome",
        ).returncode
        == 0
    )


def test_rates_stand_below_their_own_check_and_means_with_them(space: Path) -> None:
    words = ("--axis", "city = Oslo, Rome", "--param", "temperature=1", "--repeat", "2")
    checks = ("--check", "contains=Rome", "--check", "words>=9")
    told = work(space, "grid", "say", *words, *checks, "--format", "json")
    lines = told.stderr.decode().splitlines()
    start = lines.index("contains=Rome: 2/4 (15-85 %)")
    assert [line.partition(" (")[0] for line in lines[start : start + 9]] == [
        "contains=Rome: 2/4",
        "  city = Oslo: 0/2",
        "  city = Rome: 2/2",
        "words>=9: 0/4",
        "  city = Oslo: 0/2",
        "  city = Rome: 0/2",
        "all checks: 0/4",
        "  city = Oslo: 0/2",
        "  city = Rome: 0/2",
    ]
    assert any(line.startswith("tokens_out, mean ± sd: ") and line.endswith("(n = 4)") for line in lines)
    data = json.loads(told.stdout)
    assert data["checks"]["contains=Rome"]["axes"]["city"]["Rome"]["passes"] == 2
    mean = data["means"]["tokens_out"]
    assert mean["n"] == 4
    assert mean["interval"][0] <= mean["mean"] <= mean["interval"][1]
    assert mean["axes"]["city"]["Oslo"]["n"] == 2
    page = work(space, "grid", "say", "--resume", "--format", "md").stdout.decode()
    assert "\n  - city = Rome: 2/2" in page


def test_repeats_that_must_be_the_same_are_no_further_evidence(space: Path) -> None:
    words = ("--axis", "city = Oslo, Rome", "--seed", "4", "--repeat", "4", "--check", "contains=Rome")
    told = work(space, "grid", "say", *words, "--format", "json")
    lines = told.stderr.decode().splitlines()
    assert "same seed, same text: 6 repeats counted once with another" in lines
    assert "contains=Rome: 1/2 (9-91 %)" in lines
    data = json.loads(told.stdout)
    assert (data["checks"]["contains=Rome"]["n"], data["means"]["tokens_out"]["n"], len(data["cells"])) == (2, 2, 8)
    page, table = (work(space, "grid", "say", "--resume", "--format", form).stdout.decode() for form in ("md", "table"))
    assert "**1/1 " in page
    assert "1/1 (21-100 %)" in table
    group = next(space.glob("sessions/2*/*/groups/*.toml")).stem
    scored = work(space, "score", group, "--check", "contains=Rome").stdout.decode()
    assert [line.split()[-3:] for line in scored.splitlines() if "contains=Rome  " in line] == [["1/2", "(9-91", "%)"]]
