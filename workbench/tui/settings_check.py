"""What the app would say of the settings at its start, for ``workbench doctor``: keys, keymap and themes."""

from __future__ import annotations

from typing import Literal

from textual.theme import BUILTIN_THEMES

from workbench.config import Config
from workbench.display import counted
from workbench.error import ConfigError
from workbench.tui.commands import doubtful_keys, key_name, resolved
from workbench.tui.keymaps import shares
from workbench.tui.theme import doubts, list_themes, theme_folders
from workbench.tui.theme_check import near
from workbench.workspace import Workspace

Grade = Literal["ok", "warn", "fail"]


def look(config: Config, workspace: Workspace) -> list[tuple[Grade, str, str]]:
    """Grade, what was found, and the next step. Keys can stop the app, and fail; themes have one in reserve."""
    found: list[tuple[Grade, str, str]] = []
    try:
        commands = resolved(config.keys)
    except ConfigError as error:
        found.append(("fail", error.message, error.hint))
    else:
        found += [
            ("warn", said, "Give the command another key as well.") for said in doubtful_keys(commands, config.keys)
        ]
        for key, command in shares(config.keymap, commands).lost.items():
            said = f"the keymap {config.keymap!r} leaves {key_name(key)} to {command.title}"
            found.append(("warn", said, f"Give {command.id!r} another key under [keys], and the editor has this one."))
    themes, problems = list_themes(theme_folders(workspace))
    worn = themes.get(config.theme)
    for problem in (*problems, *(doubts(worn) if worn else ())):
        found.append(("warn", problem.message, problem.hint or "docs/themes.md says what a theme takes."))
    if config.theme not in themes and config.theme not in BUILTIN_THEMES:
        found.append(("warn", f"there is no theme {config.theme!r} that can be used", near(config.theme, themes)))
    return found or [("ok", f"{counted(len(config.keys), 'own key')}, theme {config.theme}", "")]
