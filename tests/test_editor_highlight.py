"""Colours of a template: line by line, resumable, never failing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.tui.highlight import LineStates, State, lex_line

BODY = State("body")


def coloured(line: str, state: State = BODY) -> list[tuple[str, str]]:
    return [(span.kind, line[span.start : span.end]) for span in lex_line(line, state)[0]]


def test_header_and_body() -> None:
    lines = ["+++", 'title = "A # b" # note', "[slots.city]", "+++", "Say {city}"]
    state, seen = State(), []
    for line in lines:
        spans, state = lex_line(line, state)
        seen.append([(span.kind, line[span.start : span.end]) for span in spans])
    assert seen == [
        [("header", "+++")],
        [("key", "title"), ("string", '"A # b"'), ("comment", "# note")],
        [("key", "[slots.city]")],
        [("header", "+++")],
        [("slot", "{city}")],
    ]


def test_jinja_with_braces_in_strings_and_over_lines() -> None:
    assert coloured('a {{ "}}" }} b') == [("expression", '{{ "}}" }}')]
    assert coloured("{# x #}{% if a %}y") == [("comment", "{# x #}"), ("tag", "{% if a %}")]
    state = lex_line("{{ foo(", BODY)[1]
    assert state.mode == "expression"
    assert coloured("bar) }} {x}", state) == [("expression", "bar) }}"), ("slot", "{x}")]


def test_raw_blocks_are_plain() -> None:
    line = "{% raw %}{a|b}{% endraw %}{c|d}"
    assert coloured(line)[:2] == [("tag", "{% raw %}"), ("tag", "{% endraw %}")]
    assert ("group", "|") in coloured(line)


def test_patterns() -> None:
    assert coloured("{2$$a|b}") == [("group", "{2$$"), ("group", "|"), ("group", "}")]
    assert coloured("__colour__ (x:1.3) {3::a|b}")[0] == ("wildcard", "__colour__")
    assert ("weight", ":1.3") in coloured("(x:1.3)")
    assert coloured(r"\{a| b\}") == []
    assert coloured("plain } and | text") == []


@given(st.lists(st.text(alphabet="{}%#|$\\\"'+ax1:_()\n", max_size=40), max_size=6))
def test_spans_are_in_order_and_states_resume(lines: list[str]) -> None:
    states = LineStates()
    state = State()
    for row, line in enumerate(lines):
        assert states.state(lines, row) == state
        spans, state = lex_line(line, state)
        at = 0
        for span in spans:
            assert at <= span.start < span.end <= len(line)
            at = span.end
    states.changed_from(0)
    if lines:
        assert states.state(lines, len(lines)) == state
