"""The case file, row by row, through one general rule per mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError

from tests.patterntool import rendered, texts, tree_of
from workbench.template.axis import axis_values
from workbench.template.choice import Context, count, sample
from workbench.template.style import apply_styles, prompt_matrix
from workbench.template.weight import weight_spans

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "patterns.jsonl").read_text(encoding="utf-8").splitlines()
]
ERRORS: dict[str, type[Exception]] = {
    "RecursionError": RecursionError,
    "TemplateSyntaxError": TemplateSyntaxError,
    "UndefinedError": UndefinedError,
    "ValueError": ValueError,
}


def combinatorial(row: dict[str, Any]) -> Any:
    variables = row["context"].get("vars", {})
    tree = tree_of(row["template"], variables, row["context"].get("wildcards"))
    found = list(texts(tree, variables))
    assert len(found) == count(tree, Context(variables))
    return found


def counted(row: dict[str, Any]) -> Any:
    return count(tree_of(row["template"]))


def sampled(row: dict[str, Any]) -> Any:
    tree = tree_of(row["template"])
    return [rendered(sample(tree, row["context"]["seed"], item)) for item in range(row["context"]["n"])]


MODES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "combinatorial": combinatorial,
    "count": counted,
    "sample": sampled,
    "a1111-attention": lambda row: [list(piece) for piece in weight_spans(row["template"])],
    "prompt-matrix": lambda row: list(prompt_matrix(row["template"])),
    "axis-int": lambda row: axis_values("int", row["template"]),
    "axis-float": lambda row: axis_values("float", row["template"]),
    "axis-str": lambda row: axis_values("str", row["template"]),
    "style": lambda row: apply_styles(row["template"], row["context"]["styles"]),
}


@pytest.mark.parametrize("row", [row for row in ROWS if row["mode"] in MODES], ids=lambda row: str(row["id"]))
def test_every_row_of_the_case_file_gives_what_it_says(row: dict[str, Any]) -> None:
    if isinstance(row["expected"], dict):
        with pytest.raises(ERRORS[row["expected"]["error"]]):
            MODES[row["mode"]](row)
    else:
        assert MODES[row["mode"]](row) == row["expected"]


def test_a_second_pick_follows_the_weights_of_what_is_left() -> None:
    (row,) = [row for row in ROWS if row["mode"] == "sample-statistics"]
    expected = row["expected"]
    tree = tree_of(row["template"])
    picks = [sample(tree, expected["seed"], item).text.split(", ") for item in range(expected["n"])]
    second = [pair[1] for pair in picks if pair[0] != "B"]
    assert second
    assert second.count("B") / len(second) >= expected["second_pick_is_B_given_first_is_not_B_at_least"]


def test_no_mode_of_the_case_file_is_left_out() -> None:
    assert {row["mode"] for row in ROWS} == {*MODES, "sample-statistics"}
