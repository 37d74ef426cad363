"""An empty workspace's sessions, and the actions of ``workbench sessions`` on them, for tests of the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.cli.main import main
from workbench.session.store import SessionStore
from workbench.workspace import init_workspace

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionStore:
    space = init_workspace(tmp_path / "space")
    shutil.rmtree(space.sessions)
    monkeypatch.chdir(space.root)
    return SessionStore(space)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Code, stdout and stderr of one action."""

    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["sessions", *words])
        out, talk = capfd.readouterr()
        return code, out, talk

    return call
