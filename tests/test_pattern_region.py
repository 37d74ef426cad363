"""Regions are those of Jinja's own lexer, and a prompt without patterns renders as Jinja renders the source."""

from __future__ import annotations

import random

import pytest
from jinja2 import TemplateError

from tests.patterntool import environment, rendered
from workbench.template.choice import Context, choose
from workbench.template.region import regions
from workbench.template.scan import parse_body

TOKENS = [
    "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", " ", "\n", "x", "'", '"', "\\", "{", "}", "(", ")", "[", "]", "1",
    "{{ x }}", "{{- x -}}", "{% if x %}", "{%- endif -%}", "{% endif %}", "{% raw %}", "{% endraw %}", "{%- raw -%}",
    "{%- endraw +%}", "{# c #}", "{#- c -#}", "a", " b ", "{{ '}}' }}", '{{ "%}" ~ {"a": {}}["a"] }}', "{{ [1] }}",
    "\r\n", "{% for i in [1, 2] %}", "{% endfor %}", "{{ {'a': {'b': 1}}}}", ":", ".", ",", "\t", "%", "#",
]  # fmt: skip


def by_jinja(source: str) -> str | None:
    try:
        return environment().from_string(source).render(x="v")
    except TemplateError:
        return None


def by_workbench(source: str) -> str | None:
    tree = parse_body(source, (), patterns="off")
    try:
        return rendered(choose(tree, ctx=Context({"x": "v"})), {"x": "v"})
    except TemplateError:
        return None


def test_random_token_strings_render_as_in_jinja() -> None:
    chance = random.Random(7)
    agreed = 0
    for _ in range(6000):
        source = "".join(chance.choice(TOKENS) for _ in range(chance.randint(1, 9)))
        expected = by_jinja(source)
        if not any(part in source for part in ("{{", "{%", "{#")):
            # Without Jinja the worker is not asked, and line ends stay as they are.
            assert by_workbench(source) == source
            continue
        assert by_workbench(source) == expected, source
        agreed += expected is not None
    assert agreed > 500


def test_regions_cover_the_source() -> None:
    chance = random.Random(8)
    for _ in range(2000):
        source = "".join(chance.choice(TOKENS) for _ in range(chance.randint(0, 20)))
        found = regions(source)
        assert "".join(source[region.start : region.end] for region in found) == source
        assert all(region.end > region.start for region in found)


@pytest.mark.parametrize("source", ["a {{ b", "x {% if", "{# never", "{% raw %} open", "{{ (1] }}", "{{ 'a }}"])
def test_a_faulty_tag_leaves_the_source_to_jinja(source: str) -> None:
    tree = parse_body(source)
    assert tree.broken
    assert choose(tree).jinja_source == source


def test_a_chosen_text_that_ends_in_a_brace_does_not_open_a_tag() -> None:
    tree = parse_body("{a{|b}{{ x }}|{% if x %}{c|d{}{% endif %}", ())
    assert "{{{" not in str(choose(tree, ctx=Context({})).jinja_source)


def test_jinja_lines_are_those_of_the_source() -> None:
    source = "{a\n|b\n}\nline {0}\n{% if x %}\n\n{0} {{ undefined_name }}\n{% endif %}"
    tree = parse_body(source, {"0"})
    chosen = choose(tree, index=1, ctx=Context({"0": "Klee"}))
    assert chosen.jinja_source is not None
    line = source[: source.index("{{")].count("\n")
    assert chosen.jinja_source[: chosen.jinja_source.index("{{ undefined")].count("\n") == line


def test_white_space_control_works_around_patterns() -> None:
    tree = parse_body("a  {%- if x -%}  {0}  {%- endif -%}  \n{1|2}", {"0"})
    assert rendered(choose(tree, ctx=Context({"0": " v "})), {"x": 1}) == "a v 1"


def test_the_jinja_source_is_the_same_for_all_prompts() -> None:
    tree = parse_body("{a|b} {{ x }} {c|d\\{}", ())
    sources = {choose(tree, index=index).jinja_source for index in range(4)}
    assert len(sources) == 1
