"""Template files: the header is checked to the key and line, the body is kept to the byte."""

from __future__ import annotations

import pytest

from workbench.error import TemplateError
from workbench.template.document import parse_document
from workbench.template.header import locate


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "byte order mark"])
def test_header_and_body_come_apart_whatever_the_editor_wrote(newline: str, mark: str) -> None:
    lines = ["+++", 'title = "T"', "[slots.city]", 'default = "Rom"', "+++", "Go to {city}.", "+++", ""]
    document = parse_document(mark + newline.join(lines))
    assert document.header.title == "T"
    assert document.header.slots["city"].default == "Rom"
    assert document.body == newline.join(["Go to {city}.", "+++", ""])
    assert document.body_line == 6


@pytest.mark.parametrize("source", ["", "plain", "+++ not a header", "++++\nx", " +++\n+++\n", "a\n+++\nx = 1\n+++\n"])
def test_text_without_a_header_is_all_body(source: str) -> None:
    document = parse_document(source)
    assert (document.body, document.body_line) == (source, 1)


def test_an_empty_header_is_one() -> None:
    assert parse_document("+++\n+++\nb").body == "b"


WRONG = {
    "misspelt key": ('titel = "x"', 2, "Did you mean 'title'?"),
    "misspelt key in the second slot": ('[slots.a]\ntype = "text"\n[slots.b]\ntyp = "text"', 5, "Did you mean 'type'?"),
    "wrong type of the second slot": ('[slots.a]\ntype = "text"\n[slots.b]\ntype = "tex"', 5, "One of: text"),
    "parameter": ("[params]\ntemprature = 1", 3, "Did you mean 'temperature'?"),
    "parameter out of range": ("[params]\ntop_k = 1\ntop_p = 3", 4, ""),
    "mode": ('mode = "chatty"', 2, "chat, raw"),
    "model": ('[model]\nnam = "x"', 3, "Did you mean 'name'?"),
    "choice without choices": ('title = "t"\n[slots.style]\ntype = "choice"', 3, "choices"),
    "default not among the choices": ('[slots.s]\nchoices = ["a", "b"]\ndefault = "c"', 4, "a, b"),
    "default of the wrong kind": ('[slots.n]\ntype = "number"\ndefault = "many"', 4, ""),
    "guided weights": ('weights = "guide"', 2, "strip"),
    "not TOML": ("title = \n", 2, ""),
    "endless key": ("title = 'a'\na" + ".b" * 100_000 + " = 1\n", 3, ""),
    "slot is no table": ("[slots]\ncity = 3", 3, ""),
}


@pytest.mark.parametrize(("header", "line", "hint"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_header_names_its_line_and_what_to_write(header: str, line: int, hint: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_document(f"+++\n{header}\n+++\nbody", path="templates/x.j2")
    error = caught.value
    assert (error.file, error.line) == ("templates/x.j2", line)
    assert error.column > 0
    assert hint in error.hint


def test_an_unclosed_header_says_so() -> None:
    with pytest.raises(TemplateError, match="not closed"):
        parse_document("+++\ntitle = 'x'\nbody")


def test_everything_a_header_may_hold_is_kept() -> None:
    document = parse_document(
        '+++\ntitle="t"\ndescription="d"\ntags=["a"]\nmode="raw"\njinja=false\npatterns="slots"\nweights="strip"\n'
        '[model]\nname="m"\nengine="e"\n[params]\ntop_k=3\n[variables]\nx=1\n[[axis]]\ntarget="city"\nvalues="a, b"\n'
        '[[check]]\ncontains="x"\n[slots.0]\nexample="Monet"\nhelp="h"\n[slots."町"]\ntype="bool"\n+++\n'
    )
    header = document.header
    assert (header.mode, header.jinja, header.patterns, header.weights) == ("raw", False, "slots", "strip")
    assert header.axes == ({"target": "city", "values": "a, b"},)
    assert header.checks == ({"contains": "x"},)
    assert header.variables == {"x": 1}
    assert (header.slots["0"].example, header.slots["町"].type) == ("Monet", "bool")


def test_a_key_is_found_through_tables_quotes_and_dots() -> None:
    source = 'a.b = 1\n[slots."x y"]\nhelp = ""\n[[axis]]\n  target = ""'
    assert locate(source, ("a", "b")) == (1, 1)
    assert locate(source, ("slots", "x y", "help")) == (3, 1)
    assert locate(source, ("axis", "target")) == (5, 3)
    assert locate(source, ("slots", "x y", "inline")) == (2, 2)
