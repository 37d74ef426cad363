"""The starter set: every template works as it stands, and shows what it is there for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPO
from workbench.param import params_from
from workbench.record import Prompt
from workbench.service import Workbench, open_workbench
from workbench.workspace import init_workspace

NAMES = sorted(path.name for path in (REPO / "templates").glob("*.j2"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    space = tmp_path_factory.mktemp("starter") / "space"
    init_workspace(space)
    workbench = open_workbench(space)
    yield workbench
    workbench.renderer.close()


def prompt(bench: Workbench, name: str, **values: object) -> Prompt:
    return bench.render(bench.load_template(name), values).prompt


def test_there_are_six_to_eight_for_people_to_start_with() -> None:
    assert 6 <= len(NAMES) <= 8


@pytest.mark.parametrize("name", NAMES)
def test_each_renders_with_its_defaults_and_is_described(bench: Workbench, name: str) -> None:
    document = bench.load_template(name)
    assert document.header.title
    assert document.header.description
    assert document.header.tags
    assert params_from(document.header.params).max_tokens <= 300
    rendered = bench.render(document, {})
    assert len(rendered.prompt.plain.split()) >= 2
    assert not rendered.warnings


def test_the_sightseeing_question_takes_its_slots(bench: Workbench) -> None:
    text = prompt(bench, "london", city="Rome", days=1, interest="art").plain
    assert text.startswith("I have 1 day in Rome and I love art.")


def test_the_japanese_one_is_a_chat(bench: Workbench) -> None:
    messages = prompt(bench, "kyoto-ja", city="奈良").messages
    assert [message.role for message in messages] == ["system", "user"]
    assert "秋の奈良" in messages[1].content


def test_the_few_shot_chat_loops_over_examples(bench: Workbench) -> None:
    messages = prompt(bench, "sentiment-chat", review="Fine.").messages
    assert [message.role for message in messages] == ["system", *["user", "assistant"] * 3, "user"]
    assert messages[-1].content == "Review: Fine."


def test_the_code_review_reads_a_file(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = {'a|b': 1}\n", encoding="utf-8")
    text = prompt(bench, "code-review", code=str(tmp_path / "a.py")).messages[-1].content
    assert "x = {'a|b': 1}" in text


def test_the_raw_one_ends_where_the_model_goes_on(bench: Workbench) -> None:
    raw = prompt(bench, "raw-completion", opening="Once")
    assert raw.form == "text"
    assert raw.text == "Once"


def test_the_image_prompt_keeps_its_weights(bench: Workbench) -> None:
    text = prompt(bench, "sd-prompt").plain
    assert "((1girl:1.3),blue eye,in style of Monet,standing), (beach, in style of Hokusai:1.1)" in text
