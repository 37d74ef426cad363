"""Help for what has the focus first, then everything else that works here. Made of the table of commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Input

from workbench.tui.commands import Command, key_name
from workbench.tui.editor import TemplateEditor
from workbench.tui.keymaps import keymap_help
from workbench.tui.listview import LineList
from workbench.tui.marked import PromptView
from workbench.tui.stream import StreamView

INTRO = (
    "A template is text with slots. Fill the slots, press F5, and the answer streams into Output.\n"
    "Every run is kept: open it again from Sessions. Every command is in the palette too (^P).\n"
)
_EDITOR = (
    "save", "revert", "find", "replace", "go_to_line", "comment", "indent", "outdent", "duplicate_line", "complete",
    "turn", "weight_up", "weight_down", "outside", "compare_file",
)  # fmt: skip
_PROMPT = ("find", "copy_prompt", "prompt_next", "prompt_previous", "prompt_number", "prompt_random")
_OUTPUT = ("find", "copy", "run", "stop", "params", "model")
_LISTS = ("new_template", "browse", "jump", "sessions", "templates")
_SLOTS = ("run", "slots", "params")
EDITOR_KEYS = (
    "Shift and arrows select; ^Z undoes, ^Y redoes, also after a save; Alt+Up and Alt+Down move the line; "
    "^U and ^K delete to the line's ends; a paste is one undo step."
)
READER_KEYS = "Arrows, Page Up and Page Down scroll; Home goes to the start, End follows the end."
LIST_KEYS = "Arrows move, Enter opens."


def focus_help(widget: Widget | None, keymap: str, commands: Sequence[Command]) -> tuple[str, str, tuple[str, ...]]:
    """Name of what has the focus, its own keys in words, and the commands that belong to it."""
    if isinstance(widget, TemplateEditor):
        return "Template", "\n".join(part for part in (EDITOR_KEYS, keymap_help(keymap, commands)) if part), _EDITOR
    if isinstance(widget, PromptView):
        return "Prompt", READER_KEYS, _PROMPT
    if isinstance(widget, StreamView):
        return "Output", READER_KEYS, _OUTPUT
    if isinstance(widget, LineList):
        return "Lists", LIST_KEYS, _LISTS
    if isinstance(widget, Input):
        return "Slots", "Tab goes to the next field, Shift+Tab to the one before.", _SLOTS
    return "", "", ()


def help_text(commands: Sequence[Command], contexts: Iterable[str], widget: Widget | None, keymap: str = "") -> str:
    """The page that F1 shows."""
    here = [command for command in commands if command.context in tuple(contexts)]
    title, words, ids = focus_help(widget, keymap, commands)
    own = [command for command in here if command.id in ids]
    rest = [command for command in here if command not in own]
    parts = [INTRO]
    if title and own:
        parts += [f"{title}: what has the focus", words, *map(_line, own), "", "Everywhere here"]
    return "\n".join([*parts, *map(_line, rest)])


def _line(command: Command) -> str:
    keys = ", ".join(map(key_name, command.keys))
    return f"{keys:<18} {command.title}: {command.help}"
