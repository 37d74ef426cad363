"""What is wrong with the axes and checks of a grid is said before anything is written or run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.test_grid_service import SAY, bench, spec
from workbench.error import WorkbenchError
from workbench.service import Workbench
from workbench.service.grid_plan import prepare_grid
from workbench.service.grid_resume import grids_of
from workbench.service.header_faults import header_faults
from workbench.template.axis import AxisError, parse_axis
from workbench.template.document import parse_document

__all__ = ["bench"]


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("python=none.py:f", "no file 'none.py'"),
        ("python=strange.py:f", "not trusted"),
        ("json-schema=none.json", "no file 'none.json'"),
        ("json-schema=wrong.json", "not valid"),
        ("contains={{ wht }}", "wht"),
    ],
)
def test_a_check_that_cannot_be_made_is_told_before_anything_is_written(
    bench: Workbench, check: str, told: str
) -> None:
    (bench.workspace.root / "strange.py").write_text("def f(text, subject):\n    return True\n", encoding="utf-8")
    (bench.workspace.root / "wrong.json").write_text('{"type": "nothing"}', encoding="utf-8")
    with pytest.raises(WorkbenchError, match=told) as caught:
        prepare_grid(bench, spec(checks=(check,)))
    assert caught.value.hint
    kind, _, value = check.partition("=")
    header = f'+++\n[[check]]\n{kind} = "{value}"\n+++\n{SAY}'
    faults = header_faults(bench, parse_document(header, path="templates/say.j2"))
    # Whether code is trusted here is no fault of the template.
    assert len(faults) == (0 if "strange" in check else 1)
    assert list(grids_of(bench)) == []


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        ("temperatur = 0, 1", "'temperature'"),
        ("nosuch = 1, 2", "what"),
        ("(temperatur, place) = (0, b), (1, d)", "'temperature'"),
    ],
)
def test_an_axis_that_nothing_uses_is_an_error_with_a_near_match(bench: Workbench, axis: str, told: str) -> None:
    with pytest.raises(AxisError, match="nothing uses") as caught:
        prepare_grid(bench, spec(axes=(parse_axis(axis),), variables={"what": "rain", "place": "x"}))
    assert told in caught.value.hint


def test_a_column_that_only_a_check_uses_is_used(bench: Workbench) -> None:
    rows = parse_axis("(what, expected, id) = (rain, wet, 1), (snow, white, 2)")
    values: dict[str, Any] = {"axes": (rows,), "variables": {"place": "x"}}
    assert "expected" not in " ".join(prepare_grid(bench, spec(checks=("contains={{ expected }}",), **values)).notices)
    assert "'id'" in " ".join(prepare_grid(bench, spec(**values)).notices)


def test_a_value_that_is_no_option_of_its_pick_is_told(bench: Workbench) -> None:
    source = "A {colour:=red|blue} hat."
    grid = prepare_grid(bench, spec(source, axes=(parse_axis("colour = red, green"),)))
    (told,) = [notice for notice in grid.notices if "option" in notice]
    assert told.startswith("'green'")


@pytest.mark.parametrize("axis", ["what = 1-3", "what = 1-3 (+0)", "(what, place) = (0-1 [5], b), (rain, c)"])
def test_a_range_that_is_a_text_is_told(bench: Workbench, axis: str) -> None:
    grid = prepare_grid(bench, spec(axes=(parse_axis(axis),), variables={"place": "x"} if "place" not in axis else {}))
    (told,) = [notice for notice in grid.notices if "taken as a text" in notice]
    assert "'what'" in told
    assert 'type = "number"' in told


def test_a_range_of_numbers_and_a_text_with_a_dash_are_not_remarked_on(bench: Workbench) -> None:
    source = '+++\n[slots.n]\ntype = "number"\n+++\nSay {{ n }} {{ what }}.'
    grid = prepare_grid(bench, spec(source, axes=(parse_axis("n = 1-3"), parse_axis("what = rain-bow, a-1"))))
    assert grid.plan.count == 6
    assert not [notice for notice in grid.notices if "taken as a text" in notice]
