"""What may stand under ``[keys]``: names that exist, keys that arrive, and none that would end the work by a slip."""

from __future__ import annotations

import difflib
import unicodedata
from functools import cache

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from workbench.error import ConfigError
from workbench.tui.command_table import Command

HINT = "Alt+Shift+K shows how keys are called; docs/keys.md has those of all commands."
MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta")
_NAMED = {str(key.value).rpartition("+")[2] for key in Keys if "<" not in key.value}
# Names that are as they are, ctrl+@ for one.
_WHOLE = {str(key.value) for key in Keys}
# What most terminals send instead, or that they send nothing of their own.
LOST = {
    "ctrl+i": "Tab",
    "ctrl+m": "Enter",
    "ctrl+j": "Enter",
    "ctrl+h": "Backspace",
    "ctrl+left_square_bracket": "Escape",
    "ctrl+enter": "Enter",
    "shift+enter": "Enter",
    "ctrl+tab": "Tab",
    "ctrl+space": "ctrl+@",
    "alt+enter": "nothing, as many take it for the full screen",
}
# Keys that editors and lists cannot do without: on the main screen a command would have them first.
TYPED = ("space", "enter", "tab", "backspace", "delete", "left", "right", "up", "down", "home", "end")
# What loses something. Escape is pressed to leave whatever is open, often once too many.
COSTLY = ("quit", "revert", "pane_remove", "grid_stop_now")


def checked(command: Command, keys: str, place: str) -> tuple[str, ...]:
    """The keys of a setting as they are bound. Raises ConfigError that begins with ``place``."""
    return tuple(_checked(command, key.strip(), place) for key in keys.split(",") if key.strip())


def _checked(command: Command, written: str, place: str) -> str:
    # The plus sign stands between modifiers and is a key as well.
    *modifiers, last = (*written[:-2].split("+"), "plus") if written.endswith("++") else written.split("+")
    if written == "+":
        modifiers, last = [], "plus"
    if len(last) == 1 and not last.isalnum() and written not in _WHOLE:
        last = _sign(last)
    key = "+".join((*modifiers, last))
    if not set(modifiers) <= set(MODIFIERS) or len(set(modifiers)) < len(modifiers) or not _exists(last):
        near = difflib.get_close_matches(last.lower(), _NAMED | _characters(), n=1)
        lower = [word.lower() for word in modifiers]
        name = "+".join((*lower, *near))
        hint = f"Did you mean {name!r}? {HINT}" if near and set(lower) <= set(MODIFIERS) else HINT
        raise ConfigError(f"{place}: there is no key {written!r}", hint=hint)
    if key == "escape" and (command.id in COSTLY or command.id.endswith("_delete")):
        message = f"{place}: escape leaves whatever is open, and cannot be the key of {command.id!r}"
        raise ConfigError(message, hint="Choose one that is not pressed by the way, such as an F-key.")
    if command.context in ("main", "anywhere") and (len(key) == 1 or key in TYPED or _character(key)):
        message = f"{place}: {written!r} is needed for typing, and would never reach the text"
        raise ConfigError(message, hint="Choose an F-key, or one with ctrl or alt.")
    return key


def _sign(character: str) -> str:
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


@cache
def _characters() -> frozenset[str]:
    """The names of all signs that keyboards have: ``slash``, ``less_than_sign``."""
    return frozenset(_sign(chr(number)) for number in range(33, 0x2200) if not chr(number).isalnum()) - {""}


def _character(name: str) -> bool:
    return name in _characters()


def _exists(name: str) -> bool:
    return len(name) == 1 or name in _NAMED or _character(name)


def doubts(commands: tuple[Command, ...], place: str) -> list[str]:
    """What is told of keys that most terminals do not send, one sentence for each."""
    return [
        f"{place}: {key!r} of {command.id!r} does not arrive on most terminals: they send {LOST[key]}."
        for command in commands
        for key in command.keys
        if key in LOST
    ]
