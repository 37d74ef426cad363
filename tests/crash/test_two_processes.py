"""Two processes on one workspace: every run is there, no edit is lost, and the index says what a fresh one would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import REPO
from tests.indextool import dump
from workbench.session.index import SessionIndex
from workbench.session.store import SessionStore
from workbench.session.trash import Trash
from workbench.workspace import init_workspace

OPERATIONS = 5000 if os.environ.get("WORKBENCH_SOAK") else 500


def operate(root: Path, name: str, seed: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.crash.operator", str(root), name, str(OPERATIONS), str(seed)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, cwd=REPO)


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    store = SessionStore(init_workspace(tmp_path / "space"))
    shared = {store.new_session(f"shared {number}").id for number in range(3)}
    both = [operate(store.workspace.root, name, seed) for seed, name in enumerate("ab")]
    said: list[dict[str, Any]] = [json.loads(process.communicate(timeout=300)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]

    found: dict[str, list[tuple[str, int]]] = {}
    for session in store.list_sessions():
        assert session.problem == ""
        for info in store.runs(session):
            assert info.problem == ""
            assert not info.edited
            found.setdefault(info.id, []).append((info.first_words, info.rating))
    trashed = {entry.run_id for entry in Trash(store).list_trash()}
    for run, about in (item for one in said for item in one["runs"].items()):
        if about["deleted"]:
            assert run in trashed
        else:
            # In one place, with the last rating that was acknowledged.
            assert found[run] == [(about["text"], about["rating"])], run
    tags = {session.id: session.tags for session in store.list_sessions()}
    for session_id in shared:
        acknowledged = [tag for one in said for tag in one["tags"].get(session_id, [])]
        assert sorted(tags[session_id]) == sorted(acknowledged)
    assert sum(len(one["runs"]) for one in said) > OPERATIONS // 2

    index = SessionIndex(store.workspace)
    index.refresh()
    seen = dump(index)
    index.clear()
    index.refresh()
    assert seen == dump(index)
    index.close()
    refused = [one["refused"] for one in said]
    print(f"\n{OPERATIONS} operations each: {len(found)} runs, {refused} refused and repeated by nobody")
