"""Where the parts of a prompt came from: told exactly, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.sandbox import Renderer
from workbench.template.document import parse_document
from workbench.template.prepared import PromptChoice
from workbench.template.render import TemplateRenderer
from workbench.template.trace import trace

Row = tuple[str, str, str]


@pytest.fixture(scope="module")
def renderer() -> Iterator[TemplateRenderer]:
    worker = Renderer()
    yield TemplateRenderer(worker, None, wildcards=None)
    worker.close()


def traced(renderer: TemplateRenderer, source: str, index: int = 0, **values: Any) -> list[Row]:
    prepared = renderer.prepare(parse_document(source), values)
    item = PromptChoice(index)
    rendered = prepared.render(item)
    plain = rendered.prompt.plain
    return [(plain[mark.start : mark.end], mark.kind, mark.name) for mark in trace(prepared, item, rendered)]


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("a {red|blue} {x} cat", {"x": "big"}, [("red", "pick", ""), ("big", "slot", "x")]),
        ("{{ x }}, {{ x|upper }}", {"x": "big"}, [("big", "slot", "x"), ("BIG", "slot", "x")]),
        # A template that looks at its values gets no marks on them; the picks are still known.
        ("{{ x|length }} {a|b} {{ x }}", {"x": "big"}, [("a", "pick", "")]),
        ("{% if x == 'big' %}yes {{ x }}{% endif %} {a|b}", {"x": "big"}, [("a", "pick", "")]),
        (
            "{% system %}you {{x}}{% endsystem %}{% user %}{p:=one|two}: {{p}}{% enduser %}",
            {"x": "big"},
            [("big", "slot", "x"), ("one", "pick", "p")],
        ),
        ("no patterns at all", {}, []),
        ("{% for n in [1, 2] %}{a|b}{% endfor %}", {}, [("a", "pick", ""), ("a", "pick", "")]),
    ],
)
def test_marks_are_where_things_were_put(
    renderer: TemplateRenderer, source: str, values: dict[str, Any], expected: list[Row]
) -> None:
    assert traced(renderer, source, **values) == expected


def test_text_that_holds_our_signs_gets_no_marks(renderer: TemplateRenderer) -> None:
    assert traced(renderer, "{{ x }} {a|b}", x="\U00100000") == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["{a|bb|}", "{{ x }}", "{x}", " ", "é", "{{ x|trim }}", "\n", "{c|d} "]), max_size=8))
def test_the_marked_text_is_the_prompts_own(renderer: TemplateRenderer, parts: list[str]) -> None:
    for text, kind, name in traced(renderer, "".join(parts), x="big"):
        assert text
        assert (kind, name) in (("slot", "x"), ("pick", ""))
        assert text in (("big",) if kind == "slot" else ("a", "bb", "c"))
