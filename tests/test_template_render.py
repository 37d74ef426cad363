"""From values to a prompt: values stay data, includes stay inside, faults name the place that a person wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workertool import pids
from workbench.error import AccessDenied, TemplateError, UsageError
from workbench.sandbox import Renderer
from workbench.template.document import parse_document
from workbench.template.prepared import Rendered, weighted
from workbench.template.render import PromptChoice, TemplateRenderer

TRICKY = "{city} {{ city }} {% raw %} {# #} {a|b} __x__ \\{ 続き 🙂\n{"


@pytest.fixture(scope="module")
def worker() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "space" / "templates"
    (root / "partials").mkdir(parents=True)
    return root


def render(worker: Renderer, folder: Path, source: str, /, **values: Any) -> Rendered:
    return TemplateRenderer(worker, folder).render(parse_document(source, path="templates/t.j2"), values)


def text(worker: Renderer, folder: Path, source: str, /, **values: Any) -> str:
    return render(worker, folder, source, **values).prompt.messages[-1].content


@pytest.mark.parametrize(
    "source", ["<{city}>", "<{{ city }}>", "{% if 1 %}<{city}>{% endif %}", "<{{ slot['city'] }}>"]
)
def test_a_value_is_never_read_as_a_template(worker: Renderer, folder: Path, source: str) -> None:
    assert text(worker, folder, source, city=TRICKY) == f"<{TRICKY}>"


@settings(deadline=None)
@given(value=st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=40))
def test_any_value_comes_through_jinja_exactly(worker: Renderer, value: str) -> None:
    document = parse_document("{% if x %}{% endif %}[{x}|{{ x }}]")
    rendered = TemplateRenderer(worker, None).render(document, {"x": value})
    assert rendered.prompt.messages[0].content == f"[{value}|{value}]"


def test_without_jinja_no_worker_is_started(folder: Path) -> None:
    idle = Renderer()
    assert text(idle, folder, "{a|b} {city} {other} }", city="Rom") == "a Rom {other} }"
    assert pids(idle) == ()


def test_declared_slots_free_variables_and_candidates_are_listed_apart(worker: Renderer, folder: Path) -> None:
    source = (
        "+++\n[slots.city]\nhelp='h'\n[slots.days]\ndefault=2\n+++\n{city} {{ days }}\n city: {{ who }} {maybe} {0}"
    )
    document = parse_document(source)
    slots = {slot.name: slot for slot in TemplateRenderer(worker, folder).slots(document, {"who": "x"})}
    assert [(s.name, s.bound, s.declared, s.required) for s in slots.values()] == [
        ("city", False, True, True),
        ("days", True, True, True),
        ("who", True, False, True),
        ("maybe", False, False, False),
        ("0", False, False, False),
    ]
    assert (slots["city"].line, slots["city"].column) == (7, 1)
    assert (slots["who"].line, slots["who"].column) == (8, 11)


def test_a_pick_and_a_loop_variable_are_no_slots(worker: Renderer, folder: Path) -> None:
    (folder / "row.j2").write_text("{{ item }}{{ loop.index }}{{ sep }}", encoding="utf-8")
    source = "{c:=a|b} {c} {{ c }}{% for item in items %}{% include 'row.j2' %}{% endfor %}"
    slots = TemplateRenderer(worker, folder).slots(parse_document(source), {})
    assert sorted(slot.name for slot in slots) == ["items", "sep"]


def test_an_unset_declared_slot_fails_and_an_unbound_brace_only_warns(worker: Renderer, folder: Path) -> None:
    with pytest.raises(TemplateError, match="'city' has no value"):
        render(worker, folder, "+++\n[slots.city]\nexample = 'never used'\n+++\n{city}")
    rendered = render(worker, folder, "go to\n{citty}", city="Rom")
    assert rendered.prompt.plain == "go to\n{citty}"
    assert [(w.code, w.line) for w in rendered.warnings] == [("unbound-slot", 2), ("unused-variable", 1)]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [("number", "3", "4"), ("number", "2.5", "3.5"), ("bool", "no", "0"), ("bool", "yes", "1"), ("text", "7", "8")],
)
def test_values_take_the_slot_s_type(worker: Renderer, folder: Path, kind: str, value: str, expected: str) -> None:
    body = {"number": "{{ x + 1 }}", "bool": "{{ 1 if x else 0 }}", "text": "{{ x|int + 1 }}"}[kind]
    assert text(worker, folder, f"+++\n[slots.x]\ntype = '{kind}'\n+++\n{body}", x=value) == expected


@pytest.mark.parametrize(
    ("kind", "value"), [("number", "many"), ("number", "nan"), ("bool", "maybe"), ("file", "none")]
)
def test_a_wrong_value_names_its_slot(worker: Renderer, folder: Path, kind: str, value: str) -> None:
    with pytest.raises(UsageError, match=r"^size"):
        render(worker, folder, f"+++\n[slots.size]\ntype = '{kind}'\n+++\n{{size}}", size=value)


def test_a_file_slot_reads_its_file_but_a_stranger_s_default_stays_inside(worker: Renderer, folder: Path) -> None:
    secret = folder.parent.parent / "secret.txt"
    secret.write_text("s {x}", encoding="utf-8")
    source = "+++\n[slots.f]\ntype = 'file'\ndefault = '../secret.txt'\n+++\n{f}"
    assert text(worker, folder, source, f=str(secret)) == "s {x}"
    with pytest.raises(UsageError, match="outside of the workspace"):
        render(worker, folder, source)


def test_includes_are_recorded_as_they_are_and_their_headers_left_out(worker: Renderer, folder: Path) -> None:
    tone = "+++\ntitle = 'Tone'\n+++\nBe {{ how }}."
    (folder / "partials" / "tone.j2").write_text(tone, encoding="utf-8")
    (folder / "base.j2").write_text("[{% block b %}{% endblock %}]", encoding="utf-8")
    source = "{% extends 'base.j2' %}{% block b %}{% include 'partials/' ~ which %}{% endblock %}"
    rendered = render(worker, folder, source, how="kind", which="tone.j2")
    assert rendered.prompt.plain == "[Be kind.]"
    assert [(item.path, item.source) for item in rendered.includes][1:] == [("partials/tone.j2", tone)]


def test_a_literal_file_is_included_as_it_stands(worker: Renderer, folder: Path) -> None:
    (folder / "raw.j2").write_text('+++\njinja = false\n+++\n{{ no }} "q" \\n {% x\n続', encoding="utf-8")
    assert text(worker, folder, "{% include 'raw.j2' %}") == '{{ no }} "q" \\n {% x\n続'


def test_nothing_outside_of_the_folder_is_included(worker: Renderer, folder: Path) -> None:
    outside = folder.parent / "outside.j2"
    outside.write_text("secret", encoding="utf-8")
    (folder / "link.j2").symlink_to(outside)
    for name in ("link.j2", "../outside.j2", str(outside), "partials/../../outside.j2", ""):
        with pytest.raises(TemplateError) as caught:
            render(worker, folder, f"{{% include '{name}' %}}")
        assert "no template" in caught.value.message
        with pytest.raises(TemplateError):
            render(worker, folder, "{% include name %}", name=name)


def test_a_fault_names_file_line_and_column_as_written(worker: Renderer, folder: Path) -> None:
    (folder / "p.j2").write_text("+++\ntitle='p'\n+++\nok\n  {{ inner.x }}", encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        render(worker, folder, "+++\n[slots.c]\ndefault='x'\n+++\n{c}\n{a\n|b} {c} {{ citty }}", city="Rom")
    # Line breaks inside a pattern and the header before it are counted as the author sees them.
    assert (caught.value.file, caught.value.line, caught.value.column) == ("templates/t.j2", 7, 12)
    assert "'city'" in caught.value.hint
    with pytest.raises(TemplateError) as caught:
        render(worker, folder, "{% include 'p.j2' %}")
    assert (caught.value.file, caught.value.line, caught.value.column) == ("templates/p.j2", 5, 6)


TRAPS = {
    "choice in doubled braces": ("{{a|b}|c}", "{ {a|b}|c}"),
    "colours": ("{#fff|#000}", "'{#' begins a Jinja comment"),
    "percent signs": ("{%d|%s}", "'{%' begins a Jinja tag"),
    "f-string JSON": ('{{"a": 1}}', "jinja = false"),
    "empty expression": ("${{ }}", "jinja = false"),
    "unclosed block": ("{% if 1 %}x", "needs its end tag"),
    "filter": ("{{ 'a'|uper }}", "Did you mean 'upper'?"),
    "tag": ("{% inclde 'x' %}", "Did you mean 'include'?"),
    "text and number": ("{{ 'a' + 1 }}", "'~'"),
    "text outside": ("x{% user %}y{% enduser %}", "Move it into"),
}


@pytest.mark.parametrize(("source", "hint"), TRAPS.values(), ids=TRAPS.keys())
def test_jinja_s_traps_say_what_to_write(worker: Renderer, folder: Path, source: str, hint: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(worker, folder, source)
    assert hint in caught.value.hint


def test_a_raw_template_has_no_sections(worker: Renderer, folder: Path) -> None:
    with pytest.raises(TemplateError, match="no sections") as caught:
        render(worker, folder, "+++\nmode = 'raw'\n+++\n\n{% user %}x{% enduser %}")
    assert caught.value.line == 5
    assert render(worker, folder, "+++\nmode = 'raw'\n+++\n x\n").prompt.text == " x\n"


def test_picks_are_variables_and_prompts_go_by_number_and_seed(worker: Renderer, folder: Path) -> None:
    renderer = TemplateRenderer(worker, folder)
    document = parse_document("{% if c == 'red' %}warm{% else %}cold{% endif %} {c:=red|blue}{1|2}")
    prepared = renderer.prepare(document, {})
    assert prepared.count == 4
    texts = [prepared.render(PromptChoice(n)).prompt.plain for n in range(4)]
    assert texts == ["warm red1", "warm red2", "cold blue1", "cold blue2"]
    shuffled = [prepared.render(PromptChoice(n, "shuffled", 3)).prompt.plain for n in range(4)]
    assert sorted(shuffled) == sorted(texts)
    pattern = prepared.render(PromptChoice(2, "sample", 7)).pattern
    assert pattern is not None
    assert (pattern.order, pattern.seed, pattern.count, len(pattern.picks)) == ("sample", 7, "4", 2)


def test_turns_of_a_loop_draw_anew_and_repeat_with_the_seed(worker: Renderer, folder: Path) -> None:
    (folder / "wildcards").mkdir()
    (folder / "wildcards" / "hue.txt").write_text("red\nblue\n", encoding="utf-8")
    renderer = TemplateRenderer(worker, folder)
    source = (
        "{% for n in range(30) %}{{ pick('ab') }}{{ wildcard('hue') }}{{ [1, 2]|random }}{% endfor %} "
        "{{ shuffle([1, 2, 3])|sort }} {{ sample([1, 2, 3], 2)|length }}"
    )
    seeds = [
        renderer.render(parse_document(source), {}, item=PromptChoice(0, "sample", seed)).prompt.plain
        for seed in (1, 1, 2)
    ]
    assert seeds[0] == seeds[1] != seeds[2]
    assert all(part in seeds[0] for part in ("a", "b", "red", "blue", "1", "2", "[1, 2, 3] 2"))


def test_weights_are_stripped_from_the_template_but_not_from_values(worker: Renderer, folder: Path) -> None:
    source = "+++\nweights = 'strip'\n+++\n(big {{ x }}:1.3) {{ '(a:1.5)' }} {x} {(p:1.2)|q}"
    assert text(worker, folder, source, x="(v:1.4)") == "big (v:1.4) (a:1.5) (v:1.4) p"
    assert weighted("(a:1.2)", "keep", jinja=True) == "(a:1.2)"


def test_now_is_recorded_only_when_a_template_asked(worker: Renderer, folder: Path) -> None:
    assert render(worker, folder, "{{ 1 }}").now == ""
    asked = render(worker, folder, "{{ now() }}")
    assert asked.now == asked.prompt.plain != ""


def test_the_inside_of_python_is_out_of_reach(worker: Renderer, folder: Path) -> None:
    with pytest.raises(AccessDenied) as caught:
        render(worker, folder, "a\n{{ x.__class__ }}", x="")
    assert caught.value.line == 2
