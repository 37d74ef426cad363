"""The documentation is held equal to the code it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.cli.main import COMMANDS, actions_of, load_command
from workbench.error import ExitCode
from workbench.tui.commands import COMMANDS as APP_COMMANDS
from workbench.tui.commands import keys_table

PAGES = ["README.md", "docs/index.md", "docs/cli.md", "docs/exit-codes.md", "docs/quickstart.md"]


def test_every_exit_code_stands_in_its_table(repo: Path) -> None:
    page = (repo / "docs/exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.+) \|$", page, re.M)
    assert rows == [(str(int(code)), code.name, code.meaning) for code in ExitCode]


PLACES = [(name, action) for name in COMMANDS for action in ("", *actions_of(name))]


@pytest.mark.parametrize(("name", "action"), PLACES)
def test_every_command_and_option_stands_on_its_page(name: str, action: str, repo: Path) -> None:
    page = (repo / "docs/cli.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {f'{name} {action}'.strip()}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    assert section is not None
    actions = actions_of(name)
    if actions and not action:
        assert COMMANDS[name] in section[1]
        return
    _, parser = load_command(name, action)
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", section[1], re.M)
    # A bar inside a table cell is written as a backslash and a bar.
    assert [(option.replace("\\|", "|"), text) for option, text in rows] == parser.described
    assert (actions[action][1] if action else COMMANDS[name]) in section[1]


def test_the_keys_of_the_readme_are_those_of_the_app(repo: Path) -> None:
    page = (repo / "README.md").read_text(encoding="utf-8")
    section = page.partition("## Keys")[2].partition("\n## ")[0]
    shown = re.findall(r"^\| .+ \|$", section, re.M)
    assert set(shown) <= set(keys_table().splitlines())
    # What the main screen's footer offers must stand on the first page as well.
    assert set(
        keys_table(
            tuple(item for item in APP_COMMANDS if item.footer and item.context in ("main", "anywhere"))
        ).splitlines()
    ) <= {
        *shown,
        "|---|---|---|",
    }


def test_every_page_is_reachable_from_the_index(repo: Path) -> None:
    index = (repo / "docs/index.md").read_text(encoding="utf-8")
    pages = {path.name for path in (repo / "docs").glob("*.md")} - {"index.md"}
    assert pages == set(re.findall(r"\]\(([\w-]+\.md)\)", index))


@pytest.mark.parametrize("page", PAGES)
def test_no_link_leads_nowhere(page: str, repo: Path) -> None:
    text = (repo / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert ((repo / page).parent / target).exists(), target


def test_the_names_of_commands_stand_in_the_docs_for_the_settings(repo: Path) -> None:
    _, _, names = (repo / "docs/keys.md").read_text(encoding="utf-8").partition("## Names of the commands")
    assert re.findall(r"`(\w+)`", names) == [item.id for item in APP_COMMANDS]
