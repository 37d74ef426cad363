"""The form of parameters: only what the engine has can be set, faults stand at their field, presets fill it in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.test_app import wait_for
from workbench.param import PARAMS, PRESETS, SPECS, Params, params_from, params_to_dict
from workbench.tui.presets import RememberedPresets
from workbench.tui.screens.params import ParamsScreen, PresetRow
from workbench.workspace import init_workspace

ALL: Mapping[str, Any] = {
    "grammar": 'root ::= "a"\n# 東京 \x1b[2J',
    "json_schema": "",
    "logit_bias": {"7": -100, '"x", [/]': 3},
    "dry_sequence_breakers": ["\n", "x"],
    "stop": ["a, b", "\n"],
    "seed": 7,
    "ignore_eos": True,
    "typical_p": 0.5,
}


class Room(App[int]):
    """Nothing but the form; ``result`` is what it returned."""

    def __init__(self, screen: ParamsScreen) -> None:
        super().__init__()
        self.form = screen
        self.result: dict[str, Any] | None = None

    def on_mount(self) -> None:
        self.push_screen(self.form, self.took)

    def took(self, result: dict[str, Any] | None) -> None:
        self.result = result


def field(app: Room, name: str) -> Input:
    return next(item for item in app.form.query(Input).results() if item.name == name)


async def settled(pilot: Pilot[Any]) -> None:
    """Until the form has the focus and is painted."""
    await wait_for(pilot, lambda: isinstance(pilot.app.focused, Input) and "temperature" in shown(pilot))


def shown(pilot: Pilot[Any]) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in pilot.app.screen._compositor.render_strips())


async def test_nothing_touched_changes_nothing() -> None:
    base = params_from(ALL)
    app = Room(ParamsScreen(base, {"temperature": 0.3}))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await pilot.pause()
    assert app.result == {"temperature": 0.3}


async def test_every_parameter_can_be_reached_and_seen_on_a_small_screen() -> None:
    app = Room(ParamsScreen(Params(), {}))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        seen: list[str] = []
        for _ in PARAMS:
            focused = app.focused
            assert isinstance(focused, Input)
            assert focused.name
            seen.append(focused.name)
            await wait_for(pilot, lambda: seen[-1] in shown(pilot))
            await pilot.press("down")
        assert sorted(seen) == sorted(SPECS)


async def test_what_the_engine_lacks_is_dimmed_and_keeps_its_value() -> None:
    app = Room(ParamsScreen(Params(), {"typical_p": 0.5, "top_k": 3}, engine="gpt4all"))
    async with app.run_test(size=(80, 44)) as pilot:
        names = {item.name for item in app.form.query(Input).results()}
        assert names == {spec.name for spec in PARAMS if "gpt4all" in spec.engines}
        lacking = [str(item.content) for item in app.form.query(".lacking").results(Static)]
        assert "0.5  not on gpt4all" in lacking
        assert len(lacking) == len(PARAMS) - len(names)
        await pilot.press("enter")
        await pilot.pause()
    assert app.result == {"typical_p": 0.5, "top_k": 3}


async def test_a_fault_stands_at_its_field_until_it_is_mended() -> None:
    app = Room(ParamsScreen(Params(), {}))
    async with app.run_test(size=(80, 24)) as pilot:
        field(app, "mirostat").value = "3"
        await pilot.press("enter")
        await pilot.pause()
        assert app.result is None
        assert app.focused is field(app, "mirostat")
        assert "mirostat must lie between 0 and 2, not 3" in str(app.form.query_one("#fault-mirostat", Static).content)
        await wait_for(pilot, lambda: shown(pilot).count("mirostat must lie between 0 and 2, not 3") == 2)
        field(app, "mirostat").value = "2"
        await pilot.pause()
        assert not app.form.query_one("#fault-mirostat").has_class("-shown")
        assert "a whole number, 0 to 2" in str(app.form.query_one("#param-help", Static).content)
        await pilot.press("enter")
        await pilot.pause()
    assert app.result == {"mirostat": 2}


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("logit_bias", "15043:-100, the:2", [[15043, -100.0], ["the", 2.0]]),
        ("dry_sequence_breakers", '"\\n", "x"', ["\n", "x"]),
        ("grammar", "root ::= x\nx ::= y", "root ::= x\nx ::= y"),
        ("json_schema", '{"type": "object"}', '{"type": "object"}'),
        ("ignore_eos", "yes", True),
        ("seed", "4", 4),
    ],
)
async def test_what_is_typed_is_taken(name: str, typed: str, value: object) -> None:
    app = Room(ParamsScreen(Params(), {}))
    async with app.run_test(size=(80, 24)) as pilot:
        field(app, name).value = typed
        await pilot.press("f7")
        await pilot.pause()
    assert app.result == {name: value}
    params_from(app.result)


async def test_a_preset_fills_the_fields() -> None:
    app = Room(ParamsScreen(Params(), {}, preset="precise"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for name in PRESETS:
            assert f" {name} " in shown(pilot)
        await pilot.press("up")
        assert isinstance(app.focused, PresetRow)
        assert "precise: temperature 0.2" in str(app.form.query_one("#param-help", Static).content)
        assert "last used for this model" in str(app.form.query_one("#param-help", Static).content)
        await pilot.press("right", "right", "enter")
        await pilot.pause()
        assert field(app, "temperature").value == "1.1"
        assert app.form.chosen == "creative"
        await pilot.press("f7")
        await pilot.pause()
    assert app.result is not None
    assert params_to_dict(params_from(app.result)) == params_to_dict(params_from(PRESETS["creative"]))


def test_the_preset_is_remembered_per_model(tmp_path: Path) -> None:
    space = init_workspace(tmp_path / "space")
    RememberedPresets(space).put("a.gguf", "greedy")
    RememberedPresets(space).put("b.gguf", "neutral")
    assert [RememberedPresets(space).get(name) for name in ("a.gguf", "b.gguf", "c.gguf")] == ["greedy", "neutral", ""]
    (space.state_dir / "presets.json").write_text("[broken", encoding="utf-8")
    assert RememberedPresets(space).get("a.gguf") == ""
