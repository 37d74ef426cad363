"""What the prompts of a template are called in the results of a grid, when its choices have no names."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.test_cli_grid import grid, space, texts
from workbench.compare.plan import PlannedCell
from workbench.compare.prompts import prompt_labels, prompt_name
from workbench.compare.state import CellState
from workbench.service import open_workbench
from workbench.service.grid_resume import find_grid, saved_grid

__all__ = ["space"]

COLOURS = "Say {red|blue} {{ city }}."


async def test_every_format_says_which_choice_a_prompt_got(space: Path) -> None:
    (space / "templates/say.j2").write_text(COLOURS, encoding="utf-8")
    out = await texts(space, {"echo": True}, ["city = Oslo, Rome"], checks=("contains=red",))
    rows = list(csv.DictReader(out["csv"].splitlines()))
    assert [(row["city"], row["prompt"], row["picked"], row["prompt_text"]) for row in rows] == [
        ("Oslo", "0", "red", "Say red Oslo."),
        ("Oslo", "1", "blue", "Say blue Oslo."),
        ("Rome", "0", "red", "Say red Rome."),
        ("Rome", "1", "blue", "Say blue Rome."),
    ]
    cells = json.loads(out["json"])["cells"]
    assert [(cell["picked"], cell["prompt_text"]) for cell in cells[:2]] == [
        (["red"], "Say red Oslo."),
        (["blue"], "Say blue Oslo."),
    ]
    assert "Oslo\t0: red\t" in out["table"]
    assert "| city | 0: red | 1: blue |" in out["md"]
    assert "<th>1: blue</th>" in out["html"]
    names = [case.get("name") for case in ET.fromstring(out["junit"].encode()).iter("testcase")]
    assert names[1] == "city=Oslo, prompt=1: blue, repeat=1"
    # A grid that is only read from disk knows it from its runs.
    bench = open_workbench(space)
    _, states = saved_grid(bench, *find_grid(bench))
    await bench.close()
    assert [(state.picked, state.prompt_text) for state in states[:2]] == [
        (("red",), "Say red Oslo."),
        (("blue",), "Say blue Oslo."),
    ]


def test_a_run_that_failed_is_told_with_its_choice(space: Path) -> None:
    (space / "templates/say.j2").write_text(COLOURS, encoding="utf-8")
    failed = grid(space, "--axis", "city = Oslo", script={"fail_at": 0})
    assert failed.returncode == 5
    assert b"failed: city = Oslo, prompt 0: red: " in failed.stderr
    assert b"failed: city = Oslo, prompt 1: blue: " in failed.stderr


async def test_named_choices_are_named_and_what_an_axis_tells_is_not_repeated(space: Path) -> None:
    (space / "templates/say.j2").write_text("Say {colour:=red|blue} {mood:=glad|sad} {a|}.", encoding="utf-8")
    out = await texts(space, {"echo": True}, ["colour = red, blue"])
    rows = list(csv.DictReader(out["csv"].splitlines()))
    assert [row["picked"] for row in rows[:4]] == [
        "mood = glad, a",
        "mood = glad, (empty)",
        "mood = sad, a",
        "mood = sad, (empty)",
    ]


@pytest.mark.parametrize(
    ("states", "label"),
    [
        ([], "0"),
        ([((), "")], "0"),
        ([(("red",), "Say red."), (("red",), "Tell red.")], "0: red"),
        # Two templates whose first prompts differ have no name in common; two runs of one text have.
        ([(("red",), "Say red."), (("tall",), "Say tall.")], "0"),
        ([((), "Say\n it."), ((), "Say\n it.")], "0: Say it."),
        ([((), "x" * 90)], "0: " + "x" * 39 + "…"),
    ],
)
def test_a_label_is_what_all_runs_of_a_prompt_have_in_common(
    states: list[tuple[tuple[str, ...], str]], label: str
) -> None:
    made = [CellState(PlannedCell(0, {}, (), 0, 1), picked=picked, prompt_text=text) for picked, text in states]
    assert prompt_labels(1, made) == (label,)
    if len(made) == 1:
        assert prompt_name(made[0]) == label
