"""Settings: layers, types, and errors that name the file and the key."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from workbench.config import SETTINGS, Config, load_config
from workbench.error import ConfigError
from workbench.tui.commands import resolved
from workbench.workspace import find_workspace, init_workspace, user_config_dir


def user_file(text: str) -> Path:
    path = user_config_dir() / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_field_is_declared_in_the_table() -> None:
    assert sorted(setting.field for setting in SETTINGS) == sorted(item.name for item in fields(Config))


def test_without_any_file_the_defaults_hold() -> None:
    assert load_config(env={}) == Config()


def test_later_layers_win(tmp_path: Path) -> None:
    user_file('theme = "mine"\n[engine]\nprefer = "gpt4all"\n')
    workspace = init_workspace(tmp_path / "space")
    marker = workspace.root / "workspace.toml"
    marker.write_text(marker.read_text(encoding="utf-8") + '\n[config]\ntheme = "theirs"\n', encoding="utf-8")
    found = find_workspace(workspace.root)
    config = load_config(found, env={"WORKBENCH_ENGINE": "llamacpp"})
    assert (config.theme, config.engine_prefer) == ("theirs", "llamacpp")


@pytest.mark.parametrize("written", ['"f5, ctrl+r"', '["f5", "ctrl+r"]'])
def test_keys_are_one_text_or_a_list_of_texts(written: str) -> None:
    user_file(f"[keys]\nrun = {written}\n")
    run = next(command for command in resolved(load_config(env={}).keys) if command.id == "run")
    assert run.keys == ("f5", "ctrl+r")


def test_a_workspace_cannot_choose_models_or_engines(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "space")
    marker = workspace.root / "workspace.toml"
    text = marker.read_text(encoding="utf-8") + '\n[config.model]\nfolders = ["/somewhere"]\n'
    marker.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(find_workspace(workspace.root), env={})
    assert "model.folders" in caught.value.message
    assert "config.toml" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('thme = "x"', "'theme'"),
        ("mouse = 1", "mouse"),
        ("ask_above = true", "ask_above"),
        ('[engine]\nprefer = "gpt4al"', "gpt4all"),
        ("[model]\nfolders = [1]", "model.folders"),
        ("[keys]\nrun = 5", "keys.run"),
        ('[keys]\nrun = ["f5", 7]', "keys.run"),
        ('[keys.run]\nfirst = "f5"', "keys.run"),
    ],
)
def test_a_wrong_setting_is_named(text: str, named: str) -> None:
    path = user_file(text)
    with pytest.raises(ConfigError) as caught:
        load_config(env={})
    assert named in str(caught.value)
    assert str(path) in str(caught.value) or "engine" in str(caught.value)


def test_the_documentation_lists_every_setting(repo: Path) -> None:
    page = (repo / "docs" / "config.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        assert f"| `{setting.dotted}` |" in page
        assert setting.help in page
