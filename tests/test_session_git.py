"""Sessions under git, and what must never get into them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clitool import cli
from tests.crash.operator import NoSync
from tests.runtool import intact, pieces, request, result
from workbench.session.blob import blobs_of
from workbench.session.index import SessionIndex
from workbench.session.journal import RunJournal
from workbench.session.store import Session, SessionStore
from workbench.session.trash import Trash
from workbench.workspace import Workspace, init_workspace

RUNS = 50
LONG = "a long document\r\n" * 5000
TEXT = "line one \r\nzwei\t\u202e\x1b[31m rot\x1b[0m   \n  東京\n"


def git(root: Path, *words: str) -> str:
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *words], cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def add_run(session: Session, text: str = TEXT, **more: object) -> str:
    journal = RunJournal.create(session.dir, request(**more), disk=NoSync())
    for piece in pieces([text]):
        journal.write(piece)
    journal.finish(result(text))
    return journal.run_id


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    space = init_workspace(tmp_path / "space")
    shutil.rmtree(space.sessions)
    return SessionStore(space, disk=NoSync())


def commit(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


def test_what_was_deleted_is_not_committed(store: SessionStore) -> None:
    root = store.workspace.root
    session = store.new_session("shared")
    git(root, "init", "-q")
    kept, gone = add_run(session), add_run(session)
    Trash(store).delete_run(session, gone)
    commit(root, "all")
    names = git(root, "ls-files", "sessions")
    assert kept in names
    assert ".trash" not in names


def test_two_branches_that_add_runs_merge_and_clones_keep_every_byte(store: SessionStore, tmp_path: Path) -> None:
    root = store.workspace.root
    session = store.new_session("shared")
    git(root, "init", "-q")
    runs = [add_run(session)]
    commit(root, "start")
    for branch in ("one", "two"):
        git(root, "switch", "-q", "-c", branch, "main")
        runs += [add_run(session, f"{branch} {number}\n{TEXT}") for number in range(RUNS - 1)]
        runs.append(add_run(session, variables={"document": LONG}))
        commit(root, branch)
    git(root, "merge", "-q", "--no-edit", "one")
    assert git(root, "status", "--porcelain") == ""
    for crlf in ("true", "false", "input"):
        clone = tmp_path / f"clone-{crlf}"
        git(tmp_path, "clone", "-q", "-c", f"core.autocrlf={crlf}", str(root), str(clone))
        copy = SessionStore(Workspace(clone))
        (found,) = copy.list_sessions()
        infos = copy.runs(found)
        assert [info.id for info in infos] == sorted(runs)
        for info in infos:
            record = copy.open_run(found, info.id)
            assert (record.edited, record.problem) == (False, "")
            assert intact(copy.recording(found, info.id))
        assert [copy.open_run(found, run).request.variables["document"] for run in (runs[RUNS], runs[-1])] == [LONG] * 2
        assert len(list(blobs_of(found.dir).rglob("*"))) == 2
        assert git(clone, "status", "--porcelain") == ""


def test_a_diff_of_two_runs_reads_like_a_diff_of_their_texts(store: SessionStore) -> None:
    session = store.new_session("s")
    one = add_run(session, "First line.\nIt rains.\nLast line.\n")
    two = add_run(session, "First line.\nIt snows.\nLast line.\n")
    runs = session.dir / "runs"
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
    words = ["git", "diff", "--no-index", "-U0", f"{one}.toml", f"{two}.toml"]
    lines = subprocess.run(words, cwd=runs, env=env, capture_output=True, text=True, check=False).stdout.splitlines()
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed[-2:] == ["-It rains.", "+It snows."]
    assert {line[1:].partition(" ")[0] for line in changed[:-2]} == {"id", "sha256"}


def test_a_key_in_the_environment_is_written_nowhere(
    store: SessionStore, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "sk-canary-5f2a9c71e0"
    for name in ("OPENAI_API_KEY", "LLM_KEY", "WORKBENCH_API_KEY"):
        monkeypatch.setenv(name, canary)
    root = store.workspace.root
    for words in (
        ("run", "london", "--engine", "scripted", "--session", "mine"),
        ("sessions", "note", "mine", "a note"),
        ("sessions", "duplicate", "mine", "--title", "copy"),
        ("sessions", "search", "london"),
        ("sessions", "rm", "copy"),
    ):
        assert cli(*words, cwd=root).returncode == 0, words
    index = SessionIndex(store.workspace)
    index.refresh()
    assert index.search("mine")
    files = [path for place in (root, isolated_home) for path in place.rglob("*") if path.is_file()]
    assert {"index", "session", "trash"} <= {path.name.partition(".")[0].partition("-")[0] for path in files}
    assert [path for path in files if canary.encode() in path.read_bytes()] == []
    index.close()
