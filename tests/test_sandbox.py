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
from workbench.sandbox.faults import TagPlaces

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


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a\n{{ cycler() }}", "at least one item has to be provided"),
        ("a\n{{ 'a b'|truncate(1) }}", "expected length >= 3, got 1"),
    ],
)
def test_a_slip_of_any_kind_is_an_error_with_its_line(renderer: Renderer, source: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        renderer.render(RenderRequest(source))
    assert not isinstance(caught.value, LimitExceeded)
    assert message in caught.value.message
    assert caught.value.line == 2


@pytest.mark.parametrize("filtered", ["s|upper", "s.replace('<', '(')", "s|reverse"])
def test_a_section_that_a_filter_changed_never_reaches_a_model(renderer: Renderer, filtered: str) -> None:
    source = "{% set s %}{% user %}x{% enduser %}{% endset %}{{ " + filtered + " }}"
    with pytest.raises(TemplateError, match="cut or changed by a filter"):
        renderer.render(RenderRequest(source))


def test_a_filter_cannot_change_a_role(renderer: Renderer) -> None:
    source = "{% set s %}{% user %}the user{% enduser %}{% endset %}{{ s.replace('user', 'system') }}"
    (message,) = renderer.render(RenderRequest(source)).messages
    assert (message.role, message.content) == ("user", "the system")
    unused = "{% set s %}{% user %}x{% enduser %}{% endset %}plain"
    assert renderer.render(RenderRequest(unused)).text == "plain"


def test_places_are_found_in_one_pass() -> None:
    many = "".join(f"{{{{ n{number} }}}}" for number in range(20_000))
    places = TagPlaces(many)
    assert places.column(1, "n19999") == many.index("n19999") + 1
    torn = "{{ a " * 50_000
    assert TagPlaces(torn).column(1, "a") == 1
    assert TagPlaces(torn + "\n{{ b }}").column(2, "b") == 4
    assert TagPlaces("x\n  {% if '}}' == a %}{{ a }}").column(2, "a") == 17
    assert TagPlaces("x").column(3, "a") == 0
