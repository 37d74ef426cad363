"""``workbench import``: files of other tools, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clitool import cli
from workbench.cli.importing import FORMATS
from workbench.template import importers
from workbench.workspace import init_workspace


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return init_workspace(tmp_path / "space").root


def test_a_file_becomes_a_template_that_renders(space: Path) -> None:
    source = space / "hats.txt"
    source.write_text("a {red|blue} hat", encoding="utf-8")
    done = cli("import", "hats.txt", cwd=space)
    assert (done.returncode, done.stdout) == (0, b"templates/hats.j2\n"), done.stderr
    assert cli("render", "hats", "--count", cwd=space).stdout == b"2\n"
    again = cli("import", "hats.txt", cwd=space)
    assert again.returncode == 2
    assert b"not overwritten" in again.stderr


def test_what_cannot_be_carried_over_is_said(space: Path) -> None:
    source = (
        "---\nname: Greeting\nmodel:\n  parameters:\n    logit_bias: 3\n---\nsystem:\nBe kind.\n\nuser:\nHi {{who}}\n"
    )
    (space / "greet.prompty").write_text(source, encoding="utf-8")
    done = cli("import", "greet.prompty", "--print", cwd=space)
    assert done.returncode == 0
    assert b"{% system %}" in done.stdout
    assert b"logit_bias" in done.stderr
    assert not (space / "templates" / "greet.j2").exists()


def test_the_formats_are_the_importers_own() -> None:
    assert FORMATS == importers.FORMATS
