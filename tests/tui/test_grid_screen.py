"""The grid's form and live table through the pilot: small grids with the scripted engine."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.test_app import opened, play, screen_text, space, wait_for
from workbench.error import UsageError
from workbench.template.document import parse_document
from workbench.tui.app import WorkbenchApp
from workbench.tui.grid.export import FORMATS
from workbench.tui.grid.wish import first_wish
from workbench.tui.grid.work import filter_of
from workbench.tui.listview import LineList
from workbench.tui.screens.difference import DifferenceScreen
from workbench.tui.screens.grid import GridScreen
from workbench.tui.screens.grid_plan import GridPlanScreen
from workbench.tui.screens.modal import AskText, Choose, Confirm

__all__ = ["space"]

AXES = "city = London, Oslo\nmax_tokens = 20, 30"


async def form(app: WorkbenchApp, pilot: Pilot[int], axes: str = AXES, **fields: str) -> GridPlanScreen:
    """The plan form, filled in and planned. Greedy, so that runs are found again."""
    app.main.running.params = {"temperature": 0}
    await pilot.press("ctrl+g")
    await wait_for(pilot, lambda: isinstance(app.screen, GridPlanScreen))
    screen = app.screen
    assert isinstance(screen, GridPlanScreen)
    screen.axes.load_text(axes)
    for name, value in fields.items():
        if name == "checks":
            screen.checks.load_text(value)
        else:
            screen.fields[name].value = value
    await wait_for(pilot, lambda: "run" in str(screen.cost.content))
    return screen


async def started(app: WorkbenchApp, pilot: Pilot[int], axes: str = AXES, **fields: str) -> GridScreen:
    """A grid that runs."""
    await form(app, pilot, axes, **fields)
    await pilot.press("f5")
    await wait_for(pilot, lambda: isinstance(app.screen, GridScreen))
    assert isinstance(app.screen, GridScreen)
    return app.screen


async def ended(app: WorkbenchApp, pilot: Pilot[int], axes: str = AXES, **fields: str) -> GridScreen:
    screen = await started(app, pilot, axes, **fields)
    await wait_for(pilot, lambda: not screen.live.running)
    await wait_for(pilot, lambda: "complete" in screen_text(pilot))
    return screen


async def chosen(app: WorkbenchApp, pilot: Pilot[int], *keys: str) -> None:
    """Answer one question after the other: the row with each key."""
    for key in keys:
        await wait_for(pilot, lambda: isinstance(app.screen, Choose) and app.screen.query_one(LineList).rows)
        box = app.screen
        assert box.query_one(LineList).move_to(key), [row.key for row in box.query_one(LineList).rows]
        await pilot.press("enter")
        await wait_for(pilot, lambda box=box: app.screen is not box)  # type: ignore[misc]


async def typed(app: WorkbenchApp, pilot: Pilot[int], text: str) -> None:
    await wait_for(pilot, lambda: isinstance(app.screen, AskText) and app.screen.query(Input))
    app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await wait_for(pilot, lambda: not isinstance(app.screen, AskText))


def told(app: WorkbenchApp, text: str) -> bool:
    """Whether a notice said so."""
    return any(text in str(notice.message) for notice in app._notifications)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_grid_is_planned_run_shown_and_read(
    space: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    play(monkeypatch, echo=True)
    async with opened(space, size) as (app, pilot):
        screen = await form(app, pilot, checks="contains=London")
        await wait_for(pilot, lambda: "4 runs" in str(screen.cost.content))
        await pilot.press("f5")
        await wait_for(pilot, lambda: "complete" in screen_text(pilot))
        grid = app.screen
        assert isinstance(grid, GridScreen)
        assert "4 of 4 done" in screen_text(pilot)
        assert "London" in screen_text(pilot)
        assert [grid.rows.cell(row, 0).text[0] for row in (0, 1)] == ["+", "-"]
        await pilot.press("down", "enter")
        await wait_for(pilot, lambda: "FAIL: contains=London" in screen_text(pilot))
        assert "city = Oslo" in grid.detail.text
        assert grid.table.display == (size[0] >= 120)
        await pilot.press("comma")
        await wait_for(pilot, lambda: "max_tokens = 30" in grid.detail.text and "city = London" in grid.detail.text)
        await pilot.press("escape")
        assert not grid.page
        await pilot.press("i")
        await wait_for(pilot, lambda: "city = Oslo: 0/2" in grid.detail.text)
        assert "passed: 2/4 (15-85 %)" in grid.detail.text
        await pilot.press("escape", "escape")
        await wait_for(pilot, lambda: app.context == "main")


async def test_what_is_wrong_is_told_at_its_line_and_nothing_is_lost(space: Path) -> None:
    async with opened(space) as (app, pilot):
        screen = await form(app, pilot)
        screen.axes.load_text("city = London\ntemperature = 0-1 (+0)")
        await wait_for(pilot, lambda: "axes, line 2: 0-1 (+0): a step of 0" in screen_text(pilot))
        # What is wrong stands once, at its field; what to do about it stands below, not glued to it.
        assert screen_text(pilot).count("a step of 0") == 1
        assert str(screen.cost.content) == "turn its sign around"
        await pilot.press("f5")
        assert isinstance(app.screen, GridPlanScreen)
        screen.axes.load_text("city = London")
        screen.checks.load_text("\nnosuch=3")
        await wait_for(pilot, lambda: "checks, line 2: " in screen_text(pilot))
        screen.checks.load_text("")
        screen.fields["repeats"].value = "0"
        await wait_for(pilot, lambda: "repeats: '0' is not a whole number from 1 on" in screen_text(pilot))
        screen.fields["repeats"].value = "3"
        await wait_for(pilot, lambda: "3 runs" in str(screen.cost.content))
        screen.options.focus()
        await pilot.press("down", "space")
        await wait_for(pilot, lambda: "every prompt is read anew" in str(screen.cost.content))
        await pilot.press("escape")
        await pilot.press("ctrl+g")
        await wait_for(pilot, lambda: isinstance(app.screen, GridPlanScreen) and app.screen is not screen)
        again = app.screen
        assert isinstance(again, GridPlanScreen)
        assert again.axes.text == "city = London"
        assert again.fields["repeats"].value == "3"
        assert again.options.ticked == ("cold",)


async def test_above_the_limit_it_asks_and_headers_fill_the_form(space: Path) -> None:
    source = '[[axis]]\ntarget = "n"\nvalues = ["a, b", "c"]\n[[axis]]\ntarget = "(x, y)"\nvalues = [[1, 2], [3, 4]]\n'
    document = parse_document(f"+++\n{source}+++\n{{{{ n }}}}{{{{ x }}}}{{{{ y }}}}", path="t.j2")
    assert first_wish(document).axes == 'n = "a, b",c\n(x, y) = (1, 2), (3, 4)'
    async with opened(space) as (app, pilot):
        screen = await form(app, pilot, "seed = 1-101")
        await wait_for(pilot, lambda: "101 runs" in str(screen.cost.content))
        await pilot.press("f5")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await wait_for(pilot, lambda: app.screen is screen)
        assert app.grids.live is None
        screen.axes.load_text("seed = 1-2500")
        await wait_for(pilot, lambda: "2,500 runs" in str(screen.cost.content))


async def test_the_view_is_turned_fixed_hidden_sorted_and_filtered(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, echo=True)
    axes = "city = A, Bbbbbb, Cc\nmax_tokens = 20, 30\nseed = 1, 2"
    async with opened(space) as (app, pilot):
        screen = await ended(app, pilot, axes)
        table = screen.live.table
        city, tokens, seed = (table.axis(name) for name in ("city", "max_tokens", "seed"))
        assert (screen.view.rows, screen.view.columns) == ((city, tokens), (seed,))
        await pilot.press("s")
        assert (screen.view.rows, screen.view.columns) == ((seed,), (city, tokens))
        # Heads of several axes may be cut; below stand the values of the cell.
        await pilot.press("right")
        assert "seed 1, city A, max_tokens 30" in ", ".join(screen.work.view_parts())
        await pilot.press("left", "p")
        await chosen(app, pilot, str(city), "rows")
        assert (screen.view.rows, screen.view.columns) == ((seed, city), (tokens,))
        await pilot.press("p")
        await chosen(app, pilot, str(seed), "stacked")
        assert screen.rows.shape == (3, 2)
        assert screen.rows.cell(0, 0).text.startswith("o  x2 I have 2 days")
        await pilot.press("f")
        await chosen(app, pilot, str(tokens))
        assert screen.rows.shape == (3, 1)
        assert "max_tokens = 20" in screen_text(pilot)
        await pilot.press("right_square_bracket")
        await wait_for(pilot, lambda: "max_tokens = 30" in screen_text(pilot))
        await pilot.press("o")
        await chosen(app, pilot, "-1 characters")
        await wait_for(pilot, lambda: [screen.rows.row_head(row)[0] for row in range(3)] == ["A", "Cc", "Bbbbbb"])
        await pilot.press("v", "v")
        assert screen.mode == "tokens_per_s"
        await pilot.press("V")
        await chosen(app, pilot, "characters")
        assert screen.rows.cell(0, 0).text.endswith(" ch")
        await pilot.press("slash")
        await typed(app, pilot, f"characters >= {len(screen.rows.stack(1, 0).texts[0][0])}")
        await wait_for(pilot, lambda: screen.rows.shape == (2, 1))
        await pilot.press("h")
        await chosen(app, pilot, f"{city} 2")
        await wait_for(pilot, lambda: screen.rows.shape == (1, 1))
        await pilot.press("H")
        await wait_for(pilot, lambda: screen.rows.shape == (3, 1))


async def test_what_differs_is_shown_and_two_cells_or_a_row_are_compared(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, echo=True)
    async with opened(space) as (app, pilot):
        await ended(app, pilot, "city = Rome, Oslo\nseed = 1, 2")
        screen = app.screen
        assert isinstance(screen, GridScreen)
        await pilot.press("d")
        await wait_for(pilot, lambda: screen.rows.shape == (0, 2))
        assert "No row fits" in screen_text(pilot)
        await pilot.press("H")
        await wait_for(pilot, lambda: screen.rows.shape == (2, 2))
        await pilot.press("s", "right", "b")
        await wait_for(pilot, lambda: screen.view.baseline == 1 and screen.rows.shape == (2, 2))
        assert screen.rows.cell(0, 1).text == "="
        assert screen.rows.cell(0, 0).text.startswith("o  I have 2 days in Rome")
        await pilot.press("a")
        await wait_for(pilot, lambda: "2 runs, 2 different" in screen.detail.text)
        assert "{ Rome}" in screen.detail.text
        await pilot.press("escape", "space", "left", "D")
        await wait_for(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        assert "city: " in screen_text(pilot)
        assert "[-" in screen_text(pilot)


async def test_ratings_stars_and_notes_are_kept_and_a_rating_goes_before_a_check(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, echo=True)
    async with opened(space) as (app, pilot):
        screen = await ended(app, pilot, "city = London, Oslo", checks="contains=London")
        await pilot.press("down", "4")
        await wait_for(pilot, lambda: screen.rows.cell(1, 0).text.startswith("+4"))
        await pilot.press("asterisk", "n")
        await typed(app, pilot, "fine all the same")
        state = screen.live.states[1]
        await wait_for(pilot, lambda: screen.live.marks(state).get("note"))
        store = app.bench.store
        session = store.find_run(state.run_id)
        assert session.runs[state.run_id] == {"rating": 4, "star": True, "note": "fine all the same"}
        await pilot.press("i")
        await wait_for(pilot, lambda: "passed: 2/2" in screen.detail.text and "1 rated by hand" in screen.detail.text)
        await pilot.press("escape", "w")
        await typed(app, pilot, "rated.csv")
        await wait_for(pilot, (space / "rated.csv").is_file)
        await pilot.press("0")
        await wait_for(pilot, lambda: screen.rows.cell(1, 0).text.startswith("-*"))
        await pilot.press("w")
        await typed(app, pilot, "unrated.csv")
        await wait_for(pilot, (space / "unrated.csv").is_file)
        files = [space / f"{name}.csv" for name in ("rated", "unrated")]
        last = [list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))[-1] for file in files]
        assert [(row["passed"], row["rating"], row["star"]) for row in last] == [("yes", "4", "yes"), ("no", "", "yes")]
        assert last[0]["remark"] == "fine all the same"


async def test_the_result_is_written_as_the_command_line_writes_it(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, echo=True)
    async with opened(space) as (app, pilot):
        await ended(app, pilot, "city = London, Oslo")
        for ending in FORMATS:
            file = space / f"out.{ending}"
            await pilot.press("w")
            await typed(app, pilot, file.name)
            await wait_for(pilot, file.is_file)
            text = file.read_text(encoding="utf-8")
            # The answer is the prompt, which these formats hold as well.
            times = 2 if ending in ("csv", "json", "jsonl") else 1
            assert text.count("I have 2 days in Oslo") == times, ending
        rows = list(csv.DictReader((space / "out.csv").read_text(encoding="utf-8").splitlines()))
        assert [row["city"] for row in rows][-1] == "Oslo"
        cells = json.loads((space / "out.json").read_text(encoding="utf-8"))["cells"]
        assert [cell["status"] for cell in cells] == ["done", "done"]
        await pilot.press("w")
        await typed(app, pilot, "out.pdf")
        await wait_for(pilot, lambda: told(app, "no format for 'out.pdf'"))


def test_filters_are_read_and_refused() -> None:
    known = ["tokens_out", "check:contains=rain"]
    assert filter_of("-", known) is None
    found: Any = filter_of("check:contains=rain = 0", known)
    assert (found.metric, found.sign, found.value) == ("check:contains=rain", "=", 0.0)
    found = filter_of("tokens_out >= 50", known)
    assert (found.sign, found.value) == (">=", 50.0)
    assert filter_of("failed", known).status == "failed"  # type: ignore[union-attr]
    for wrong in ("tokens_out", "nosuch > 1", "tokens_out > x"):
        with pytest.raises(UsageError):
            filter_of(wrong, known)
