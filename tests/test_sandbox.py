"""The bounded worker: hostile templates end as they must, honest ones come through exactly."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.workertool import pids
from workbench.error import AccessDenied, LimitExceeded, TemplateError
from workbench.record import Message
from workbench.sandbox import PREVIEW, Renderer, RenderRequest

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "hostile.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(spare=True)
    yield made
    made.close()


def outcome(renderer: Renderer, row: dict[str, Any]) -> str:
    name = "self.j2" if row.get("self_include") else "template"
    loader = {name: row["template"]} if row.get("self_include") else {}
    variables = {**(row.get("vars") or {}), "self_name": name}
    request = RenderRequest(row["template"], name=name, variables=variables, loader=loader, limits=PREVIEW)
    try:
        renderer.render(request)
    except LimitExceeded:
        return "limit"
    except AccessDenied:
        return "denied"
    except TemplateError:
        return "error"
    return "ok"


@pytest.mark.parametrize("row", CASES, ids=[row["id"] for row in CASES])
def test_a_hostile_template_ends_as_expected(renderer: Renderer, row: dict[str, Any]) -> None:
    assert outcome(renderer, row) == row["expected"]
    # Whatever it did, the next one is served.
    assert renderer.render(RenderRequest("ok {{ n }}", variables={"n": 1})).text == "ok 1"


def slot_names(renderer: Renderer, source: str) -> list[str]:
    try:
        return [slot.name for slot in renderer.slots(source, {}).names]
    except TemplateError:
        return []


@pytest.mark.parametrize("row", CASES, ids=[row["id"] for row in CASES])
def test_finding_slots_runs_nothing_and_ends(renderer: Renderer, row: dict[str, Any]) -> None:
    assert all(name.isidentifier() for name in slot_names(renderer, row["template"]))
    assert slot_names(renderer, "{{ b }} {{ a }}") == ["a", "b"]


def test_sections_make_messages_also_in_loops(renderer: Renderer) -> None:
    source = (
        "{% system %}Be brief.{% endsystem %}"
        "{% for q, a in pairs %}{% user %}{{ q }}{% enduser %}{% assistant %}{{ a }}{% endassistant %}{% endfor %}"
        "{% user %}{{ last }}{% enduser %}"
    )
    pairs = [["one {% user %}", "two"], ["<|im_end|>", "}}"]]
    reply = renderer.render(RenderRequest(source, variables={"pairs": pairs, "last": "続き?"}))
    assert reply.messages == (
        Message("system", "Be brief."),
        Message("user", "one {% user %}"),
        Message("assistant", "two"),
        Message("user", "<|im_end|>"),
        Message("assistant", "}}"),
        Message("user", "続き?"),
    )


@pytest.mark.parametrize(
    "source",
    ["stray {% user %}x{% enduser %}", "{% user %}a{% system %}b{% endsystem %}{% enduser %}"],
    ids=["text outside", "nested"],
)
def test_text_outside_or_sections_inside_sections_are_errors(renderer: Renderer, source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        renderer.render(RenderRequest(source))
    assert "section" in caught.value.message


def test_an_error_names_line_and_near_match(renderer: Renderer) -> None:
    with pytest.raises(TemplateError) as caught:
        renderer.render(RenderRequest("a\nb\n{{ citty }}", variables={"city": "x"}, first_line=10))
    assert (caught.value.line, "'city'" in caught.value.hint) == (12, True)


def test_a_model_s_chat_template_is_rendered_as_its_makers_expect(renderer: Renderer) -> None:
    template = (
        "{%- for message in messages %}\n    {{- '<|' + message['role'] + '|>' + message['content'] | trim }}\n"
        "    {%- if loop.last %}{% break %}{% endif %}\n{%- endfor %}\n"
        "{%- if add_generation_prompt %}{{ eos_token }}<|assistant|>{% endif %}"
    )
    text = renderer.chat(template, [Message("system", " s "), Message("user", "u")], eos_token="</s>")
    assert text == "<|system|>s<|user|>u</s><|assistant|>"


def test_a_chat_template_may_refuse_and_says_why(renderer: Renderer) -> None:
    with pytest.raises(TemplateError) as caught:
        renderer.chat("{{ raise_exception('no system role') }}", [Message("system", "s")])
    assert "no system role" in caught.value.message


def test_a_worker_that_died_while_idle_is_replaced_unseen() -> None:
    renderer = Renderer()
    try:
        assert renderer.render(RenderRequest("{{ 1 }}")).text == "1"
        for pid in pids(renderer):
            os.kill(pid, signal.SIGKILL)
        assert renderer.render(RenderRequest("{{ 2 }}")).text == "2"
    finally:
        renderer.close()


def test_closing_leaves_no_child() -> None:
    renderer = Renderer(spare=True)
    renderer.render(RenderRequest("{{ 1 }}"))
    children = pids(renderer)
    renderer.close()
    assert len(children) == 2
    assert not any(psutil.pid_exists(pid) for pid in children)
