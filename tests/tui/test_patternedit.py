"""Patterns changed under the cursor, and what can be completed there; text in, text out."""

from __future__ import annotations

import pytest

from workbench.compare.check_parse import check_faults
from workbench.sandbox import Renderer
from workbench.template.document import parse_document
from workbench.template.render import TemplateRenderer
from workbench.template.scan import parse_body
from workbench.tui.completing import FILTERS, TAGS, complete, header_table
from workbench.tui.patternedit import Change, turn, weigh
from workbench.tui.rowmarks import document_marks


def turned(marked: str, **values: str) -> Change:
    """``marked`` holds the cursor as ``^``, or a selection between two of them."""
    first = marked.index("^")
    last = marked.rindex("^") - 1 if marked.count("^") == 2 else first
    document = parse_document(marked.replace("^", ""))
    bound = {*document.header.slots, *values}
    change = turn(document, parse_body(document.body, bound), values, first, last)
    assert change is not None
    return change


def test_a_word_becomes_a_slot_with_the_word_as_its_default() -> None:
    change = turned("see Lon^don now")
    assert change.text == '+++\n[slots.london]\ndefault = "London"\n+++\nsee {{ london }} now'
    assert change.text[change.start : change.end] == "{{ london }}"
    document = parse_document(change.text)
    renderer = Renderer()
    try:
        assert TemplateRenderer(renderer, None).render(document, {}).prompt.plain == "see London now"
    finally:
        renderer.close()


def test_a_selection_of_several_words_keeps_an_existing_header() -> None:
    change = turned('+++\ntitle = "T"\n+++\nsee ^the old Town^!')
    header = 'title = "T"\n\n[slots.the_old_town]\ndefault = "the old Town"'
    assert change.text == f"+++\n{header}\n+++\nsee {{{{ the_old_town }}}}!"


def test_a_slot_becomes_a_choice_and_its_declaration_goes() -> None:
    change = turned('+++\n[slots.city]\ndefault = "Rome"\n+++\nsee {{ ci^ty }} now', city="Rome")
    assert change.text == "+++\n+++\nsee {Rome|} now"
    assert change.text[: change.start].endswith("{Rome|")


def test_a_slot_used_elsewhere_stays_declared() -> None:
    change = turned('+++\n[slots.city]\ndefault = "Rome"\n+++\n{city} and {{ ci^ty }}', city="Rome")
    assert change.text == '+++\n[slots.city]\ndefault = "Rome"\n+++\n{city} and {Rome|}'


def test_a_choice_becomes_its_first_option() -> None:
    assert turned("a {red|{light|dark} b^lue} cat").text == "a red cat"
    assert turned("a {red|{li^ght|dark} blue} cat").text == "a {red|light blue} cat"


def test_round_the_circle_the_prompt_is_the_same_again() -> None:
    slot = turned("see Lon^don")
    choice = turned(slot.text.replace("{{ l", "{{ ^l"), london="London")
    back = turned(choice.text[: choice.start] + "^" + choice.text[choice.start :])
    assert parse_document(back.text).body == "see London"


@pytest.mark.parametrize(
    ("before", "step", "after"),
    [
        ("a c^at", 0.1, "a (cat:1.1)"),
        ("a (c^at:1.1)", 0.1, "a (cat:1.2)"),
        ("a (c^at:1.1)", -0.1, "a cat"),
        ("^a big cat^ here", 0.1, "(a big cat:1.1) here"),
        ("a c^at", -0.1, "a (cat:0.9)"),
    ],
)
def test_weights_go_up_and_down(before: str, step: float, after: str) -> None:
    first = before.index("^")
    last = before.rindex("^") - 1 if before.count("^") == 2 else first
    change = weigh(before.replace("^", ""), 0, first, last, step)
    assert change is not None
    assert change.text == after


def test_nothing_at_the_cursor_changes_nothing() -> None:
    assert weigh("a  b", 0, 2, 2, 0.1) is None
    document = parse_document('+++\ntitle = "x"\n+++\nbody')
    assert turn(document, parse_body(document.body), {}, 5, 5) is None


@pytest.mark.parametrize(
    ("before", "table", "typed", "first"),
    [
        ("in {{ ci", None, "ci", "city"),
        ("in {ci", None, "ci", "city"),
        ("{{ city | upp", None, "upp", "upper"),
        ("{% sys", None, "sys", "system"),
        ("a __col", None, "col", "colours"),
        ("{% if ci", None, "ci", "city"),
        ("temp", "params", "temp", "temperature"),
        ("def", "slots.city", "def", "default"),
        ("desc", "", "desc", "description"),
    ],
)
def test_what_can_stand_at_the_cursor(before: str, table: str | None, typed: str, first: str) -> None:
    found = complete(before, names=["city"], lists=["colours"], table=table)
    assert found is not None
    assert (found.typed, found.words[0]) == (typed, first)


@pytest.mark.parametrize("before", ["plain words", "a}", "{{ x }} wor", "5 __ 6", "", "{{ x.ci"])
def test_plain_text_offers_nothing(before: str) -> None:
    assert complete(before, names=["city", "wor"], lists=["colours"]) is None


def test_the_words_offered_are_those_that_jinja_knows() -> None:
    worker = Renderer()
    renderer = TemplateRenderer(worker, None)
    try:
        for name in FILTERS:
            source = "{{ [] | " + name + " }}"
            found = [slot.name for slot in renderer.slots(parse_document(source), {})]
            assert found == []
        for tag in ("system", "user", "assistant", "raw", "filter"):
            assert tag in TAGS
            assert f"end{tag}" in TAGS
    finally:
        worker.close()


def test_rows_of_the_header_know_their_table() -> None:
    lines = ["+++", "ti", "[params]", "te", "+++", "body"]
    assert [header_table(lines, row) for row in range(6)] == [None, "", "", "params", None, None]


def test_marks_follow_their_row_and_never_stand_on_another_text() -> None:
    document = parse_document('+++\ntitle = "x"\n+++\nplain\n{a|b} and {"k": {c|d}}\n{nowhere}')
    tree = parse_body(document.body)
    marks = document_marks(document, tree.spans, tree.diagnostics, [])
    row = '{a|b} and {"k": {c|d}}'
    found = marks.of(4, row, 6)
    assert found is not None
    assert {row[item.start : item.end] for item in found.colours} >= {"{", "|", "}"}
    marks.edited_from = 3
    assert marks.of(6, row, 8) == found
    assert marks.of(5, row, 8) is None
    assert marks.of(4, "other", 6) is None


def test_a_fault_of_a_table_in_the_header_is_marked_on_its_row() -> None:
    document = parse_document("+++\n[[check]]\nregex = '('\n+++\nplain")
    faults = check_faults(document.header.checks, file="t.j2", source=document.source)
    found = document_marks(document, (), (), (), faults).of(1, "[[check]]", 5)
    assert found is not None
    (remark,) = found.remarks
    assert remark[:3] == (0, 9, "error")
    assert remark.text.startswith("[[check]] number 1: regex")
