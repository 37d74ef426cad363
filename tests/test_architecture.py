"""The direction of imports, held twice: by contracts, and by looking at what a clean interpreter really loaded."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

RUNTIMES = {"gpt4all", "xllamacpp"}
FACE = {"textual", "rich"}

PROBE = """
import json, sys
argv = {argv!r}
from workbench.cli.main import main
code = main(argv)
print("\\n" + json.dumps([code, sorted(name.partition('.')[0] for name in sys.modules)]), file=sys.stderr)
"""


def loaded_by(argv: list[str], cwd: Path) -> set[str]:
    """Top-level modules in a fresh interpreter after ``workbench argv``."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(argv=argv)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    code, modules = json.loads(done.stderr.strip().splitlines()[-1])
    assert code == 0, done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "argv",
    [
        ["--version"],
        ["render", "templates/london.j2", "--set", "city=London"],
        ["models", "list"],
        ["run", "templates/london.j2", "--engine", "scripted", "--no-save"],
    ],
    ids=["version", "render", "models", "run"],
)
def test_the_headless_face_loads_no_screen_and_no_model_runtime(argv: list[str], repo: Path) -> None:
    modules = loaded_by(argv, repo)
    assert not modules & (FACE | RUNTIMES)


def test_version_loads_next_to_nothing(repo: Path) -> None:
    modules = loaded_by(["--version"], repo)
    assert not modules & {"jinja2", "asyncio", "psutil", "yaml", "watchfiles"}


def test_render_leaves_jinja_to_the_worker(repo: Path) -> None:
    modules = loaded_by(["render", "templates/london.j2"], repo)
    assert not modules & {"jinja2", "asyncio"}
    # What takes long to import and no prompt needs.
    slow = {
        "yaml",
        "regex",
        "jsonschema",
        "asyncio",
        "psutil",
        "platformdirs",
        "tempfile",
        "shutil",
        "difflib",
        "secrets",
    }
    assert not modules & slow


def test_import_contracts_hold(repo: Path) -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=repo, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def packages_of(folder: Path) -> set[str]:
    """The distributions whose modules the files below ``folder`` import, anywhere in them."""
    modules = set[str]()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    known = packages_distributions()
    return {plain(name) for module in modules - sys.stdlib_module_names for name in known.get(module, [])}


def plain(name: str) -> str:
    """The name of a distribution as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_that_is_imported_is_declared(repo: Path) -> None:
    project = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    names = {
        key: {plain(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}
        for key, lines in {**extras, "": project["dependencies"]}.items()
    }
    assert packages_of(repo / "workbench") - names[""] - names["serve"] - {"prompt-workbench"} == set()
    assert packages_of(repo / "tests") - names[""] - names["dev"] - {"prompt-workbench"} == set()
