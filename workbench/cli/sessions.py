"""``workbench sessions``: the actions on what was saved, one module each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.cli.out import Console
    from workbench.service import Workbench

# Action: module within workbench.cli, and what it is for. The first is the default.
ACTIONS: dict[str, tuple[str, str]] = {
    "list": ("sessions_list", "list saved sessions, newest first"),
    "show": ("sessions_show", "list a session's runs, or print a run"),
    "export": ("sessions_export", "write runs in a form for other programs and people"),
    "import": ("sessions_import", "take in exports, llm logs and chats"),
    "search": ("sessions_search", "find runs by words and field words, newest first"),
    "tag": ("sessions_tag", "put tags on a session and take them off"),
    "rename": ("sessions_rename", "give a session another title"),
    "note": ("sessions_note", "write or print a note on a session or a run"),
    "rate": ("sessions_rate", "rate a run, or mark it with a star"),
    "move": ("sessions_move", "move runs to another session"),
    "merge": ("sessions_merge", "make one session of several"),
    "duplicate": ("sessions_duplicate", "copy a session or a run under new ids"),
    "rm": ("sessions_rm", "delete sessions and runs into the trash"),
    "restore": ("sessions_restore", "bring back what was deleted, or list the trash"),
    "play": ("sessions_play", "play what was recorded, in its own time"),
    "verify": ("sessions_verify", "run exactly the same again and compare"),
    "rerun": ("sessions_rerun", "run again with something changed"),
    "history": ("sessions_history", "list, compare and restore the versions of a template that were run"),
    "gc": ("sessions_gc", "remove old trash and what no run needs"),
    "migrate": ("sessions_migrate", "list or rewrite files of an older format"),
    "reindex": ("sessions_reindex", "make the search index anew"),
}


def opened(args: argparse.Namespace, console: Console) -> Workbench:
    """The workbench, with runs whose process died closed first, so that what is shown is how things are."""
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace)
    recovered = bench.store.recover() if bench.workspace.writable else []
    if recovered:
        console.talk.say(f"closed from their recordings, as their files were not: {', '.join(recovered)}")
    return bench
