"""The table of docs/patterns.md gives what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.patterntool import every

PAGE = Path(__file__).parents[1] / "docs" / "patterns.md"
ROWS = re.findall(r"^\| `(.+?)` \| (`.*`) \|$", PAGE.read_text(encoding="utf-8").split("## Slots")[0], re.M)


@pytest.mark.parametrize(("write", "prompts"), ROWS)
def test_a_row_of_the_page_gives_its_prompts(write: str, prompts: str) -> None:
    expected = [prompt.strip("`").replace("\\|", "|") for prompt in prompts.split(" / ")]
    assert every(write.replace("\\|", "|"), {"0": "Monet", "name": "Ann"}, colour=["red", "blue"]) == expected


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) >= 18
