"""The documentation is held equal to the code it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.cli.main import COMMANDS, load_command
from workbench.error import ExitCode

PAGES = ["README.md", "docs/index.md", "docs/cli.md", "docs/exit-codes.md", "docs/quickstart.md"]


def test_every_exit_code_stands_in_its_table(repo: Path) -> None:
    page = (repo / "docs/exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.+) \|$", page, re.M)
    assert rows == [(str(int(code)), code.name, code.meaning) for code in ExitCode]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_stands_on_its_page(name: str, repo: Path) -> None:
    page = (repo / "docs/cli.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    assert section is not None
    _, parser = load_command(name)
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", section[1], re.M)
    # A bar inside a table cell is written as a backslash and a bar.
    assert [(option.replace("\\|", "|"), text) for option, text in rows] == parser.described
    assert COMMANDS[name] in section[1]


@pytest.mark.parametrize("page", PAGES)
def test_no_link_leads_nowhere(page: str, repo: Path) -> None:
    text = (repo / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert ((repo / page).parent / target).exists(), target
