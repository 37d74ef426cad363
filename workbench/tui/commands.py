"""Every command of the app, declared once: keys, palette, footer, help screen and ``docs/keys.md`` derive from it.

The first key of each survives plain terminals and tmux: F-keys, Ctrl letters that are no other key, or Alt letters.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace

from workbench.error import ConfigError, WorkbenchError
from workbench.textio import read_text
from workbench.tui.command_table import COMMANDS, IN_MENU, Command
from workbench.tui.key_check import checked, doubts
from workbench.tui.toml_place import line_of
from workbench.workspace import user_config_dir

__all__ = ["COMMANDS", "IN_MENU", "Command", "doubtful_keys", "key_name", "keys_table", "resolved"]


def resolved(overrides: Mapping[str, str] | None = None) -> tuple[Command, ...]:
    """The commands with the settings' keys. Raises ConfigError, with file and line, for an unknown command, for what is
    no key of it, and for a key used twice.
    """
    known = {command.id: command for command in COMMANDS}
    for name, keys in (overrides or {}).items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else "Known: " + ", ".join(known)
            raise ConfigError(f"{keys_place(name)}: unknown command {name!r} in [keys]", hint=hint)
        known[name] = replace(known[name], keys=checked(known[name], keys, keys_place(name)))
    owners: dict[str, list[Command]] = {}
    for command in known.values():
        for key in command.keys:
            for other in owners.setdefault(key, []):
                if "anywhere" in (other.context, command.context) or other.context == command.context:
                    own = next((item.id for item in (command, other) if item.id in (overrides or {})), "")
                    place = f"{keys_place(own)}: " if own else ""
                    hint = "Give one of them another key, or none: an empty text."
                    message = f"{place}the key {key!r} is given to both {other.id!r} and {command.id!r}"
                    raise ConfigError(message, hint=hint)
            owners[key].append(command)
    return tuple(known.values())


def keys_place(name: str) -> str:
    """Where the user's settings give keys to a command: only they can."""
    file = user_config_dir() / "config.toml"
    try:
        return f"{file}:{line_of(read_text(file), ('keys', name))}"
    except WorkbenchError:
        return str(file)


def doubtful_keys(commands: tuple[Command, ...], overrides: Mapping[str, str]) -> list[str]:
    """What is told of keys in the settings that most terminals do not send."""
    return [
        said for command in commands if command.id in overrides for said in doubts((command,), keys_place(command.id))
    ]


_SIGNS = {
    "slash": "/", "asterisk": "*", "comma": ",", "full_stop": ".", "minus": "-", "plus": "+", "equals_sign": "=",
    "less_than_sign": "<", "greater_than_sign": ">", "left_square_bracket": "[", "right_square_bracket": "]",
    "question_mark": "?", "underscore": "_",
}  # fmt: skip


def key_name(key: str) -> str:
    """A key as people write it: ``^S``, ``F5``, ``Alt+m``."""
    if key.startswith("ctrl+"):
        sign = _SIGNS.get(key[5:], key[5:])
        return "^" + sign.upper() if len(sign) == 1 else "Ctrl+" + sign.capitalize()
    if key.startswith("alt+shift+"):
        return "Alt+" + key[10:].upper()
    if key.startswith("alt+"):
        return "Alt+" + key[4:]
    if len(key) == 1 or key in _SIGNS:
        return _SIGNS.get(key, key)
    return key.upper() if key.startswith("f") and key[1:].isdigit() else key.capitalize()


def keys_table(commands: tuple[Command, ...] = COMMANDS) -> str:
    """The Markdown table of ``docs/keys.md`` and the README."""
    rows = ["| key | command | what it does |", "|---|---|---|"]
    first = {c.id: key_name(c.keys[0]) for c in commands if c.keys}
    for c in commands:
        keys = ", ".join(map(key_name, c.keys)) or f"in {first.get(IN_MENU.get(c.id, ''), 'the palette')}"
        rows.append(f"| {keys} | {c.title} | {c.help} |")
    return "\n".join(rows)
