"""The form of slots: it can be made anew at any moment, and it is exact in what it keeps."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import Input, Select

from workbench.template.slot import Slot, SlotSpec
from workbench.tui.form import SlotForm


class Room(App[None]):
    """Nothing but the form."""

    def __init__(self) -> None:
        super().__init__()
        self.form = SlotForm()
        self.changes = 0

    def compose(self) -> ComposeResult:
        yield self.form

    def on_slot_form_changed(self) -> None:
        self.changes += 1


def slot(name: str, kind: str = "text", default: Any = None, choices: tuple[str, ...] = ()) -> Slot:
    return Slot(name, bound=default is not None, declared=True, spec=SlotSpec(name, kind, default, choices))


def number_of(count: int) -> list[Slot]:
    return [slot(f"slot{n}", "choice", "a", ("a", "b")) for n in range(count)]


async def test_changes_at_once_leave_one_form_the_newest() -> None:
    app = Room()
    async with app.run_test(size=(60, 30)) as pilot:
        await asyncio.gather(*(app.form.show(number_of(count)) for count in (4, 1, 5, 2, 3)))
        await pilot.pause()
        assert [field.name for field in app.form.query(Select)] == ["slot0", "slot1", "slot2"]


async def test_leaving_while_the_form_is_made_is_no_crash() -> None:
    for _ in range(5):
        app = Room()
        async with app.run_test(size=(60, 30)):
            made = asyncio.create_task(app.form.show(number_of(6)))
            await asyncio.sleep(0)
            app.exit()
        made.cancel()
        await asyncio.gather(made, return_exceptions=True)
        assert not app._exception


async def test_showing_and_filling_change_no_value() -> None:
    app = Room()
    values = {"yes": True, "no": False, "many": 2, "half": 0.5, "one": "b", "text": "東 京 ", "empty": ""}
    slots = [
        slot("yes", "bool", False),
        slot("no", "bool", True),
        slot("many", "number", 1),
        slot("half", "number", 1),
        slot("one", "choice", "a", ("a", "b")),
        slot("text"),
        slot("empty"),
    ]
    async with app.run_test(size=(60, 30)) as pilot:
        await app.form.show(slots)
        await app.form.fill(values)
        await pilot.pause()
        await pilot.pause()
        assert app.form.values == values
        assert [type(value) for value in app.form.values.values()] == [type(value) for value in values.values()]
        assert app.changes == 0
        assert [field.value for field in app.form.query(Select)] == ["true", "false", "b"]
        assert [field.value for field in app.form.query(Input)] == ["2", "0.5", "東 京 ", ""]


async def test_a_changed_default_is_taken_over_but_what_was_typed_stays() -> None:
    app = Room()
    async with app.run_test(size=(60, 30)) as pilot:
        await app.form.show([slot("city", default="London"), slot("topic", default="art")])
        app.form.query(Input).first().focus()
        await pilot.press("end", "!")
        await pilot.pause()
        assert app.form.values == {"city": "London!", "topic": "art"}
        await app.form.show([slot("city", default="Paris"), slot("topic", default="food")])
        await pilot.pause()
        assert app.form.values == {"city": "London!", "topic": "food"}
        assert [field.value for field in app.form.query(Input)] == ["London!", "food"]
        await app.form.show([slot("city", default="Paris"), slot("topic")])
        await pilot.pause()
        assert app.form.variables() == {"city": "London!"}


async def test_a_value_outlives_its_slot() -> None:
    app = Room()
    async with app.run_test(size=(60, 30)) as pilot:
        await app.form.show([slot("city")])
        app.form.query(Input).first().focus()
        await pilot.press("x", "y")
        await app.form.show([slot("other")])
        assert app.form.variables() == {}
        await app.form.show([slot("other"), slot("city")])
        await pilot.pause()
        assert app.form.variables() == {"city": "xy"}
