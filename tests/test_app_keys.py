"""The app's commands: each has a key that plain terminals send, stands in the palette and on the page of keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.test_app import opened, space, wait_for
from workbench.tui.commands import COMMANDS, IN_MENU, key_name

__all__ = ["space"]


FORBIDDEN = ("ctrl+i", "ctrl+m", "ctrl+h", "ctrl+j", "ctrl+left_square_bracket", "ctrl+enter", "shift+enter")


@pytest.mark.parametrize("command", COMMANDS, ids=[command.id for command in COMMANDS])
def test_every_command_has_a_key_that_survives_plain_terminals(command: Any) -> None:
    if not command.keys:
        command = next(item for item in COMMANDS if item.id == IN_MENU[command.id])
    first = command.keys[0]
    plain_f = first.startswith("f") and first[1:].isdigit()
    plain = first.startswith(("ctrl+", "alt+")) and len(first.partition("+")[2].removeprefix("shift+")) == 1
    # Outside the main screen there is no editor: signs, letters and the common keys are free.
    listed = command.context not in ("main", "anywhere") and (
        len(key_name(first)) == 1 or first in ("space", "left", "right", "up", "down", "home", "end", "enter", "tab")
    )
    assert plain_f or plain or listed
    assert not set(command.keys) & set(FORBIDDEN)


async def test_every_command_is_in_the_palette(space: Path) -> None:
    async with opened(space) as (app, pilot):
        for context in ("main", "browser"):
            titles = {command.title for command in app.get_system_commands(app.screen)}
            here = ("anywhere", "main", "panes", context)
            assert titles == {item.title for item in COMMANDS if item.id != "palette" and item.context in here}
            await pilot.press("alt+6")
            await wait_for(pilot, lambda: app.context == "browser")


def test_the_page_of_keys_is_the_table(repo: Path) -> None:
    from workbench.tui.commands import keys_table

    assert keys_table() in (repo / "docs" / "keys.md").read_text(encoding="utf-8")
