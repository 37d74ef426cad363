"""Ordinary texts of many kinds, our own, pass through as prompts without a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.template.choice import choose, count
from workbench.template.scan import parse_body

_PARTS = (Path(__file__).parent / "data" / "real_texts.txt").read_text(encoding="utf-8").split("=== ")[1:]
TEXTS = dict(part.split("\n", 1) for part in _PARTS)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("jinja", [True, False])
def test_an_ordinary_text_is_kept(name: str, jinja: bool) -> None:
    tree = parse_body(TEXTS[name], (), jinja=jinja)
    if tree.broken or (jinja and tree.has_jinja):
        assert any(mark in TEXTS[name] for mark in ("{{", "{%", "{#"))
        return
    assert count(tree) == 1
    assert choose(tree).text == TEXTS[name]


def test_there_are_thirty_and_most_need_no_switch() -> None:
    assert len(TEXTS) >= 30
    assert sum(not parse_body(text).has_jinja for text in TEXTS.values()) >= 30
