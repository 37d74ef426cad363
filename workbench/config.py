"""Typed settings in layers, later wins: defaults, the user's ``config.toml``, ``[config]`` of the workspace,
``WORKBENCH_*`` variables, command-line flags.

One table declares every setting; the documentation page ``docs/config.md`` is held equal to it by a test. A workspace
may come from a stranger, so it can only set what is marked harmless: never a model path, an engine or a server.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from workbench.error import ConfigError
from workbench.textio import read_text, toml_loads
from workbench.workspace import Workspace, user_config_dir

KEYMAPS = ("default", "vim", "emacs")
WATCH_MODES = ("auto", "poll", "off")
ENGINE_NAMES = ("llamacpp", "gpt4all", "scripted", "server")


@dataclass(frozen=True)
class ServerConfig:
    """One ``[[server]]``: an OpenAI-compatible endpoint. Secrets stand here only as names of environment variables.

    ``headers`` are pairs of header name and variable; ``timeout`` is the seconds without a byte after which the server
    counts as gone; ``api`` "chat" sends messages even where the exact prompt could be sent.
    """

    name: str
    url: str
    key_env: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    timeout: int = 120
    api: Literal["auto", "chat"] = "auto"


@dataclass(frozen=True)
class Config:
    """All settings. ``models`` are folders; ``ask_above`` is a number of runs; ``keys`` maps command id to keys."""

    theme: str = "workbench-dark"
    keymap: str = "default"
    run_on_save: bool = False
    watch: Literal["auto", "poll", "off"] = "auto"
    model: str = ""
    engine_prefer: str = ""
    models: tuple[str, ...] = ()
    ask_above: int = 100
    mouse: bool = True
    screen_reader: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    servers: tuple[ServerConfig, ...] = ()


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
    Setting("", "screen_reader", "screen_reader", bool, True, "WORKBENCH_SCREEN_READER", "one area at a time, lines"),
    Setting("", "ask_above", "ask_above", int, True, "", "ask before starting more runs than this"),
    Setting("", "keymap", "keymap", str, False, "WORKBENCH_KEYMAP", "keys of the editor: default, vim or emacs"),
    Setting("", "run_on_save", "run_on_save", bool, False, "", "run a template whenever it is saved"),
    Setting("", "watch", "watch", str, False, "WORKBENCH_WATCH", "follow changed files: auto, poll or off"),
    Setting("engine", "prefer", "engine_prefer", str, False, "WORKBENCH_ENGINE", "engine to try first"),
    Setting("model", "default", "model", str, False, "WORKBENCH_MODEL", "model used when nothing else says so"),
    Setting("model", "folders", "models", tuple, False, "", "folders that are searched for GGUF files"),
    Setting("", "keys", "keys", dict, False, "", 'command id to keys, for example run = "f5,ctrl+r"'),
    Setting("", "params", "params", dict, True, "", "sampling parameters used when the template sets none"),
    Setting("", "server", "servers", list, False, "", "OpenAI-compatible servers, one table [[server]] each"),
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
            from difflib import get_close_matches

            near = get_close_matches(dotted, known, n=1)
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
    if setting.kind is list and isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return _servers(value, file)
    if setting.kind is dict and setting.field == "keys" and isinstance(value, dict):
        return {name: _keys(name, keys, file) for name, keys in value.items()}
    wanted_int = setting.kind is int and isinstance(value, bool)
    if setting.kind not in (tuple, list) and isinstance(value, setting.kind) and not wanted_int:
        return value
    name = {tuple: "a list of texts", dict: "a table", str: "text", int: "a whole number", bool: "true or false"}
    if setting.kind is list:
        # Its value may hold what belongs into no message.
        raise ConfigError(f"{file}: {setting.dotted} must be tables, each headed [[{setting.dotted}]]")
    raise ConfigError(f"{file}: {setting.dotted} must be {name[setting.kind]}, not {value!r}", hint=setting.help)


def _keys(name: str, keys: object, file: str) -> str:
    """Keys with commas between them; a list of texts says the same."""
    listed = [keys] if isinstance(keys, str) else keys
    if not isinstance(listed, list) or not all(isinstance(key, str) for key in listed):
        raise ConfigError(
            f"{file}: keys.{name} must be text or a list of texts, not {keys!r}",
            hint=f'For example {name} = "f5,ctrl+r" or {name} = ["f5", "ctrl+r"].',
        )
    return ",".join(listed)


_SERVER_KINDS: Mapping[str, type] = {
    "name": str,
    "url": str,
    "key_env": str,
    "headers": dict,
    "timeout": int,
    "api": str,
    "allow_http": bool,
}
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_OWN_HEADERS = frozenset(
    ["host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding", "accept"]
)


def _servers(tables: list[Mapping[str, Any]], file: str) -> tuple[ServerConfig, ...]:
    servers: list[ServerConfig] = []
    for number, table in enumerate(tables, 1):
        place = f"{file}: [[server]] {number}"
        for key, value in table.items():
            kind = _SERVER_KINDS.get(key)
            if kind is None:
                from difflib import get_close_matches

                near = get_close_matches(key, _SERVER_KINDS, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(_SERVER_KINDS)
                raise ConfigError(f"{place}: unknown setting {key!r}", hint=hint)
            if type(value) is not kind:
                words = {str: "text", int: "a whole number", dict: "a table", bool: "true or false"}
                raise ConfigError(f"{place}: {key} must be {words[kind]}")
        server = _server(table, place)
        if server.name in (other.name for other in servers):
            raise ConfigError(f"{place}: there is a server {server.name!r} already", hint="Give it another name.")
        servers.append(server)
    return tuple(servers)


def _server(table: Mapping[str, Any], place: str) -> ServerConfig:
    """No message repeats a value that may be a secret."""
    name = table.get("name", "")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ConfigError(f"{place}: name must be a word of letters, digits, dots and dashes")
    place = f"{place} ({name})"
    _check_url(table.get("url", ""), place, allow_http=table.get("allow_http", False))
    key_env = table.get("key_env", "")
    headers = tuple(table.get("headers", {}).items())
    for key, variable in (("key_env", key_env or "X"), *headers):
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            raise ConfigError(
                f"{place}: {key} must name an environment variable in capitals, not hold the secret itself",
                hint=f'Set the variable in your shell, and write for example {key} = "{name.upper()}_KEY" here.',
            )
    for header, _ in headers:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", header) or header.lower() in _OWN_HEADERS:
            raise ConfigError(f"{place}: the header {header!r} cannot be set")
    timeout, api = table.get("timeout", 120), table.get("api", "auto")
    if not 1 <= timeout <= 3600:
        raise ConfigError(f"{place}: timeout must lie between 1 and 3600 seconds")
    if api not in ("auto", "chat"):
        raise ConfigError(f'{place}: api must be "auto" or "chat"')
    return ServerConfig(name, table["url"].rstrip("/"), key_env, headers, timeout, api)


def _check_url(url: str, place: str, *, allow_http: bool) -> None:
    hint = 'For example url = "http://127.0.0.1:8080/v1".'
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(f"{place}: url must be plain ASCII without spaces", hint=hint)
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{place}: url is no address", hint=hint) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{place}: url must begin with http:// or https:// and name a host", hint=hint)
    if "@" in parts.netloc or parts.fragment:
        raise ConfigError(f"{place}: url must hold no user, password or #part", hint="Keys go into key_env.")
    if parts.scheme == "http" and not is_loopback(host) and not allow_http:
        raise ConfigError(
            f"{place}: http is not encrypted, and {host} is another machine",
            hint="Use https, or set allow_http = true if every machine between is yours.",
        )


def is_loopback(host: str) -> bool:
    """Whether ``host`` (name or address) is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


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
    for name, known in (("keymap", KEYMAPS), ("watch", WATCH_MODES)):
        if getattr(config, name) not in known:
            raise ConfigError(f"unknown {name} {getattr(config, name)!r}", hint="Known: " + ", ".join(known))
    if config.engine_prefer and config.engine_prefer not in ENGINE_NAMES:
        from difflib import get_close_matches

        near = get_close_matches(config.engine_prefer, ENGINE_NAMES, n=1)
        raise ConfigError(
            f"unknown engine {config.engine_prefer!r} in engine.prefer",
            hint=f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(ENGINE_NAMES),
        )
    return config
