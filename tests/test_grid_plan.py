"""The plan, the schedule and the table of a grid: pure, exact, cheap."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counting import steps
from tests.runtool import request
from workbench.compare.cells import cell_parts
from workbench.compare.check import CheckResult
from workbench.compare.draws import distinct_draws
from workbench.compare.keys import cell_key, run_key
from workbench.compare.plan import GridPlan, checked_axes, plan_data, plan_from_data
from workbench.compare.schedule import Job, reading, schedule, shared_beginning
from workbench.compare.state import CellState
from workbench.compare.table import Filter, GridTable, Layout, Sort, View
from workbench.error import UsageError
from workbench.param import Params
from workbench.record import Message, Prompt
from workbench.template.axis import Axis, AxisError, parse_axis
from workbench.textio import toml_dumps, toml_loads

CITY = parse_axis('city = London, "New York", 京都')
HEAT = parse_axis("temperature = 0-1 (+0.5)")
MODEL = Axis(("model",), (("a",), ("b",)))


def plan(*axes: Axis, repeats: int = 1, prompts: tuple[int, ...] = (1,), join: bool = False) -> GridPlan:
    return GridPlan(checked_axes(axes, "{{ city }}", join=join), prompts, repeats)


def test_models_are_outermost_and_the_count_is_exact() -> None:
    grid = plan(CITY, HEAT, MODEL, repeats=2)
    cells = list(grid.cells())
    assert grid.count == len(cells) == 3 * 3 * 2 * 2
    assert [cell.axes["model"] for cell in cells] == ["a"] * 18 + ["b"] * 18
    assert [cell.number for cell in cells] == list(range(36))
    assert len({cell.key for cell in cells}) == 36
    assert cells[0].axes == {"model": "a", "city": "London", "temperature": 0.0}


def test_a_huge_plan_is_counted_and_begun_at_once() -> None:
    numbers = Axis(("n",), tuple((n,) for n in range(1000)))
    grid = plan(numbers, Axis(("m",), numbers.rows), Axis(("k",), numbers.rows), prompts=(10**30,), repeats=3)
    assert grid.count == 3 * 10**39
    assert [cell.repeat for cell in itertools.islice(grid.cells(), 4)] == [1, 2, 3, 1]


def test_templates_may_stand_for_different_numbers_of_prompts() -> None:
    grid = plan(CITY, Axis(("template",), (("x",), ("y",))), prompts=(2, 5))
    cells = list(grid.cells())
    assert grid.count == len(cells) == 3 * (2 + 5)
    assert {cell.prompt for cell in cells if cell.axes["template"] == "x"} == {0, 1}


def test_joined_axes_go_together_and_models_stay_crossed() -> None:
    year = parse_axis("year = 1, 2, 3")
    grid = plan(CITY, year, MODEL, join=True)
    assert grid.count == 6
    assert {(cell.axes["city"], cell.axes["year"]) for cell in grid.cells()} == {
        ("London", "1"),
        ("New York", "2"),
        ("京都", "3"),
    }
    with pytest.raises(AxisError, match="equally many"):
        plan(CITY, parse_axis("year = 1, 2"), join=True)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ((CITY, parse_axis("city = Oslo")), "two axes"),
        ((parse_axis("city = Oslo, Oslo"),), "twice"),
        ((parse_axis("temperature = 0, 9"),), "between"),
    ],
)
def test_wrong_axes_are_refused(axes: tuple[Axis, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(*axes)


def test_a_cell_keeps_its_key_through_the_file_and_in_any_order_of_axes() -> None:
    for cell in plan(CITY, HEAT, repeats=2).cells():
        back = toml_loads(toml_dumps({"cell": cell.record}))["cell"]
        assert cell_key(back) == cell.key
        assert cell_key({"repeat": cell.repeat, "axes": dict(reversed(list(cell.axes.items())))}) == cell.key
    grid = plan(CITY, HEAT, repeats=2)
    assert plan_from_data(toml_loads(toml_dumps(plan_data(grid)))) == grid
    with pytest.raises(UsageError, match="cannot be read"):
        plan_from_data({"axis": [{"targets": ["a"], "rows": [[1, 2]]}], "prompts": [1], "repeats": 1})


def test_a_run_is_found_by_what_decides_its_text() -> None:
    one = request(params=Params(temperature=0.5, seed=3), cell={"repeat": 1})
    same = request(params=Params(temperature=0.5, seed=3, n_threads=4, n_ctx=1024), cell={})
    assert run_key(one) == run_key(same) != ""
    others = [
        request(params=Params(temperature=0.5, seed=4), cell={}),
        request(params=Params(temperature=0.5, seed=3), cell={"repeat": 2}),
        request(params=Params(temperature=0.5, seed=3), cell={}, prompt=Prompt("text", text="x", model_text="x")),
        request(params=Params(temperature=0.5, seed=3), cell={}, engine="llamacpp"),
    ]
    assert len({run_key(item) for item in [one, *others]}) == 5
    assert run_key(request(params=Params(temperature=0.5))) == ""
    greedy = [request(params=Params(temperature=0, seed=seed), cell={}) for seed in (1, 2)]
    assert run_key(greedy[0]) == run_key(greedy[1])


def test_values_change_what_they_name() -> None:
    parts = cell_parts(
        {"model": "m", "seed": 3, "city": "Oslo", "system": "Be kind.", 'replace "dog"': "cat", "template": "t"}
    )
    assert (parts.model, parts.template, parts.params, parts.variables) == ("m", "t", {"seed": 3}, {"city": "Oslo"})
    prompt = Prompt(
        "messages", messages=(Message("system", "old"), Message("user", "A dog, dogs."), Message("user", "B"))
    )
    assert [message.content for message in parts.adjust(prompt).messages] == ["Be kind.", "A cat, dogs.", "B"]
    with pytest.raises(AxisError, match="does not stand"):
        parts.adjust(Prompt("text", text="dogs"))


# -- schedule


def test_one_model_after_the_other_and_shared_beginnings_together() -> None:
    texts = ["b2", "a1", "b1", "a2"]
    jobs = [Job(n, model, "x", text) for n, (model, text) in enumerate(itertools.product("NM", texts))]
    assert schedule(jobs) == [1, 3, 2, 0, 5, 7, 6, 4]


@given(st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=6))
def test_no_order_reads_less(texts: list[str]) -> None:
    jobs = [Job(n, 0, 0, text) for n, text in enumerate(texts)]
    mine = reading([jobs[n] for n in schedule(jobs)])
    best = min(reading(order).to_read for order in itertools.permutations(jobs))
    trie = {text[:end] for text in texts for end in range(1, len(text) + 1)}
    assert mine.to_read == best == len(trie)


@given(st.text("ab"), st.text("ab"))
def test_the_shared_beginning_is_the_longest(one: str, other: str) -> None:
    length = shared_beginning(one, other)
    assert one[:length] == other[:length]
    assert length == min(len(one), len(other)) or one[length] != other[length]


def test_twelve_prompts_with_a_long_common_beginning_read_it_once_for_each_model() -> None:
    common = "Word " * 300
    jobs = [Job(n, n % 2, 0, common + f"{n // 2} question") for n in range(12)]
    random.Random(4).shuffle(jobs)
    by_number = {job.number: job for job in jobs}
    cost = reading([by_number[n] for n in schedule(jobs)])
    assert cost.to_read <= 2 * len(common) + 12 * len("1 question")


# -- table


def filled(grid: GridPlan) -> list[CellState]:
    """Every cell done; the text depends on the city and, for model b, on the repeat."""
    states = []
    for cell in grid.cells():
        text = f"{cell.axes['city']}!" + (f" {cell.repeat}" if cell.axes.get("model") == "b" else "")
        state = CellState(cell, status="done", text=text, tokens_out=len(text), ms_first=100, ms_total=1100)
        states.append(state)
    return states


def test_views_pivot_fix_hide_and_stack() -> None:
    grid = plan(CITY, HEAT, MODEL, repeats=2)
    table = GridTable(grid, filled(grid))
    view = table.view()
    model, city, heat = table.axis("model"), table.axis("city"), table.axis("temperature")
    assert (view.columns, view.rows) == ((model,), (city, heat))
    layout = table.layout(view)
    assert (len(layout.rows), len(layout.columns)) == (9, 2)
    assert table.labels(view.rows, layout.rows[3]) == ("New York", "0.0")
    assert [(text, count) for text, count, _ in table.stack(layout, 3, 0).texts] == [("New York!", 2)]
    assert [count for _, count, _ in table.stack(layout, 3, 1).texts] == [1, 1]
    swapped = table.layout(view.swapped())
    assert table.stack(swapped, 1, 4) == table.stack(layout, 4, 1)
    fixed = table.layout(view.fixing(heat, 2))
    assert len(fixed.rows) == 3
    assert {state.cell.axes["temperature"] for state in table.stack(fixed, 0, 0).states} == {1.0}
    assert len(table.layout(view.fixing(heat, 2).freeing(heat)).rows) == 9
    assert len(table.layout(view.hiding(city, 1).hiding(model, 0)).rows) == 6
    # An axis that is nowhere is stacked: 3 temperatures x 2 repeats.
    assert len(table.stack(table.layout(view.pivoted((city,), (model,))), 0, 0).states) == 6
    with pytest.raises(UsageError, match="at once"):
        view.pivoted((city,), (city,))


def test_rows_are_sorted_filtered_and_compared() -> None:
    grid = plan(CITY, MODEL)
    states = filled(grid)
    table = GridTable(grid, states)
    view = table.view()
    by_length = table.layout(View(view.rows, view.columns, sort=Sort("characters", descending=True)))
    assert [table.labels(view.rows, row)[0] for row in by_length.rows] == ["New York", "London", "京都"]
    few = table.layout(View(view.rows, view.columns, filter=Filter("tokens_out", "<", 5)))
    assert [table.labels(view.rows, row)[0] for row in few.rows] == ["京都"]
    for state in states:
        if state.cell.axes["city"] == "London":
            state.text = "same"
    differing = table.layout(View(view.rows, view.columns, only="baseline"))
    assert [table.labels(view.rows, row)[0] for row in differing.rows] == ["New York", "京都"]
    assert table.differs(differing, 0, 1)
    assert not table.differs(differing, 0, 0)
    states[0].status = "failed"
    failed = table.layout(View(view.rows, view.columns, filter=Filter(status="failed")))
    assert len(failed.rows) == 1


def test_ten_thousand_cells_are_cheap() -> None:
    def of_cities(count: int) -> tuple[GridTable, Layout]:
        cities = Axis(("city",), tuple((f"city {n}",) for n in range(count)))
        grid = plan(cities, parse_axis("temperature = 0-0.9 (+0.1)"))
        states = filled(grid)
        assert len(states) == grid.count == 10 * count
        table = GridTable(grid, states)
        return table, table.layout(table.view())

    def screen(table: GridTable, layout: Layout, top: int) -> int:
        """What a screen of 20 rows from ``top`` on takes."""
        return steps(lambda: [table.stack(layout, row, place) for row in range(top, top + 20) for place in range(10)])

    tracemalloc.start()
    large = of_cities(1000)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 50 << 20
    # The same, whatever it is a part of.
    assert max(screen(*large, top) for top in range(0, 980, 70)) < 1.5 * screen(*of_cities(20), 0)


def test_repeats_of_one_seed_and_text_are_one_draw() -> None:
    def drawn(seed: int | None, text: str, repro: str = "exact", passed: bool | None = None) -> CellState:
        checks = (CheckResult("c", "contains", passed),) if passed is not None else ()
        cell = next(plan(repeats=1).cells())
        return CellState(cell, status="done", seed=seed, text=text, repro=repro, checks=checks)

    def count(*states: CellState) -> int:
        return len(distinct_draws([replace(s, cell=replace(s.cell, number=n)) for n, s in enumerate(states)]))

    assert count(drawn(4, "a"), drawn(4, "a"), drawn(4, "a", "likely")) == 1
    assert count(drawn(4, "a"), drawn(5, "a"), drawn(4, "b")) == 3
    # No seed was taken, so that equal texts came of draws of their own.
    assert count(drawn(4, "a", "none"), drawn(4, "a", "none")) == 2
    assert count(drawn(4, "a", passed=True), drawn(4, "a", passed=False)) == 2
