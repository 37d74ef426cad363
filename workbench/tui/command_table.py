"""The table of the app's commands; ``workbench.tui.commands`` says what follows from it.

The first key of each survives plain terminals and tmux: F-keys, Ctrl letters that are no other key, Alt letters, and on
full screens without an editor single letters and signs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """``keys`` as Textual names them; ``footer`` is the short label there, empty when it has no place in it.

    ``context`` is where the command works: ``main`` for the main screen, the name of another full screen, or
    ``anywhere``. The same key may mean different things in different contexts.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...]
    footer: str = ""
    context: str = "main"


# Commands without a key of their own: the command with a key that lists them.
IN_MENU = {"copy_both": "copy_menu", "copy_markdown": "copy_menu", "copy_command": "copy_menu"}

COMMANDS: tuple[Command, ...] = (
    Command("help", "Help", "what can be done here, with all keys", ("f1", "alt+h"), "Help", "anywhere"),
    Command(
        "palette", "Command palette", "find a command by typing a part of its name", ("ctrl+p", "f2"), "", "anywhere"
    ),
    Command("tour", "Tour", "six steps with the real thing; again to leave", ("f12",), "", "anywhere"),
    Command("next_area", "Next area", "move to the next area", ("f3", "alt+n"), "Area"),
    Command("sessions", "Open session", "go to the sessions and their runs; Enter opens one", ("f4", "alt+o"), "Runs"),
    Command("run", "Run", "send the prompt to the model and stream the answer", ("f5", "ctrl+r"), "Run"),
    Command("stop", "Stop", "stop the run; the text so far is kept", ("f6", "alt+s"), "Stop"),
    Command(
        "params", "Parameters", "temperature, length, seed and the like of the next runs", ("f7", "alt+p"), "Params"
    ),
    Command("model", "Model", "the shelf: use, fetch, check and remove models", ("f8", "alt+m"), "Model"),
    Command("copy", "Copy output", "copy the output to the clipboard", ("f9", "alt+c")),
    Command("templates", "Open template", "go to the templates; Enter opens one", ("ctrl+o", "alt+l")),
    Command("new_template", "New template", "begin an empty template", ("ctrl+n", "alt+shift+e")),
    Command("save", "Save template", "write the template's file", ("ctrl+s",), "Save"),
    Command("revert", "Revert template", "drop unsaved changes, back to the file", ("alt+r",)),
    Command("new_run", "New session", "clear the output; the next run begins a new session", ("alt+w",)),
    Command("copy_prompt", "Copy prompt", "copy the rendered prompt to the clipboard", ("alt+y",)),
    Command("copy_menu", "Copy …", "output, prompt, both, Markdown, or the command line", ("alt+q",)),
    Command("copy_both", "Copy prompt and output", "both, one below the other", ()),
    Command("copy_markdown", "Copy as Markdown", "the run with its facts, prompt and output", ()),
    Command("copy_command", "Copy command line", "the shell command that repeats the run exactly", ()),
    Command("area_lists", "Go to lists", "templates and sessions", ("alt+1",)),
    Command("area_edit", "Go to editor", "the template and its slots", ("alt+2",)),
    Command("area_preview", "Go to preview", "the rendered prompt", ("alt+3",)),
    Command("area_output", "Go to output", "the answer", ("alt+4",)),
    Command("slots", "Go to slots", "fill in the template's variables", ("alt+5", "alt+v")),
    Command("engine", "Switch engine", "automatic, llamacpp, gpt4all or scripted", ("alt+e",)),
    Command("prompt_next", "Next prompt", "show the pattern's next prompt; a run takes the one shown", ("alt+j",)),
    Command("prompt_previous", "Previous prompt", "show the pattern's previous prompt", ("alt+k",)),
    Command("prompt_first", "First prompt", "back to the pattern's first prompt", ("alt+0",)),
    Command("prompt_last", "Last prompt", "show the pattern's last prompt", ("alt+9",)),
    Command("prompt_random", "Random prompt", "show any prompt of the pattern", ("alt+x",)),
    Command("prompt_number", "Prompt by number", "show the prompt of a number", ("alt+g",)),
    Command("turn", "Turn into slot or choice", "a word into a slot, a slot into a choice, that into text", ("alt+a",)),
    Command("weight_up", "More weight", "raise the weight of the selection or word: (text:1.1)", ("alt+u", "ctrl+up")),
    Command("weight_down", "Less weight", "lower the weight of the selection or word", ("alt+d", "ctrl+down")),
    Command("complete", "Complete", "slots, lists, tags, filters that can stand here", ("alt+i", "ctrl+@")),
    Command("theme", "Theme", "choose one; the screen wears the one under the cursor", ("alt+t",)),
    Command("pane_into", "Same prompt into ...", "mark models, parameters, versions: a pane each", ("alt+8",)),
    Command("pane_next", "Next pane", "move to the next pane", ("alt+shift+a",)),
    *(Command(f"pane_{n}", f"Pane {n}", f"move to pane {n}", (str(n),), "", "panes") for n in range(1, 7)),
    Command("pane_add", "Add a pane", "one more, with this one's settings", ("plus", "equals_sign"), "", "panes"),
    Command("pane_remove", "Remove the pane", "its run stays in the session", ("minus",), "", "panes"),
    Command("pane_zoom", "Zoom", "this pane on the whole screen, and back", ("z",), "", "panes"),
    Command("pane_stop", "Stop this pane", "its run only; F6 stops all", ("x",), "", "panes"),
    Command("pane_together", "Scroll together", "all panes together, or each alone", ("t",), "", "panes"),
    Command("pane_version", "Template version", "run this pane with an earlier version", ("v",), "", "panes"),
    Command("pane_pin", "Pin as baseline", "compare other panes with this one", ("p",), "", "panes"),
    Command("pane_diff", "Compare panes", "with the baseline, else with the neighbour", ("d",), "", "panes"),
    Command("pane_all", "All panes", "where all agree and where they part", ("n",), "", "panes"),
    Command("pane_blind", "Judge blind", "hide names and shuffle; one key votes", ("b",), "", "panes"),
    Command("pane_ranking", "Ranking", "of all blind votes in the session", ("r",), "", "panes"),
    *(Command(f"blind_{c}", f"{c.upper()} is best", "vote for it", (c,), "", "blind") for c in "abcdef"),
    Command("blind_tie", "Tie", "none is better", ("t",), "", "blind"),
    Command("blind_bad", "All bad", "none is good", ("x",), "", "blind"),
    Command("blind_reveal", "Show names", "without a vote", ("v",), "", "blind"),
    Command("browse", "Browse sessions", "search, compare, play, verify and rerun what was saved", ("alt+6", "ctrl+t")),
    Command(
        "browse_filter",
        "Filter",
        "words, model:, tag:, rating:, before: and more",
        (
            "slash",
            "f3",
        ),
        "Filter",
        "browser",
    ),
    Command("browse_mark", "Mark", "mark a run; two marked ones can be compared", ("space",), "Mark", "browser"),
    Command("browse_diff", "Compare", "two marked runs, or a run and what it came from", ("D",), "Compare", "browser"),
    Command("browse_play", "Play", "play the run as it was, with its group", ("p",), "Play", "browser"),
    Command("browse_verify", "Verify", "run exactly the same again: the same text?", ("v",), "Verify", "browser"),
    Command("browse_rerun", "Run again", "run again with one thing changed, and compare", ("e",), "Again", "browser"),
    Command("browse_tree", "What came of what", "runs that were made from one another", ("l",), "", "browser"),
    Command(
        "browse_versions",
        "Template versions",
        "versions of its template that were ever run",
        ("h",),
        "",
        "browser",
    ),
    Command("browse_look", "Look", "read it here, as at the side of a wide screen", ("o",), "", "browser"),
    Command("browse_exact", "Exact prompt", "the very text that the model saw", ("x",), "", "browser"),
    Command("browse_rename", "Rename", "another title for the session", ("r",), "", "browser"),
    Command("browse_tag", "Tag", "tags of the session", ("t",), "Tag", "browser"),
    Command("browse_note", "Note", "a note on the run or session", ("n",), "Note", "browser"),
    Command(
        "browse_star",
        "Star",
        "star the run, or take the star away",
        (
            "asterisk",
            "s",
        ),
        "",
        "browser",
    ),
    Command("browse_rate", "Rate", "rate the run 1 to 5; the keys 0 to 5 do it at once", ("g",), "", "browser"),
    Command(
        "browse_delete",
        "Delete",
        "move the run or session to the trash",
        (
            "d",
            "delete",
        ),
        "Delete",
        "browser",
    ),
    Command("browse_undo", "Bring back", "bring back what was deleted", ("u",), "Undo", "browser"),
    Command("browse_move", "Move", "move the run to another session", ("m",), "", "browser"),
    Command("browse_merge", "Merge", "move all runs of the session to another one", ("M",), "", "browser"),
    Command("browse_copy", "Duplicate", "a copy of the run or session", ("c",), "", "browser"),
    Command("browse_export", "Export", "write the run or session to a file", ("w",), "", "browser"),
    Command("play_pause", "Play or pause", "play on, or stop where it is", ("space",), "Pause", "player"),
    Command("play_back", "5 s back", "five seconds back", ("left",), "", "player"),
    Command("play_forward", "5 s forward", "five seconds forward", ("right",), "5 s", "player"),
    Command(
        "play_far_back",
        "10 % back",
        "a tenth back",
        (
            "less_than_sign",
            "shift+left",
        ),
        "",
        "player",
    ),
    Command(
        "play_far_forward",
        "10 % forward",
        "a tenth forward",
        (
            "greater_than_sign",
            "shift+right",
        ),
        "10 %",
        "player",
    ),
    Command("play_step_back", "One piece back", "to the piece before", ("comma",), "", "player"),
    Command("play_step", "One piece forward", "to the next piece", ("full_stop",), "Step", "player"),
    Command(
        "play_marker_back",
        "Marker before",
        "to the marker before",
        ("left_square_bracket",),
        "",
        "player",
    ),
    Command(
        "play_marker",
        "Next marker",
        "first token, marks, errors",
        ("right_square_bracket",),
        "Marker",
        "player",
    ),
    Command("play_slower", "Slower", "half the speed", ("minus",), "", "player"),
    Command(
        "play_faster",
        "Faster",
        "twice the speed",
        (
            "plus",
            "equals_sign",
        ),
        "Faster",
        "player",
    ),
    Command("play_idle", "Idle time", "pass over idle time, or show it as it was", ("i",), "Idle", "player"),
    Command("play_home", "To the beginning", "to the beginning", ("home",), "", "player"),
    Command("play_end", "To the end", "to the end", ("end",), "", "player"),
    Command("shelf_get", "Fetch", "fetch the model; again to pause, once more to go on", ("g",), "Get", "shelf"),
    Command("shelf_url", "Fetch from address", "a GGUF file by its address, or a list of models", ("u",), "", "shelf"),
    Command("shelf_inspect", "Inspect", "all that the file says of itself", ("i",), "Inspect", "shelf"),
    Command("shelf_verify", "Verify file", "read the whole file and compare its sha256", ("v",), "Verify", "shelf"),
    Command("shelf_rename", "Rename file", "another name in the same folder", ("r",), "Rename", "shelf"),
    Command("shelf_move", "Move file", "into another folder or to another disk", ("m",), "Move", "shelf"),
    Command("shelf_delete", "Delete file", "from the disk, after a question", ("d", "delete"), "Delete", "shelf"),
    Command("shelf_stop", "Pause or stop", "pause the download, stop reading a file", ("f6", "s"), "Pause", "shelf"),
    Command("shelf_read", "Read again", "look at the folders and ask the servers again", ("f5",), "", "shelf"),
    Command("grid", "Grid", "plan a grid of the template, or go back to the one that runs", ("ctrl+g",)),
    Command("grids", "Saved grids", "look at a saved grid, or go on with one that was stopped", ("alt+7",)),
    Command(
        "plan_start", "Start the grid", "start what is planned; asks when it is much", ("f5",), "Start", "grid_plan"
    ),
    Command(
        "grid_go", "Pause or go on", "pause, go on, or resume what was stopped", ("f5", "P"), "Pause/go on", "grid"
    ),
    Command("grid_stop", "Stop after this one", "end when what runs now has ended", ("f6", "x"), "Stop", "grid"),
    Command("grid_stop_now", "Stop now", "cancel what runs now; its text is kept", ("f7", "X"), "", "grid"),
    Command("grid_retry", "Retry errors", "run what failed once more", ("e",), "", "grid"),
    Command("grid_show", "Show next", "words, then one number or check after the other", ("v",), "Show", "grid"),
    Command("grid_show_what", "Show what", "choose what cells show", ("V",), "", "grid"),
    Command("grid_swap", "Swap", "rows as columns and columns as rows", ("s",), "Swap", "grid"),
    Command("grid_pivot", "Pivot", "move an axis to rows or columns, or stack its cells", ("p",), "Pivot", "grid"),
    Command("grid_fix", "Fix or free", "fix an axis to the value under the cursor, or free it", ("f",), "Fix", "grid"),
    Command("grid_value", "Next value", "the next value of the fixed axis", ("right_square_bracket",), "", "grid"),
    Command("grid_value_back", "Value before", "the value before", ("left_square_bracket",), "", "grid"),
    Command("grid_hide", "Hide", "hide a value under the cursor", ("h",), "", "grid"),
    Command("grid_show_all", "Show all", "nothing hidden, filtered or sorted", ("H",), "", "grid"),
    Command("grid_sort", "Sort rows", "by any number or check, of the row or of a column", ("o",), "Sort", "grid"),
    Command("grid_filter", "Filter rows", "by any number, check or state", ("slash",), "Filter", "grid"),
    Command("grid_only", "Only what differs", "from the baseline, from its row, or all", ("d",), "Differs", "grid"),
    Command("grid_baseline", "Baseline", "compare with this column", ("b",), "", "grid"),
    Command("grid_page", "Read", "prompt, output and checks of the cell; Enter does it too", ("r",), "Read", "grid"),
    Command("grid_next", "Next run", "of the cell, of the row, of the table", ("full_stop",), "", "grid"),
    Command("grid_previous", "Run before", "of the cell, of the row, of the table", ("comma",), "", "grid"),
    Command("grid_row", "Row side by side", "where the outputs of a row agree and part", ("a",), "Row", "grid"),
    Command("grid_rates", "Rates", "rates with their intervals for each value of each axis", ("i",), "Rates", "grid"),
    Command("grid_mark", "Mark", "mark a cell; two marked ones can be compared", ("space",), "Mark", "grid"),
    Command("grid_diff", "Compare", "two marked cells, or a marked one and this one", ("D",), "Compare", "grid"),
    Command("grid_rate", "Rate", "rate the run 1 to 5; the keys 0 to 5 do it at once", ("g",), "", "grid"),
    Command("grid_star", "Star", "star the run, or take the star away", ("asterisk",), "", "grid"),
    Command("grid_note", "Note", "a note on the run", ("n",), "", "grid"),
    Command("grid_export", "Export", "write the result to a file", ("w",), "Export", "grid"),
    Command("grid_wider", "Wider", "wider columns", ("plus", "equals_sign"), "", "grid"),
    Command("grid_narrower", "Narrower", "narrower columns", ("minus",), "", "grid"),
    Command("jump", "Jump", "a letter on each area and row; it goes there", ("alt+shift+j", "f11"), "", "anywhere"),
    Command("notices", "Notices", "read again what was told in small boxes", ("alt+shift+m",), "", "anywhere"),
    Command("keys", "Key viewer", "what the terminal sends for a key, and what it does", ("alt+shift+k",)),
    Command("find", "Find", "in the template, prompt or output that has the focus", ("ctrl+f", "alt+shift+f")),
    Command("find_next", "Find next", "the next match of what was looked for last", ("alt+shift+n",)),
    Command("find_previous", "Find previous", "the match before", ("alt+shift+b",)),
    Command("replace", "Replace", "find and replace in the template, one or all", ("alt+shift+r",)),
    Command("go_to_line", "Go to line", "a line of the template by its number", ("ctrl+l", "alt+shift+l")),
    Command("comment", "Comment", "turn rows into comments, and back", ("alt+shift+c", "ctrl+underscore")),
    Command("indent", "Indent", "move the selected rows to the right", ("alt+shift+i",)),
    Command("outdent", "Outdent", "move the selected rows to the left", ("alt+shift+u",)),
    Command("duplicate_line", "Duplicate line", "a copy of the line below it", ("alt+shift+d",)),
    Command("outside", "Own editor", "the template in $VISUAL or $EDITOR, and back", ("alt+z", "f10")),
    Command("compare_file", "Compare with file", "the text here and the file's; choose which", ("alt+shift+v",)),
    Command("quit", "Quit", "leave; unsaved text is kept as a draft", ("ctrl+q",), "Quit", "anywhere"),
)
