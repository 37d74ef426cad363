"""Typed settings in layers, later wins: defaults, the user's ``config.toml``, ``[config]`` of the workspace,
``WORKBENCH_*`` variables, command-line flags.

One table declares every setting; the documentation page ``docs/config.md`` is held equal to it by a test. A workspace
may come from a stranger, so it can only set what is marked harmless: never a model path, an engine or a server.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from workbench.error import ConfigError
from workbench.textio import read_text, toml_loads
from workbench.workspace import Workspace, user_config_dir

ENGINE_NAMES = ("llamacpp", "gpt4all", "scripted")


@dataclass(frozen=True)
class Config:
    """All settings. ``models`` are folders; ``ask_above`` is a number of runs; ``keys`` maps command id to keys."""

    theme: str = "workbench-dark"
    model: str = ""
    engine_prefer: str = ""
    models: tuple[str, ...] = ()
    ask_above: int = 100
    mouse: bool = True
    keys: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: where it stands in TOML, which field it sets, its type, and whether a workspace may."""

    table: str
    key: str
    field: str
    kind: type
    harmless: bool
    env: str
    help: str

    @property
    def dotted(self) -> str:
        return f"{self.table}.{self.key}" if self.table else self.key


SETTINGS: tuple[Setting, ...] = (
    Setting("", "theme", "theme", str, True, "WORKBENCH_THEME", "name of the theme"),
    Setting("", "mouse", "mouse", bool, True, "WORKBENCH_MOUSE", "whether the app listens to the mouse"),
    Setting("", "ask_above", "ask_above", int, True, "", "ask before starting more runs than this"),
    Setting("engine", "prefer", "engine_prefer", str, False, "WORKBENCH_ENGINE", "engine to try first"),
    Setting("model", "default", "model", str, False, "WORKBENCH_MODEL", "model used when nothing else says so"),
    Setting("model", "folders", "models", tuple, False, "", "folders that are searched for GGUF files"),
    Setting("", "keys", "keys", dict, False, "", 'command id to keys, for example run = "f5,ctrl+r"'),
    Setting("", "params", "params", dict, True, "", "sampling parameters used when the template sets none"),
)


def load_config(workspace: Workspace | None = None, *, env: Mapping[str, str] = os.environ) -> Config:
    """All layers but the flags. Raises ConfigError naming file and key; a missing file is no error."""
    config = Config()
    user_file = user_config_dir() / "config.toml"
    if user_file.is_file():
        data = toml_loads(read_text(user_file), file=str(user_file))
        config = _apply(config, data, str(user_file), harmless_only=False)
    if workspace is not None:
        config = _workspace_layer(config, workspace.root / "workspace.toml")
    for setting in SETTINGS:
        raw = env.get(setting.env, "") if setting.env else ""
        if raw:
            change: dict[str, Any] = {setting.field: _from_env(setting, raw)}
            config = replace(config, **change)
    return _checked(config)


def _workspace_layer(config: Config, file: Path) -> Config:
    if not file.is_file():
        return config
    data = toml_loads(read_text(file), file=str(file)).get("config", {})
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: [config] must be a table")
    return _apply(config, data, f"{file} [config]", harmless_only=True)


def _apply(config: Config, data: Mapping[str, Any], file: str, *, harmless_only: bool) -> Config:
    known = {setting.dotted: setting for setting in SETTINGS}
    changes: dict[str, Any] = {}
    for dotted, value in _flatten(data):
        setting = known.get(dotted)
        if setting is None:
            near = difflib.get_close_matches(dotted, known, n=1)
            raise ConfigError(
                f"{file}: unknown setting {dotted!r}",
                hint=f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(known),
            )
        if harmless_only and not setting.harmless:
            raise ConfigError(
                f"{file}: {dotted!r} cannot be set by a workspace, it may come from a stranger",
                hint=f"Put it into {user_config_dir() / 'config.toml'}.",
            )
        changes[setting.field] = _typed(setting, value, file)
    return replace(config, **changes)


def _flatten(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Pairs of dotted key and value; tables that are settings themselves stay whole."""
    tables = {setting.table for setting in SETTINGS if setting.table}
    pairs: list[tuple[str, Any]] = []
    for key, value in data.items():
        if key in tables and isinstance(value, dict):
            pairs.extend((f"{key}.{inner}", item) for inner, item in value.items())
        else:
            pairs.append((key, value))
    return pairs


def _typed(setting: Setting, value: object, file: str) -> object:
    if setting.kind is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    wanted_int = setting.kind is int and isinstance(value, bool)
    if setting.kind is not tuple and isinstance(value, setting.kind) and not wanted_int:
        return value
    name = {tuple: "a list of texts", dict: "a table", str: "text", int: "a whole number", bool: "true or false"}
    raise ConfigError(f"{file}: {setting.dotted} must be {name[setting.kind]}, not {value!r}", hint=setting.help)


def _from_env(setting: Setting, raw: str) -> object:
    if setting.kind is not bool:
        return raw
    lowered = raw.lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ConfigError(f"{setting.env} must be true or false, not {raw!r}")


def _checked(config: Config) -> Config:
    if config.engine_prefer and config.engine_prefer not in ENGINE_NAMES:
        near = difflib.get_close_matches(config.engine_prefer, ENGINE_NAMES, n=1)
        raise ConfigError(
            f"unknown engine {config.engine_prefer!r} in engine.prefer",
            hint=f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(ENGINE_NAMES),
        )
    return config


def config_fields() -> tuple[str, ...]:
    """Names of all fields, for the test that every one of them is declared in the table."""
    return tuple(item.name for item in fields(Config))
