"""Files that are none, and bytes that are no text: told with their place, and never in the way of the others."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.clitool import cli
from workbench.error import AccessDenied, ExitCode, StorageError, TemplateError
from workbench.service import open_workbench
from workbench.session.store import SessionStore
from workbench.template.document import load_document
from workbench.textio import read_text
from workbench.workspace import Workspace, init_workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "space")


def test_a_link_in_a_ring_hides_no_session(space: Workspace) -> None:
    month = next(path for path in space.sessions.iterdir() if path.is_dir())
    before = [session.id for session in SessionStore(space).list_sessions()]
    (month / "loop").symlink_to("loop")
    assert before
    assert [session.id for session in SessionStore(space).list_sessions()] == before


def test_a_pipe_is_not_waited_for(space: Workspace) -> None:
    pipe = space.templates / "pipe.j2"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match="no regular file"):
        read_text(pipe)
    session = SessionStore(space).list_sessions()[0]
    os.mkfifo(session.dir / "runs" / "01M8ZZZZZZZZZZZZZZZZZZZZZZ.toml")
    assert len(SessionStore(space).runs(session)) >= 3
    assert any(info.problem for info in open_workbench(space.root).templates() if info.name == "pipe.j2")


def test_bytes_that_are_no_utf8_are_named_with_their_place(space: Workspace) -> None:
    file = space.templates / "latin.j2"
    file.write_bytes(b"first\ncaf\xe9 {{ a }}\n")
    with pytest.raises(TemplateError) as caught:
        load_document(file, root=space.templates)
    assert (caught.value.line, caught.value.column) == (2, 4)
    # The sign itself, written by somebody, is text like any other.
    file.write_text("a \ufffd b", encoding="utf-8")
    assert load_document(file, root=space.templates).body == "a \ufffd b"


def test_a_template_that_is_a_link_stays_within_the_workspace(space: Workspace, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    (space.templates / "out.j2").symlink_to(secret)
    (space.templates / "ring.j2").symlink_to("ring.j2")
    with pytest.raises(AccessDenied):
        load_document(space.templates / "out.j2", root=space.templates)
    with pytest.raises(StorageError):
        load_document(space.templates / "ring.j2", root=space.templates)
    # By its own path somebody asked for it.
    assert load_document(secret, root=space.templates).body == "secret"


def test_a_run_of_which_nothing_is_left_is_an_error_not_an_empty_run(space: Workspace) -> None:
    run = next(iter(sorted((SessionStore(space).list_sessions()[0].dir / "runs").glob("*.toml"))))
    run.write_text("", encoding="utf-8")
    run.with_suffix(".jsonl").write_text('{"v": 1, "k": "ru', encoding="utf-8")
    done = cli("sessions", "show", run.stem, cwd=space.root)
    assert done.returncode == ExitCode.STORAGE
    assert b"nothing of run" in done.stderr
    assert done.stdout == b""


def test_ranges_count_for_slots_that_are_numbers(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    done = cli("grid", "london", "--axis", "days = 1-7 (+3)", "--dry-run", cwd=space.root)
    assert done.returncode == ExitCode.OK
    assert b"3 runs" in done.stderr
    wrong = cli("grid", "london", "--parallel", "-2", "--dry-run", cwd=space.root)
    assert wrong.returncode == ExitCode.USAGE


def test_a_link_out_of_the_sessions_is_no_session_and_is_not_written_through(space: Workspace, tmp_path: Path) -> None:
    (own,) = (path.parent for path in space.sessions.rglob("session.toml"))
    outside = tmp_path / "elsewhere"
    shutil.copytree(own, outside)
    (own.parent / "2026-01-01-link").symlink_to(outside)
    (space.sessions / "month").symlink_to(tmp_path)
    (own.parent / "2026-01-02-own").symlink_to(own)
    names = {folder.name for folder in SessionStore(space).folders()}
    assert names == {own.name, "2026-01-02-own"}
    done = cli("sessions", "rename", "2026-01-01-link", "mine", cwd=space.root)
    assert done.returncode == 2
    assert not (outside / ".lock").exists()


def test_a_link_in_a_ring_among_templates_is_no_template_and_no_crash(space: Workspace) -> None:
    (space.templates / "ring.j2").symlink_to("ring.j2")
    done = cli("render", "-", cwd=space.root, stdin=b'{% include "x/" ~ "y" %}')
    assert done.returncode == 3
    assert b"there is no template 'x/y' to include" in done.stderr
