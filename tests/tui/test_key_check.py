"""Keys of the settings: what cannot arrive is said, and nothing is given away that people need."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_app import opened
from tests.tui.test_watching import told
from workbench.config import load_config
from workbench.error import ConfigError
from workbench.tui.commands import COMMANDS, doubtful_keys, resolved
from workbench.tui.key_check import checked
from workbench.tui.toml_place import line_of
from workbench.workspace import init_workspace, user_config_dir

# A setting, and what must be said of it.
REFUSED = {
    "no such key": ('run = "foo+bar"', "there is no key 'foo+bar'"),
    "no such name": ('run = "f5,escpe"', "Did you mean 'escape'?"),
    "capitals": ('run = "Ctrl+Home"', "Did you mean 'ctrl+home'?"),
    "twice": ('run = "ctrl+ctrl+r"', "there is no key"),
    "nothing after it": ('run = "ctrl+"', "there is no key"),
    "escape quits": ('quit = "escape"', "cannot be the key of 'quit'"),
    "escape deletes": ('shelf_delete = "escape"', "cannot be the key of 'shelf_delete'"),
    "a letter": ('quit = "q"', "needed for typing"),
    "a sign": ('run = "/"', "needed for typing"),
    "enter": ('run = "enter"', "needed for typing"),
    "clash": ('run = "ctrl+q"', "given to both 'run' and 'quit'"),
    "unknown command": ('rnu = "f5"', "Did you mean 'run'?"),
}


def settings(text: str) -> Path:
    path = user_config_dir() / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("row", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_key_of_a_command_is_refused_with_file_and_line(row: str, said: str) -> None:
    path = settings(f"mouse = true\n\n[keys]\n{row}\n")
    with pytest.raises(ConfigError) as caught:
        resolved(load_config(env={}).keys)
    assert caught.value.message.startswith(f"{path}:4: ")
    assert said in f"{caught.value.message}\n{caught.value.hint}"
    assert caught.value.hint


def test_every_key_of_the_table_may_stand_in_the_settings() -> None:
    for command in COMMANDS:
        assert checked(command, ",".join(command.keys), "here") == command.keys


def test_signs_may_be_written_as_they_are() -> None:
    browse = next(command for command in COMMANDS if command.id == "browse_filter")
    assert checked(browse, "/, alt+., ctrl++, +", "here") == ("slash", "alt+full_stop", "ctrl+plus", "plus")


async def test_a_key_that_terminals_do_not_send_is_told_at_the_start(tmp_path: Path) -> None:
    settings('[keys]\nrun = "f5,ctrl+i"\n')
    keys = load_config(env={}).keys
    assert len(doubtful_keys(resolved(keys), keys)) == 1
    async with opened(init_workspace(tmp_path / "space").root) as (app, _pilot):
        assert "config.toml:2: 'ctrl+i' of 'run' does not arrive on most terminals: they send Tab." in told(app)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[keys]\n# run = 1\nrun = 2\n", 3),
        ("a = 1\nkeys = { quit = 1, run = 2 }\n", 2),
        ("a = 1\n\nkeys.quit = 2\nkeys.run = 3\n", 4),
        ("a = '''\n[keys]\nrun = 1\n'''\n[keys]\nrun = [\n1,\n]\n", 6),
        ("\"keys\".'run' = 1\n", 1),
        ("[keys]\n" + "# x\n" * 500 + "run = 1\n", 502),
    ],
)
def test_the_line_of_a_key_is_found_however_it_is_written(text: str, line: int) -> None:
    assert line_of(text, ("keys", "run")) == line
