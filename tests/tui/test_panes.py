"""Panes side by side through the pilot, with the scripted engine, at three sizes."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.test_app import SIZES, opened, play, screen_text, space, wait_for
from workbench.session.export.pairs import votes_of
from workbench.session.marks import list_marks, rows
from workbench.tui.app import WorkbenchApp
from workbench.tui.pane_blind import ranking_text
from workbench.tui.pane_choice import MarkSeveral
from workbench.tui.pane_compare import PaneCompare, all_text
from workbench.tui.pane_view import PaneSettings, differences
from workbench.tui.screens.difference import DifferenceScreen
from workbench.tui.screens.modal import Choose

__all__ = ["space"]
SLOW = {"pieces": ["tick "], "repeat": 2000, "delay_ms": 10}


async def have(app: WorkbenchApp, count: int) -> None:
    """So many panes, each with its own temperature."""
    await app.main.panes.set_all(
        [PaneSettings(params={"temperature": place / 10, "max_tokens": 2000}) for place in range(count)]
    )


def has_opened(app: WorkbenchApp, count: int) -> bool:
    """Whether so many panes show a recorded run."""
    phases = [pane.state.phase for pane in app.main.panes.all]
    return phases == ["recorded: finished"] * count and app.screen is app.main


async def run_all(app: WorkbenchApp, pilot: Pilot[int]) -> None:
    await pilot.press("f5")
    await wait_for(pilot, lambda: all(pane.record or pane.bridge for pane in app.main.panes.all))
    await wait_for(pilot, lambda: not app.main.running.busy)


@pytest.mark.parametrize(("count", "size"), [(2, SIZES[1]), (4, SIZES[2]), (6, SIZES[0]), (6, SIZES[1])])
async def test_all_panes_stream_at_once_into_one_group(
    space: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], count: int
) -> None:
    play(monkeypatch, **SLOW)
    async with opened(space, size) as (app, pilot):
        panes = app.main.panes
        await have(app, count)
        await pilot.press("f5")
        await wait_for(pilot, lambda: all(pane.view.text and pane.bridge for pane in panes.all))
        if size[0] < 100:
            # One at a time, under tabs with the progress of all.
            await wait_for(pilot, lambda: screen_text(pilot).splitlines()[1].count(" tok") == count)
            assert sum(pane.view.region.height > 0 for pane in panes.all) == 1
        else:
            await wait_for(
                pilot, lambda: all(f"temperature={place / 10}" in screen_text(pilot) for place in range(count))
            )
            regions = [pane.view.region for pane in panes.all]
            assert all(region.width > 30 and region.height > 3 for region in regions)
            assert not any(one.overlaps(other) for one in regions for other in regions if one is not other)
        await pilot.press("f6")
        await wait_for(pilot, lambda: not app.main.running.busy)
        assert app.main.running.session is not None
        runs = app.bench.store.runs(app.main.running.session)
        assert sorted(run.pane for run in runs) == list(range(1, count + 1))
        assert len({run.group for run in runs}) == 1
        assert runs[0].group
        assert Counter(run.status for run in runs) == {"cancelled": count}


async def test_what_is_seen_is_on_disk(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, **SLOW)
    async with opened(space, (120, 36)) as (app, pilot):
        await have(app, 3)
        await pilot.press("f5")
        await wait_for(pilot, lambda: all(len(pane.view.text) > 30 for pane in app.main.panes.all))
        seen = [pane.view.text for pane in app.main.panes.all]
        files = app.bench.workspace.sessions.rglob("*.jsonl")
        kept = [path.read_text(encoding="utf-8").count("tick ") for path in files]
        kept = [count for count in kept if count]
        assert len(kept) == 3
        assert min(kept) * len("tick ") >= min(map(len, seen))
        await pilot.press("f6")
        await wait_for(pilot, lambda: not app.main.running.busy)


async def test_one_pane_is_stopped_and_the_others_go_on(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, **SLOW)
    async with opened(space, (120, 36)) as (app, pilot):
        panes = app.main.panes
        await have(app, 3)
        await pilot.press("f5")
        await wait_for(pilot, lambda: all(pane.view.text for pane in panes.all))
        await pilot.press("alt+4", "2", "x")
        await wait_for(pilot, lambda: panes.all[1].bridge is None)
        assert panes.all[1].state.phase == "stopped"
        assert [pane.bridge is not None for pane in panes.all] == [True, False, True]
        await pilot.press("f6")
        await wait_for(pilot, lambda: not app.main.running.busy)


@pytest.mark.parametrize("size", SIZES)
async def test_panes_come_and_go_by_key_and_one_is_as_before(space: Path, size: tuple[int, int]) -> None:
    async with opened(space, size) as (app, pilot):
        panes = app.main.panes
        await pilot.press("alt+4")
        before = screen_text(pilot)
        await pilot.press("plus")
        await wait_for(pilot, lambda: len(panes.all) == 2 and panes.current is panes.all[1])
        app.main.running.engine = "llamacpp"
        assert [pane.settings.engine for pane in panes.all] == ["", "llamacpp"]
        await pilot.press("1")
        assert panes.current is panes.all[0]
        assert app.main.output is panes.all[0].view
        await pilot.press("alt+shift+a", "z")
        await pilot.pause()
        assert panes.all[1].view.region.height > size[1] // 2
        await pilot.press("minus")
        await wait_for(pilot, lambda: len(panes.all) == 1)
        panes.unzoom()
        await wait_for(pilot, lambda: screen_text(pilot) == before)


async def test_marking_several_crosses_models_and_parameters(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["done"])
    async with opened(space, (120, 36)) as (app, pilot):
        await pilot.press("alt+8")
        await wait_for(pilot, lambda: isinstance(app.screen, MarkSeveral))
        dialog = app.screen
        assert isinstance(dialog, MarkSeveral)
        dialog.rows.move_to("p:greedy")
        await pilot.press("space", "down", "space")
        dialog.rows.move_to("m:|scripted")
        await pilot.press("space")
        await wait_for(pilot, lambda: "2 panes" in screen_text(pilot))
        await pilot.press("enter")
        await wait_for(pilot, lambda: [pane.view.text for pane in app.main.panes.all] == ["done", "done"])
        assert [pane.settings.params["temperature"] for pane in app.main.panes.all] == [0.0, 0.2]
        assert {pane.settings.engine for pane in app.main.panes.all} == {"scripted"}


async def test_an_earlier_template_version_runs_beside_the_new_one(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, echo=True)
    async with opened(space, (120, 36)) as (app, pilot):
        app.main.editor.load_text("the old one")
        await run_all(app, pilot)
        app.main.editor.load_text("the new one")
        await pilot.press("alt+4", "plus")
        await wait_for(pilot, lambda: len(app.main.panes.all) == 2)
        await pilot.press("v")
        await wait_for(pilot, lambda: isinstance(app.screen, MarkSeveral))
        dialog = app.screen
        assert isinstance(dialog, MarkSeveral)
        dialog.rows.move_to(next(row.key for row in dialog.rows.rows if row.key not in ("v:",)))
        await pilot.press("enter")
        await wait_for(pilot, lambda: app.main.panes.current.settings.version is not None)
        await run_all(app, pilot)
        assert [pane.view.text for pane in app.main.panes.all] == ["the new one", "the old one"]
        assert screen_text(pilot).count("template=") == 2


async def test_a_pane_that_cannot_run_says_why_and_the_others_run(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["fine"])
    async with opened(space, (120, 36)) as (app, pilot):
        await app.main.panes.set_all([PaneSettings(), PaneSettings(model="nowhere.gguf", engine="llamacpp")])
        await pilot.press("f5")
        await wait_for(pilot, lambda: not app.main.running.busy and app.main.panes.all[0].record)
        assert app.main.panes.all[0].view.text == "fine"
        assert "nowhere.gguf" in app.main.panes.all[1].view.placeholder


async def test_a_saved_group_opens_as_panes_again(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["again"])
    async with opened(space, (120, 36)) as (app, pilot):
        await have(app, 3)
        await run_all(app, pilot)
        session = app.main.running.session
        assert session is not None
        runs = app.bench.store.runs(session)
        await app.main.panes.set_all([PaneSettings()])
        for key, count in (("down", 1), ("up", 3)):
            app.main.run_worker(app.main.browsing.open_run(session, runs[1].id))
            await wait_for(pilot, lambda: isinstance(app.screen, Choose))
            await pilot.press(*(["down"] if key == "down" else []), "enter")
            await wait_for(pilot, partial(has_opened, app, count))
        panes = app.main.panes
        await wait_for(pilot, lambda: panes.current is panes.all[1])
        assert [pane.settings.params["temperature"] for pane in panes.all] == [0.0, 0.1, 0.2]
        assert all(pane.state.phase == "recorded: finished" for pane in panes.all)


async def test_panes_are_compared_with_the_baseline_the_neighbour_and_all(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, pieces=["the same words"])
    async with opened(space, (120, 36)) as (app, pilot):
        await have(app, 3)
        await run_all(app, pilot)
        panes, compare = app.main.panes, PaneCompare(app.main)
        panes.go_to(3)
        assert compare.pair() == (panes.all[2], panes.all[1])
        await pilot.press("1", "p", "3")
        assert compare.pair() == (panes.all[0], panes.all[2])
        assert "baseline" in screen_text(pilot)
        await pilot.press("d")
        await wait_for(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await wait_for(pilot, lambda: "temperature: 0.0 -> 0.2" in screen_text(pilot))
        await pilot.press("escape", "n")
        await wait_for(pilot, lambda: "3 texts, 1 different" in screen_text(pilot))
        await pilot.press("escape")
        assert app.screen is app.main


def test_where_texts_part_is_marked() -> None:
    text, marks = all_text(["one", "two"], ["red apples here", "green apples here"], 0)
    assert [text[mark.start : mark.end] for mark in marks] == ["{+red+}", "{+green+}"]
    assert text.startswith("2 texts, 2 different; they part at character 1; ")


@pytest.mark.parametrize("size", SIZES)
async def test_judging_blind_hides_names_and_keeps_the_vote(
    space: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    play(monkeypatch, pieces=["hot or cold"])
    async with opened(space, size) as (app, pilot):
        panes = app.main.panes
        await have(app, 2)
        await pilot.press("alt+4", "b")
        await wait_for(pilot, lambda: panes.blind)
        await run_all(app, pilot)
        await wait_for(pilot, lambda: "the better one" in screen_text(pilot))
        assert "temperature" not in "\n".join(screen_text(pilot).splitlines()[-size[1] // 2 :])
        assert "tok/s" not in screen_text(pilot)
        shown = [pane.record.request.id for pane in panes.all if pane.record is not None]
        await pilot.press("alt+4", "b")
        await wait_for(pilot, lambda: not panes.blind)
        session = app.main.running.session
        assert session is not None
        await wait_for(pilot, lambda: votes_of(session))
        assert votes_of(session) == {(shown[1], shown[0])}
        assert rows(list_marks(session, kind="votes")[0], "vote")[0]["a_name"].startswith("temperature=0.")
        table = ranking_text(app.bench, session)
        assert table.split()[0] == panes.names()[1].split()[0]
        assert "1 vote between two" in table


async def test_scrolling_goes_together_when_wished(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["line\n"], repeat=150)
    async with opened(space, (120, 36)) as (app, pilot):
        await have(app, 2)
        await run_all(app, pilot)
        first, second = (pane.view for pane in app.main.panes.all)
        await pilot.press("alt+4", "home")
        await wait_for(pilot, lambda: first.scroll_offset.y == 0)
        assert second.scroll_offset.y > 0
        await pilot.press("t", "pagedown")
        await wait_for(pilot, lambda: first.scroll_offset.y == second.scroll_offset.y > 0)
        await pilot.press("t", "home")
        await wait_for(pilot, lambda: first.scroll_offset.y == 0)
        assert second.scroll_offset.y > 0


def test_only_what_differs_is_told() -> None:
    base = {"model": "smol", "engine": "llamacpp", "temperature": "0.1", "seed": "1"}
    other = {**base, "seed": "2"}
    assert list(differences([base, other])) == [["seed=1", "smol", "llamacpp"], ["seed=2", "smol", "llamacpp"]]
    other["engine"] = "gpt4all"
    assert list(differences([base, other])) == [["llamacpp", "smol"], ["gpt4all", "smol"]]


async def test_one_reason_of_all_panes_is_told_once(space: Path) -> None:
    async with opened(space, (120, 36)) as (app, pilot):
        await have(app, 6)
        app.main.editor.load_text("+++\n[slots.town]\n+++\nWhere is {{ town }}?")
        await pilot.press("f5")
        await wait_for(pilot, lambda: all(pane.state.phase == "not run" for pane in app.main.panes.all))
        await wait_for(pilot, lambda: not app.main.running.busy)
        told = [notice.message for notice in app._notifications if "'town' has no value" in notice.message]
        assert len(told) == 1
        assert told[0].startswith("6 panes did not run: ")
        assert all("'town' has no value" in str(pane.view.placeholder) for pane in app.main.panes.all)
