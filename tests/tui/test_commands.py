"""The table of commands and what they do belong together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.error import ConfigError
from workbench.service import open_workbench
from workbench.tui import commands as table
from workbench.tui.actions import actions
from workbench.tui.app import WorkbenchApp
from workbench.tui.commands import COMMANDS, Command, resolved
from workbench.workspace import init_workspace


async def test_every_command_has_an_action_and_every_action_a_command(tmp_path: Path) -> None:
    bench = open_workbench(init_workspace(tmp_path / "w").root)
    app = WorkbenchApp(bench)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert set(actions(app)) == {command.id for command in COMMANDS}


def test_a_key_may_mean_something_else_on_another_screen_only(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Command("other", "Other", "for the test", ("f5",), context="elsewhere")
    monkeypatch.setattr(table, "COMMANDS", (*COMMANDS, other))
    assert resolved()[-1] == other
    for context in ("main", "anywhere"):
        monkeypatch.setattr(table, "COMMANDS", (*COMMANDS, replace(other, context=context)))
        with pytest.raises(ConfigError, match="'f5' is given to both"):
            resolved()
