"""Templates for scripts: every case of the pattern language through the public door, Jinja included."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from workbench.error import TemplateError
from workbench.template import PatternError, Template, TemplateSyntaxError, UndefinedError

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "patterns.jsonl").read_text(encoding="utf-8").splitlines()
]
LISTED = [row for row in CASES if row["mode"] in ("combinatorial", "count")]
ROLES = {"TemplateSyntaxError": TemplateSyntaxError, "UndefinedError": UndefinedError, "RecursionError": RecursionError}


@pytest.mark.parametrize("row", LISTED, ids=[row["id"] for row in LISTED])
def test_a_case_of_the_pattern_language(row: dict[str, Any]) -> None:
    context, expected = row["context"], row["expected"]
    template = Template.from_source(row["template"], wildcards=context.get("wildcards"))
    if isinstance(expected, dict):
        with pytest.raises(ROLES[expected["error"]]):
            list(template.prompts(context.get("vars")))
    elif row["mode"] == "count":
        assert template.count(context.get("vars")) == expected
    else:
        assert [prompt.text for prompt in template.prompts(context.get("vars"))] == expected
        assert template.count(context.get("vars")) == len(expected)


def test_a_huge_space_is_counted_and_reached_at_once() -> None:
    template = Template.from_source(" ".join(["{a|b|c|d|e|f|g|h|i|j}"] * 30))
    assert template.count() == 10**30
    assert template.prompt(10**30 - 1).text == " ".join("j" * 30)
    texts = [prompt.text for prompt in islice(template.shuffled(4), 50)]
    assert len(set(texts)) == 50
    with pytest.raises(PatternError):
        template.prompt(10**30)


def test_samples_repeat_and_need_no_earlier_ones() -> None:
    template = Template.from_source("{a|b|c}{1|2|3} {{ x }}")
    tenth = template.sample(5, 10, {"x": 1})
    assert template.sample(5, 10, {"x": 1}) == tenth
    assert len({template.sample(5, item, {"x": 1}).text for item in range(40)}) > 4


def test_switches_messages_picks_and_styles() -> None:
    source = "{% system %}s{% endsystem %}{% user %}{c:=cat|dog}{% enduser %}"
    template = Template.from_source(source, styles=["oil of {prompt}", "4k"])
    prompt = template.prompt(1)
    assert [(m.role, m.content) for m in prompt.messages] == [("system", "s"), ("user", "oil of dog, 4k")]
    assert [(pick.name, pick.text) for pick in prompt.picks] == [("c", "dog")]
    assert Template.from_source("{a|b} {{ x }}", jinja="off", patterns="off").prompt().text == "{a|b} {{ x }}"
    assert Template.from_source("{a|b} {x}", patterns="slots").prompt(variables={"x": 1}).text == "{a|b} 1"


def test_slots_and_diagnostics_need_no_values() -> None:
    template = Template.from_source("+++\n[slots.a]\n+++\n{a} {b} {{ c }} {x|y}")
    assert [(slot.name, slot.bound) for slot in template.slots] == [("a", False), ("c", False), ("b", False)]
    assert [(item.code, item.line) for item in template.diagnostics] == [("unbound-slot", 4)]
    assert template.count() == 2
    with pytest.raises(TemplateError):
        template.prompt()


def test_importing_the_package_is_cheap_and_using_it_leaves_jinja_to_the_worker() -> None:
    code = (
        "import sys, workbench.template as t\n"
        "early = [n for n in sys.modules if n.startswith('workbench.') and n != 'workbench.template']\n"
        "text = t.Template.from_source('{a|b} {{ x }}').prompt(1, {'x': 2}).text\n"
        "late = {'jinja2', 'asyncio', 'textual', 'rich', 'psutil'} & set(sys.modules)\n"
        "print(early, text, late)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[] b 2 set()\n", "")
