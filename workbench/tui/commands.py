"""Every command of the app, declared once: keys, palette, footer, help screen and ``docs/keys.md`` derive from it.

The first key of each survives plain terminals and tmux: F-keys, Ctrl letters that are no other key, or Alt letters.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace

from workbench.error import ConfigError
from workbench.tui.command_table import COMMANDS, IN_MENU, Command

__all__ = ["COMMANDS", "IN_MENU", "Command", "key_name", "keys_table", "resolved"]


def resolved(overrides: Mapping[str, str] | None = None) -> tuple[Command, ...]:
    """The commands with the settings' keys. Raises ConfigError for an unknown command or a key used twice."""
    known = {command.id: command for command in COMMANDS}
    for name, keys in (overrides or {}).items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(known)
            raise ConfigError(f"unknown command {name!r} in [keys]", hint=hint)
        known[name] = replace(known[name], keys=tuple(key.strip() for key in keys.split(",") if key.strip()))
    owners: dict[str, list[Command]] = {}
    for command in known.values():
        for key in command.keys:
            for other in owners.setdefault(key, []):
                if "anywhere" in (other.context, command.context) or other.context == command.context:
                    raise ConfigError(f"the key {key!r} is given to both {other.id!r} and {command.id!r}")
            owners[key].append(command)
    return tuple(known.values())


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
