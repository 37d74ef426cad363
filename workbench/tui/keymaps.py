"""Presets of the editor's keys, chosen by ``keymap`` in the settings, and which keys they share with commands.

In the editor a preset's key goes before a command's when that command has another key; else the command keeps it.
Elsewhere nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from workbench.tui import emacskeys, vimkeys
from workbench.tui.commands import Command, key_name

if TYPE_CHECKING:
    from workbench.tui.editor import TemplateEditor

_KEYS = {"default": (), "vim": vimkeys.KEYS, "emacs": emacskeys.KEYS}
_HELP = {"default": "", "vim": vimkeys.HELP, "emacs": emacskeys.HELP}


class Keymap(Protocol):
    """What stands between the keys and the editor."""

    @property
    def label(self) -> str:
        """For the status line: the mode, or nothing."""

    def press(self, key: str, character: str | None) -> bool:
        """Whether the key was used."""


@dataclass(frozen=True)
class Shares:
    """``taken``: keys that the preset has in the editor, with the command that loses them there. ``lost``: keys that
    the preset would have, with the command that keeps them.
    """

    taken: dict[str, Command]
    lost: dict[str, Command]

    def report(self) -> list[str]:
        """One line for each key, for people."""
        lines = []
        for key, command in self.taken.items():
            others = ", ".join(key_name(other) for other in command.keys if other not in self.taken)
            lines.append(f"{key_name(key)} belongs to the editor there; {command.title} is on {others}")
        lines += [
            f"{key_name(key)} stays {command.title}, which has no other key" for key, command in self.lost.items()
        ]
        return lines


def shares(name: str, commands: Sequence[Command]) -> Shares:
    """Who gets which key in the editor."""
    wanted = _KEYS.get(name, ())
    taken: dict[str, Command] = {}
    lost: dict[str, Command] = {}
    for command in commands:
        if command.context not in ("main", "anywhere"):
            continue
        clashing = [key for key in command.keys if key in wanted]
        spare = [key for key in command.keys if key not in wanted]
        for key in clashing:
            (taken if spare else lost)[key] = command
    return Shares(taken, lost)


def make_keymap(
    name: str, editor: TemplateEditor, commands: Sequence[Command], run: Callable[[str], None], ex: Callable[[], None]
) -> Keymap | None:
    """The preset's keys for an editor; None for the default."""
    if name == "vim":
        return vimkeys.VimKeys(editor, run, ex)
    if name == "emacs":
        return emacskeys.EmacsKeys(editor, frozenset(emacskeys.KEYS) - frozenset(shares(name, commands).lost))
    return None


def keymap_help(name: str, commands: Sequence[Command] = ()) -> str:
    """The preset's keys in words, and where they and the commands meet; empty for the default one."""
    return "\n".join([_HELP.get(name, ""), *shares(name, commands).report()]).strip()
