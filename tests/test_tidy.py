"""``workbench fmt``: templates are written one way, and every prompt stays the same to the byte."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clitool import cli
from workbench.error import ExitCode
from workbench.template.document import parse_document
from workbench.template.tidy import differing_lines, tidy

MESSY = """+++
title="A"   # what it is
  tags   =  ["x"]
[params]
temperature=0.2
# of the city
[slots.city]
default = '''
 two  =  lines '''


+++
in {{city}} {%if city%}{{-city|upper-}}{%endif%} {"a":1} {# kept  #}
"""
TIDY = """+++
title = "A"   # what it is
tags = ["x"]

[params]
temperature = 0.2

# of the city
[slots.city]
default = '''
 two  =  lines '''
+++
in {{ city }} {% if city %}{{- city|upper -}}{% endif %} {"a":1} {# kept  #}
"""


def test_a_messy_template_is_written_the_usual_way() -> None:
    assert tidy(parse_document(MESSY)) == TIDY
    assert tidy(parse_document(TIDY)) == TIDY


def test_the_headers_values_stay_the_same() -> None:
    assert parse_document(tidy(parse_document(MESSY))).header == parse_document(MESSY).header


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_newlines_stay_as_they_are(newline: str) -> None:
    assert tidy(parse_document(MESSY.replace("\n", newline))) == TIDY.replace("\n", newline)


def test_without_jinja_the_body_is_not_touched() -> None:
    source = "+++\njinja = false\n+++\n{{x}}"
    assert tidy(parse_document(source)) == source


PARTS = ["{{x}}", "{{- x-}}", "{{'}}'}}", "{%if x%}", "{%- endif %}", "{{ -1 }}", "{#c#}", "{%raw%}{{y}}{%endraw%}",
         "{{\nx}}", "{{", "}}", "{%", " ", "\n", "a|b", "{a|b}", "{{{'a':{}}}}", "{{+1}}"]  # fmt: skip


def tokens(body: str) -> list[tuple[str, str]] | str:
    try:
        return [(kind, text) for _, kind, text in jinja2.Environment().lex(body) if kind != "whitespace"]
    except jinja2.TemplateSyntaxError as error:
        # How it is wrong, not where: blanks move places.
        return re.sub(r" at \d+", "", str(error))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=10).map("".join))
def test_jinja_reads_the_same_tokens(body: str) -> None:
    written = tidy(parse_document(body))
    assert tokens(written) == tokens(body)
    assert tidy(parse_document(written)) == written


def test_the_places_that_differ_are_named() -> None:
    assert differing_lines("a\nb\nc", "a\nB\nc") == [2]
    assert differing_lines("a\nc", "a\nb\nc") == [2]
    assert differing_lines("same", "same") == []


def test_check_names_places_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "t.j2"
    file.write_text("{{x}}\n", encoding="utf-8")
    result = cli("fmt", str(file), "--check", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (ExitCode.DIFFERS, b"t.j2:1:1: note: written differently\n")
    assert file.read_text(encoding="utf-8") == "{{x}}\n"
    assert cli("fmt", str(file), cwd=tmp_path).returncode == ExitCode.OK
    assert file.read_text(encoding="utf-8") == "{{ x }}\n"
    assert cli("fmt", str(file), "--check", cwd=tmp_path).returncode == ExitCode.OK
    assert cli("fmt", "-", cwd=tmp_path, stdin=b"{{y}}").stdout == b"{{ y }}"


def test_the_starter_templates_are_tidy(repo: Path) -> None:
    for path in sorted((repo / "templates").glob("*.j2")):
        source = path.read_text(encoding="utf-8")
        assert tidy(parse_document(source)) == source, path.name
