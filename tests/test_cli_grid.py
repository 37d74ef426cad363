"""``workbench grid`` in a process of its own: formats, exit codes, the questions before and the words after."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.clitool import cli, command, environment
from workbench.cli.grid import FORMATS
from workbench.cli.grid_out import result_text
from workbench.cli.grid_talk import GridTalk
from workbench.cli.out import Talk
from workbench.service import open_workbench
from workbench.service.grid import GridRun
from workbench.service.grid_axes import GridSpec
from workbench.service.grid_events import CellStarted, GridEvent, Totals
from workbench.service.grid_plan import prepare_grid
from workbench.template.axis import parse_axis
from workbench.workspace import init_workspace

CITIES = 'city = London, "New York", 京都'
SAY = "Say {{ city }}."
GREEDY = ("--param", "temperature=0")
ECHO = {"echo": True}


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    init_workspace(tmp_path / "space")
    (tmp_path / "space/templates/say.j2").write_text(SAY, encoding="utf-8")
    return tmp_path / "space"


def grid(space: Path, *words: str, script: dict[str, Any] | None = None) -> subprocess.CompletedProcess[bytes]:
    return cli("grid", "say", *words, cwd=space, script=script or ECHO)


def runs_in(space: Path) -> list[Path]:
    return list(space.glob("sessions/2*/*grid*/runs/*.toml"))


async def texts(space: Path, script: dict[str, Any], axes: Sequence[str], **more: Any) -> dict[str, str]:
    """One grid, run in this process, in every format."""
    bench = open_workbench(space)
    spec = GridSpec(
        bench.load_template("say"), tuple(map(parse_axis, axes)), engine="scripted", script=json.dumps(script), **more
    )
    grid_run = GridRun(bench, prepare_grid(bench, spec))
    async for _ in grid_run.events():
        pass
    await bench.close()
    return {form: result_text(form, grid_run.grid, grid_run) for form in FORMATS if form != "jsonl"}


async def test_every_format_holds_every_cell(space: Path) -> None:
    axes = (CITIES, "temperature = 0-1 (+0.5)")
    out = await texts(space, ECHO, axes, repeats=2, checks=("contains=London",))
    rows = list(csv.DictReader(out["csv"].splitlines()))
    assert len(rows) == 18
    assert {row["city"] for row in rows} == {"London", "New York", "京都"}
    assert sum(row["check: contains=London"] == "yes" for row in rows) == 6
    record = json.loads(out["json"])
    assert record["count"] == len(record["cells"]) == len({cell["cell"]["key"] for cell in record["cells"]}) == 18
    # Greedy repeats are one draw: London at 0 once, at 0.5 and at 1 twice.
    assert record["checks"]["contains=London"]["passes"] == 5
    assert len(out["table"].splitlines()) == 10
    assert "2x: Say 京都." in out["table"]
    assert out["md"].count("Say 京都") == 3
    assert out["html"].count("<pre>Say 京都.</pre>") == 3
    suites = ET.fromstring(out["junit"].encode())
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("18", "12", "0")
    assert len(suites.findall(".//failure")) == 12


async def test_foreign_answers_are_inert_on_pages(space: Path) -> None:
    out = await texts(space, {"pieces": ["<script>x</script> | **b** \x1b[2J ]]>"]}, [CITIES])
    assert "<script" not in out["html"]
    assert "&lt;script&gt;" in out["html"]
    assert r"\<script\>x\</script\> \| \*\*b\*\*" in out["md"]
    assert "\x1b" not in out["html"] + out["md"] + out["junit"]
    assert ET.fromstring(out["junit"].encode()).find(".//system-out") is not None


def test_the_grid_and_checks_of_a_file_are_one_command(space: Path) -> None:
    source = f"""+++
[params]
temperature = 0
[[axis]]
target = "city"
values = ["London", "Oslo"]
[[check]]
contains = "Say"
+++
{SAY}"""
    (space / "templates/say.j2").write_text(source, encoding="utf-8")
    result = grid(space, "--format", "csv")
    assert result.returncode == 0
    assert len(result.stdout.decode().splitlines()) == 3
    # An axis of the command line stands for the header's of the same target.
    assert len(grid(space, "--axis", "city = Bonn", "--format", "jsonl").stdout.splitlines()) == 1
    assert b"2 on disk already" in grid(space, "--dry-run").stderr


def test_rows_of_a_file_are_one_joined_axis(space: Path) -> None:
    (space / "rows.csv").write_text("city,temperature\nRome,0\nBern,0.5\n", encoding="utf-8")
    lines = [json.loads(line) for line in grid(space, "--rows", "rows.csv", "--format", "jsonl").stdout.splitlines()]
    assert sorted((line["cell"]["axes"]["city"], line["cell"]["axes"]["temperature"]) for line in lines) == [
        ("Bern", 0.5),
        ("Rome", 0.0),
    ]
    for words in (("--set", "city=Q"), ("--param", "temperature=0")):
        both = grid(space, "--rows", "rows.csv", *words)
        assert both.returncode == 2
        assert b"has one value for all runs, and an axis" in both.stderr
    missing = grid(space, "--rows", "none.csv")
    assert (missing.returncode, b"there is no file" in missing.stderr) == (2, True)


def test_many_runs_are_refused_without_yes_and_nothing_is_started(space: Path) -> None:
    (space / "workspace.toml").write_text("format = 1\n[config]\nask_above = 2\n", encoding="utf-8")
    result = grid(space, "--axis", CITIES, *GREEDY)
    assert result.returncode == 2
    assert b"3 runs are more than 2" in result.stderr
    assert b"--yes" in result.stderr
    assert runs_in(space) == []
    assert grid(space, "--axis", CITIES, *GREEDY, "--yes").returncode == 0
    assert len(runs_in(space)) == 3


def test_errors_are_not_failed_checks_and_are_retried(space: Path) -> None:
    failed = grid(space, "--axis", CITIES, *GREEDY, "--check", "contains=x", script={"fail_at": 0})
    assert failed.returncode == 5
    assert b"--retry-errors' runs what is left" in failed.stderr
    again = grid(space, "--retry-errors", "--format", "jsonl")
    assert again.returncode == 1
    assert len(runs_in(space)) == 3
    assert grid(space, "--resume", "--format", "csv").stdout.count(b"done") == 3


def test_the_same_command_with_resume_goes_on_with_itself(space: Path) -> None:
    axes = ("--axis", CITIES, *GREEDY)
    assert grid(space, *axes).returncode == 0
    assert grid(space, "--axis", "city = Rome", *GREEDY).returncode == 0
    for path in runs_in(space):
        if "京都" in path.read_text(encoding="utf-8").partition("[prompt]")[0].partition("[cell]")[2]:
            path.unlink()
            path.with_suffix(".jsonl").unlink()
    resumed = grid(space, *axes, "--resume", "--format", "csv")
    assert resumed.returncode == 0
    assert resumed.stdout.count(b"done") == 3
    assert len(runs_in(space)) == 4
    other = grid(space, "--axis", "city = Paris", "--resume")
    assert (other.returncode, b"no saved grid" in other.stderr) == (2, True)


def test_control_c_keeps_what_has_finished_and_says_so(space: Path) -> None:
    script = {"pieces": ["a ", "b "], "delay_ms": 30}
    words = command("grid", "say", "--axis", CITIES, "--repeat", "20", *GREEDY, "--format", "jsonl")
    process = subprocess.Popen(
        words, cwd=space, env=environment(script), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, talk = process.communicate(timeout=30)
    assert process.returncode == 130
    lines = [json.loads(line) for line in [first, *rest.splitlines()]]
    finished = [line["run"] for line in lines if line["status"] == "done"]
    assert 1 <= len(finished) < 60
    assert {path.stem for path in runs_in(space)} >= set(finished)
    assert b"--resume" in talk


def test_the_results_go_to_a_file(space: Path) -> None:
    result = grid(space, "--axis", CITIES, *GREEDY, "--format", "jsonl", "--output", "out.jsonl")
    assert (result.returncode, result.stdout) == (0, b"")
    assert len((space / "out.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_a_terminal_gets_a_bar_with_rate_and_time_left_others_a_line_now_and_then(space: Path) -> None:
    bench = open_workbench(space)
    grid = prepare_grid(bench, GridSpec(bench.load_template("say"), (parse_axis(CITIES),), engine="scripted"))
    events: list[GridEvent] = [
        CellStarted(0, "run"),
        *(Totals(3, done, tokens_out=50 * done, seconds=2.0 * done, seconds_left=300.0) for done in (1, 2)),
    ]
    shown = {}
    for tty in (True, False):
        stream = io.BytesIO()
        talk = GridTalk(Talk(stream, tty=tty), grid)
        for event in events:
            talk.show(event)
        shown[tty] = stream.getvalue().decode()
    bench.renderer.close()
    assert "scripted, 25.0 tokens/s, 5 min left  [########................]  33%" in shown[True]
    assert shown[False] == "1 of 3  scripted, 25.0 tokens/s, 5 min left\n"
