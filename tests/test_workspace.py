"""Where everything lives, and that making a workspace overwrites nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbench.error import UsageError
from workbench.session.drafts import save_draft
from workbench.session.index import SessionIndex
from workbench.session.store import SessionStore
from workbench.textio import toml_loads
from workbench.workspace import Workspace, find_workspace, init_workspace, models_dirs, user_data_dir


def test_a_new_workspace_has_the_starter_set(tmp_path: Path) -> None:
    space = init_workspace(tmp_path / "a" / "space")
    assert (space.templates / "london.j2").is_file()
    assert space.themes.is_dir()
    assert space.sessions.is_dir()
    assert toml_loads((space.root / "workspace.toml").read_text(encoding="utf-8"))["format"] == 1
    assert "*.jsonl -text" in (space.root / ".gitattributes").read_text(encoding="utf-8")
    assert space.writable


def test_the_flag_wins_then_the_variable_then_the_folder_then_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (init_workspace(tmp_path / name) for name in ("first", "second", "third"))
    (third.root / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(third.root / "deep" / "er")
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(second.root))
    assert find_workspace(first.root) == first
    assert find_workspace() == second
    monkeypatch.delenv("WORKBENCH_WORKSPACE")
    assert find_workspace() == third
    monkeypatch.chdir(tmp_path)
    own = find_workspace()
    assert own.root == user_data_dir() / "workspace"
    assert (own.templates / "london.j2").is_file()
    assert find_workspace() == own


def test_a_folder_that_is_none_gets_advice(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_workspace(tmp_path)
    assert f"workbench init {tmp_path}" in caught.value.hint
    with pytest.raises(UsageError, match="does not exist"):
        find_workspace(tmp_path / "none")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "templates").mkdir(parents=True)
    (root / "templates" / "london.j2").write_text("mine")
    (root / ".gitattributes").write_text("*.png binary")
    with pytest.raises(UsageError, match=r"london\.j2"):
        init_workspace(root)
    assert sorted(os.listdir(root)) == [".gitattributes", "templates"]
    (root / "templates" / "london.j2").unlink()
    space = init_workspace(root)
    attributes = (root / ".gitattributes").read_text(encoding="utf-8")
    assert attributes.startswith("*.png binary\n")
    assert "sessions/**/*.toml text eol=lf" in attributes
    with pytest.raises(UsageError, match=r"workspace\.toml exists"):
        init_workspace(space.root)


def test_a_file_is_no_place_for_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        init_workspace(tmp_path / "file")


def test_caches_and_drafts_stand_outside_and_apart(tmp_path: Path, isolated_home: Path) -> None:
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    folders = [first.cache_dir, second.cache_dir, first.state_dir, second.state_dir]
    assert len(set(folders)) == 4
    assert all(folder.is_dir() and isolated_home in folder.parents for folder in folders)


def open_to_others(folder: Path) -> list[Path]:
    """What other users of the machine can reach below ``folder``."""
    found: list[Path] = []
    for path in folder.iterdir():
        if path.stat().st_mode & 0o077:
            found += [path, *(open_to_others(path) if path.is_dir() else ())]
    return found


def test_what_a_person_wrote_is_not_for_other_users(isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(isolated_home)
    mask = os.umask(0o022)
    try:
        space = find_workspace()
        store = SessionStore(space)
        store.new_session("A secret")
        save_draft(space, "templates/a.j2", "a secret")
        index = SessionIndex(space)
        index.refresh()
        index.close()
    finally:
        os.umask(mask)
    assert index.path is not None
    assert index.path.is_file()
    assert open_to_others(isolated_home) == []


def test_a_folder_of_an_earlier_version_is_closed_to_others(tmp_path: Path, isolated_home: Path) -> None:
    space = Workspace(tmp_path / "space")
    folders = [space.cache_dir, space.state_dir]
    for folder in folders:
        folder.chmod(0o755)
    assert [space.cache_dir, space.state_dir] == folders
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]


def test_model_folders_keep_their_order_without_duplicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MODELS", os.pathsep.join([str(tmp_path / "b"), "", str(tmp_path / "a")]))
    own = user_data_dir() / "models"
    assert models_dirs([tmp_path / "a"]) == [tmp_path / "a", tmp_path / "b", own]


def test_git_keeps_the_bytes_of_runs(tmp_path: Path) -> None:
    """The attributes hold for the paths that sessions really have."""
    space = init_workspace(tmp_path / "space")
    subprocess.run(["git", "init", "-q", str(space.root)], check=True, capture_output=True)
    run = "sessions/2026-11/20261125T195612Z-tone-7k3f/runs/01KB"
    asked = [f"{run}.jsonl", f"{run}.toml", "sessions/blobs/ab/abcd"]
    command = ["git", "-C", str(space.root), "check-attr", "text", "eol", "--", *asked]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f"{run}.jsonl: text: unset" in answer
    assert f"{run}.toml: eol: lf" in answer
    assert "sessions/blobs/ab/abcd: text: unset" in answer
