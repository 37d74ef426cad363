"""``workbench grid --resume`` and ``--retry-errors``: what is given with them counts, or is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clitool import cli
from workbench.workspace import init_workspace

PLANNED = ("--axis", "city = Oslo, Rome", "--param", "temperature=0", "--check", "words>=2")


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    init_workspace(tmp_path / "space")
    (tmp_path / "space/templates/say.j2").write_text("Say {{ city }} {red|blue}.", encoding="utf-8")
    assert grid(tmp_path / "space", *PLANNED).returncode == 0
    return tmp_path / "space"


def grid(space: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return cli("grid", "say", *words, cwd=space, script={"echo": True})


@pytest.mark.parametrize("flag", ["--resume", "--retry-errors"])
def test_a_check_given_to_a_grid_that_goes_on_is_made_beside_those_of_its_plan(space: Path, flag: str) -> None:
    again = grid(space, flag, "--check", "words>=9")
    assert again.returncode == 1
    told = again.stderr.decode()
    assert "words>=9: 0/4" in told
    assert "words>=2: 4/4" in told
    assert "not in the plan is made this time, beside those of the plan: words>=9" in told
    # The same command again is the same grid, without a remark.
    same = grid(space, flag, *PLANNED)
    assert (same.returncode, b"note:" in same.stderr) == (0, False)


@pytest.mark.parametrize(
    "words",
    [
        ("--engine", "llamacpp"),
        ("--prompts", "1"),
        ("--repeat", "2"),
        ("--no-reuse",),
        ("--session", "elsewhere"),
    ],
)
def test_an_option_that_differs_from_the_plan_is_refused_and_named(space: Path, words: tuple[str, ...]) -> None:
    refused = grid(space, "--resume", *words)
    assert refused.returncode == 2
    assert f"something else than {' '.join(words)}" in refused.stderr.decode()
    assert b"start a new grid" in refused.stderr


def test_a_named_group_goes_on_only_with_its_own_axes_and_values(space: Path) -> None:
    (group,) = [path.stem for path in space.glob("sessions/2*/*/groups/*.toml")]
    for words in (("--axis", "city = Paris"), ("--param", "temperature=1"), ("--set", "mood=dark")):
        assert grid(space, "--resume", group, *words).returncode == 2
    assert grid(space, "--resume", group, "--axis", "city = Oslo, Rome", "--prompts", "2").returncode == 0


def test_a_template_that_was_changed_or_is_gone_is_told_and_the_plan_holds(space: Path) -> None:
    path = space / "templates/say.j2"
    path.write_text("Shout {{ city }}.", encoding="utf-8")
    for words in (("--resume",), ("--resume", *PLANNED)):
        changed = grid(space, *words, "--format", "csv")
        assert changed.returncode == 0
        assert b"templates/say.j2 was changed since: the grid goes on with the text in its plan" in changed.stderr
        assert b"Say Oslo red." in changed.stdout
    path.unlink()
    gone = grid(space, "--resume", "--format", "csv")
    assert gone.returncode == 0
    assert b"templates/say.j2 is gone" in gone.stderr
    assert b"Say Rome blue." in gone.stdout
    missing = cli("grid", "other", "--resume", cwd=space)
    assert (missing.returncode, b"there is no template 'other'" in missing.stderr) == (2, True)
