"""Each importer gives templates that mean the same, and says what it could not carry over."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.patterntool import every
from workbench.template.document import parse_document
from workbench.template.importers import FORMATS, Imported, ImportFault, detect, import_file, import_text


def one(kind: str, text: str) -> Imported:
    (found,) = import_text(kind, text)
    parse_document(found.text)
    return found


def prompts_of(found: Imported, **variables: str) -> list[str]:
    return every(parse_document(found.text).body, variables)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("${x=!{a|b}}${x} and ${x}", ["a and a", "b and b"]),
        ("${x={a|b}}${x}${x}", ["aa", "ab", "ba", "bb"]),
        ("{2$$a|b}", ["a,b", "b,a"]),
        ("{2$$ and $$a|b}", ["a and b", "b and a"]),
        ("{a}", ["a"]),
        ("{{a|b}|c}", ["a", "b", "c"]),
        ("{role: x|y}", ["role: x", "y"]),
        ("{c1|c2} {~p}", ["c1 p", "c2 p"]),
        ("%{pre ... post$$x}", ["pre x post"]),
        ("a # rest\nb", ["a \nb"]),
        ("{2$$ and $${1$$red|blue}|green}", ["red and green", "blue and green", "green and red", "green and blue"]),
        ("{1$${2::x|y}|z}", ["x", "y", "z"]),
        ("{2$$+$${a}|b}", ["a+b", "b+a"]),
        ("${a=!{p|q}}${b=!${a} x}${b} ${a}", ["p x p", "q x q"]),
    ],
)
def test_dynamicprompts_text_means_the_same(source: str, expected: list[str]) -> None:
    assert prompts_of(one("dynamicprompts", source)) == expected


def test_a_ring_of_variables_and_a_backslash_are_told() -> None:
    assert any("in a ring" in note for note in one("dynamicprompts", "${a=!${b}}${b=!${a}}${a}").notes)
    assert any("backslash" in note for note in one("dynamicprompts", "a \\{b\\}").notes)
    assert not one("dynamicprompts", "a \\b {c|d}").notes


def test_modes_of_dynamicprompts_become_words() -> None:
    assert one("dynamicprompts", "{@a|b} {!c|d}").text == "{cycle$$a|b} {each$$c|d}"


def test_arguments_of_lists_are_reported() -> None:
    found = one("dynamicprompts", "__hair(colour=red)__")
    assert found.text == "__hair__"
    assert any("colour=red" in note for note in found.notes)


def test_a_default_of_a_variable_becomes_a_slot() -> None:
    header = parse_document(one("dynamicprompts", "${who:Ann} and ${who}").text).header
    assert header.slots["who"].default == "Ann"


def test_a1111_text_keeps_weights_and_reports_the_rest() -> None:
    found = one(
        "a1111", "((cat:1.2)), [a|b] BREAK {{x}}\nNegative prompt: bad, worse\nSteps: 20, Sampler: Euler, Seed: 1"
    )
    assert prompts_of(found) == ["((cat:1.2)), [a|b] BREAK {{x}}\n"]
    assert [word for word in ("negative", "settings", "BREAK") if any(word in note for note in found.notes)] == [
        "negative", "settings", "BREAK",
    ]  # fmt: skip


def test_styles_wrap_a_prompt() -> None:
    text = 'name,prompt,negative_prompt\nplain,masterpiece,ugly\nframe,"best, {prompt}, 4k",\n'
    plain, frame = import_text("styles", text)
    assert prompts_of(plain, prompt="cat") == ["cat, masterpiece\n"]
    assert prompts_of(frame, prompt="cat") == ["best, cat, 4k\n"]
    assert any("ugly" in note for note in plain.notes)


PROMPTY = """---
name: Ask
description: asks
authors: [me]
model:
  api: chat
  configuration: {type: azure_openai, azure_deployment: gpt-x}
  parameters: {max_tokens: 30, temperature: 0.2, frequency_penalty: 1}
sample: {firstName: Jane, question: why}
---
system:
You help {{firstName}} with {"a|b": 1}.

user:
{{question}} {one|two}
"""


def test_prompty_becomes_sections_slots_and_parameters() -> None:
    found = one("prompty", PROMPTY)
    document = parse_document(found.text)
    assert document.header.title == "Ask"
    assert document.header.params == {"max_tokens": 30, "temperature": 0.2}
    assert document.header.slots["firstName"].example == "Jane"
    assert document.header.patterns == "off"
    assert "{% system %}You help {{firstName}}" in document.body
    assert "{% user %}{{question}} {one|two}{% enduser %}" in document.body
    assert any("frequency_penalty" in note for note in found.notes)
    assert any("gpt-x" in note for note in found.notes)


DOTPROMPT = """---
model: googleai/gemini
config: {temperature: 0.4, maxOutputTokens: 50, version: x}
input:
  schema:
    name: string
    style?: string, how to say it
    items(array): string
  default: {name: World}
output: {format: json}
---
{{role "system"}}Be kind.
{{role "user"}}Greet {{name}}{{#if style}} in style {{style}}{{/if}}.
{{#each items}}- {{this}}
{{/each}}{{media url=x}}
"""


def test_dotprompt_becomes_jinja() -> None:
    found = one("dotprompt", DOTPROMPT)
    document = parse_document(found.text)
    assert document.header.params == {"temperature": 0.4, "max_tokens": 50}
    assert document.header.slots["name"].default == "World"
    assert document.header.slots["style"].default == ""
    assert document.header.slots["style"].help == "how to say it"
    assert "{% if style %} in style {{ style }}{% endif %}" in document.body
    assert "{% for item in items %}- {{ item }}" in document.body
    assert "{% raw %}{{media url=x}}{% endraw %}" in document.body
    assert any("media" in note for note in found.notes)


def test_llm_templates_become_slots() -> None:
    source = "model: m\nsystem: Speak $tone, costs $$5 {{x}}\nprompt: '$input'\ndefaults: {tone: kindly}\nextract: true"
    found = one("llm", source)
    document = parse_document(found.text)
    assert document.header.slots["tone"].default == "kindly"
    assert "input" in document.header.slots
    assert document.body == (
        "{% system %}Speak {{ tone }}, costs ${% raw %}5 {{x}}{% endraw %}{% endsystem %}\n"
        "{% user %}{{ input }}{% enduser %}\n"
    )
    assert any("extract" in note for note in found.notes)


PROMPTFOO = """
description: greet
prompts:
  - "Say hi to {{name}} from {{place}}"
  - file://more.txt
  - file://gen.py
providers: [openai:x]
tests:
  - vars: {name: Ann, place: Rome}
    assert: [{type: contains, value: Ann}]
  - vars: {name: Bob, place: Oslo}
"""


def test_promptfoo_vars_become_a_joined_axis(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("First {{name}}\n---\nSecond {{name}}\n")
    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(PROMPTFOO)
    first, second, third = import_file(path)
    header = parse_document(first.text).header
    assert header.axes == ({"target": "(name, place)", "values": [["Ann", "Rome"], ["Bob", "Oslo"]]},)
    assert parse_document(second.text).header.axes == ({"target": "name", "values": ["Ann", "Bob"]},)
    assert parse_document(third.text).body == "Second {{name}}\n"
    for word in ("providers", "assertions", "gen.py"):
        assert any(word in note for note in first.notes)


def test_a_promptfoo_list_is_no_axis_by_itself() -> None:
    found = one("promptfoo", 'prompts: ["{{x}}"]\ntests: [{vars: {x: [a, b]}}]')
    assert parse_document(found.text).header.axes == ({"target": "x", "values": ["a"]},)
    assert any("no axis by itself" in note for note in found.notes)


def test_files_outside_of_the_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "promptfooconfig.yaml"
    path.write_text("prompts: [hello, 'file://../secret.txt']")
    (found,) = import_file(path)
    assert "secret.txt" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.prompty", "", "prompty"),
        ("a.prompt", "", "dotprompt"),
        ("styles.csv", "", "styles"),
        ("promptfooconfig.yaml", "", "promptfoo"),
        ("a.yaml", "description: x\nprompts: []", "promptfoo"),
        ("a.yaml", "system: x", "llm"),
        ("a.txt", "x\nNegative prompt: y", "a1111"),
        ("a.txt", "{a|b}", "dynamicprompts"),
    ],
)
def test_the_format_is_told_by_name_and_content(name: str, text: str, expected: str) -> None:
    assert detect(Path(name), text) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("prompty", "---\na: [\n---\n"),
        ("llm", "just text"),
        ("llm", "model: x"),
        ("promptfoo", "tests: []"),
        ("styles", "a,b\n1,2"),
        ("nothing", ""),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(kind: str, text: str) -> None:
    with pytest.raises(ImportFault):
        import_text(kind, text)


@pytest.mark.parametrize("kind", FORMATS)
def test_noise_is_read_or_refused_but_never_breaks(kind: str) -> None:
    chance = random.Random(9)
    pieces = [
        "---\n",
        "a: b\n",
        "prompt: x\n",
        "{",
        "}",
        "|",
        "$$",
        "${x=!",
        "${x}",
        "{{",
        "}}",
        "#if x",
        "%{",
        "\n",
        "'",
    ]
    for _ in range(150):
        text = "".join(chance.choice(pieces) for _ in range(chance.randint(0, 14)))
        try:
            found = import_text(kind, text)
        except ImportFault:
            continue
        for item in found:
            parse_document(item.text)
