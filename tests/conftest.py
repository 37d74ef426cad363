"""Shared fixtures: every test lives in a home of its own and cannot see this machine's settings."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
MISSING = pytest.StashKey[str]()
# Read at import, before any test moves HOME.
REAL_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@pytest.fixture(autouse=True)
def isolated_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh HOME with XDG folders; no WORKBENCH_* variable of the caller is seen."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("WORKBENCH_", "XDG_"))]:
        if name != "WORKBENCH_TEST_MODELS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for variable, folder in (
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
    ):
        monkeypatch.setenv(variable, str(home / folder))
    # The processes that tests start compile the sources once, not each anew.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return home


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is cut off from power; that the right calls are made is held by disks made of memory."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda _descriptor: None)


@pytest.fixture
def repo() -> Path:
    """The root of this checkout."""
    return REPO


# Programs that some tests need, by their marker: what may stand for it, and the package that has it.
PROGRAMS = {"tmux": (("tmux",), "tmux"), "chromium": (("chromium", "chromium-browser"), "chromium")}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a program its tests are left out and named; in CI that is a failure, nothing hides."""
    said = []
    for marker, (names, package) in PROGRAMS.items():
        without = [item for item in items if item.get_closest_marker(marker)]
        if not without or any(shutil.which(name) for name in names):
            continue
        if os.environ.get("CI"):
            raise pytest.UsageError(f"{marker} is missing: apt-get install {package}")
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]
        said.append(f"{marker} is missing, {len(without)} tests were left out: apt-get install {package}")
    config.stash[MISSING] = "\n".join(said)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash.get(MISSING, ""):
        terminalreporter.write_line(config.stash[MISSING], yellow=True)


@pytest.fixture(scope="session")
def default_model() -> Path:
    """The real default model, fetched once through the workbench's own download into a cache outside the repository.

    ``WORKBENCH_TEST_MODELS`` names another cache folder.
    """
    folder = Path(os.environ.get("WORKBENCH_TEST_MODELS") or REAL_CACHE / "prompt-workbench-tests" / "models")
    from workbench.engine.catalog import CATALOG
    from workbench.engine.download import fetch

    entry = CATALOG["smollm2-135m"]
    return fetch(entry, folder, on_progress=lambda _progress: None)
