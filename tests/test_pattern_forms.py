"""The forms of the pattern language that the case file does not show: picks, modes, lists, guards, remarks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.patterntool import every, rendered, tree_of
from workbench.template.choice import Context, choose, count, sample
from workbench.template.diagnostic import PatternCycle, PatternError, UnsetSlot
from workbench.template.scan import parse_body
from workbench.template.wildcard import WildcardFolder


def codes(source: str, *bound: str, **lists: list[str]) -> list[str]:
    return [item.code for item in tree_of(source, dict.fromkeys(bound, "v"), lists).diagnostics]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{c} hat, {c:=red|blue} shoes", ["red hat, red shoes", "blue hat, blue shoes"]),
        ("{c:=a|b}{% if c == 'a' %}!{% endif %}{{ c }}", ["a!a", "bb"]),
        ("{c:={a|b}|x} {c}", ["a a", "b b", "x x"]),
        ("{c:=2$$a|b} {c}", ["a, b a, b", "b, a b, a"]),
        ("{cycle$$a|b|c}{x|y|z}{cycle$$1|2|3}", ["ax1", "by2", "cz3"]),
        ("{1|2|3}{cycle2of$$a|b|c}", ["1a, b", "2a, c", "3b, c"]),
        ("{1|2|3|4}{cycle0-1of$$a|b}", ["1", "2a", "3b", "4"]),
        ("{2-$$+$$a|b}", ["a+b", "b+a"]),
        ("{2-of$$+$$a|b|c}", ["a+b", "a+c", "b+c", "a+b+c"]),
        ("{-1of$$a|b}", ["a", "b"]),
        ("{a|[b|c] d}", ["a", "[b|c] d"]),
        ("{a [|b}", ["a [", "b"]),
        ("{a|b|a}", ["a", "b"]),
        ("{0::a|b}", ["b"]),
        ("{2of$$a|0::b|c}", ["a, c"]),
        ("{a\\{|b}", ["a{", "b"]),
        ("{a|{}|b}", ["a", "{}", "b"]),
        ("{a| |b}", ["a", " ", "b"]),
        ("{a | | b}", ["a", "", "b"]),
        ("{a|{# note #}b}", ["a", "b"]),
        ("{c:={{ 1 + 1 }}|x} {{ c }}", ["2 2", "x x"]),
        ('{1$${"k": 1}|x}', ['{"k": 1}', "x"]),
        ("{0}{1}", ["v1v1"]),
        ("\\{0} \\{a|b", ["{0} \\{a|b"]),
        ("\\{0\\} \\{z\\}", ["{0} \\{z\\}"]),
        ("\\{|} \\{ | \\} \\{1$$|}", ["\\{|} \\{ | \\} \\{1$$|}"]),
        ("{% raw %}{a|b}{% endraw %}", ["{a|b}"]),
        ("`{a|b}` {0} ```{0}```", ["`{a|b}` v1 ```v1```"]),
        ("```\n{a|b} {0}\n```\n{c|d}", ["```\n{a|b} v1\n```\nc", "```\n{a|b} v1\n```\nd"]),
    ],
)
def test_forms(source: str, expected: list[str]) -> None:
    assert every(source, {"0": "v1", "1": "v1"}) == expected


@pytest.mark.parametrize(
    ("source", "guard"),
    [
        ('{"a": 1 | 2}', "G1"),
        ('{"a|b": 1}', "G1"),
        ('{ role: "user" | "assistant" }', "G2"),
        ("{x | x > 0}", "G3"),
        ("{x \\in A | x \\geq 1}", "G3"),
        ("{ return a || b; }", "G4"),
        ("{a || b}", "G4"),
        ("{ |x| x + 1 }", "G5"),
        ('{ kind = "a|b", size = 1 }', "G2"),
        ("{ .flags = READ | WRITE }", "G2"),
        ("{ x | 1; x }", "G4"),
        ("{ A | B => { go(); } }", "G4"),
        ("\\begin{tabular}{l|c|r}", "G10"),
        ('say "{a" or b|c}', "G6"),
        ("{a | b\n c}", "G7"),
        ("`{a|b}`", "G8"),
    ],
)
def test_guards_keep_code_as_text_and_say_so(source: str, guard: str) -> None:
    assert every(source) == [source]
    assert guard in codes(source)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("in style of {artist}", "unbound-slot"),
        ("x{0}", "slot-glued"),
        ("__colour/red__", "unknown-wildcard"),
        ("__lost__", "unknown-wildcard"),
        ("{a|{% if x %}b{% endif %}}", "crosses-tag"),
        ("{a|b", "unclosed-group"),
        ("\\{a|b\n c}", "nothing-escaped"),
        ("{0::a|0::b}", "all-off"),
        ("{5$$a|b}", "too-many-picks"),
        ("{c:=a|b}{c:=x|y}", "defined-twice"),
        ("{% if x %}{a|b}{% endif %}", "in-branch"),
        ("{% for i in x %}{a|b}{% endfor %}", "in-loop"),
        ("{{a|b}|c}", "jinja-broken"),
        ("{#fff|#000}", "jinja-broken"),
    ],
)
def test_near_misses_are_told_with_place_and_advice(source: str, code: str) -> None:
    found = [item for item in tree_of(source, {"0": 1}, {"list": ["x"]}).diagnostics if item.code == code]
    if code == "unknown-wildcard" and "lost" in source:
        found = [item for item in tree_of("__lisk__", {}, {"list": ["x"]}).diagnostics if item.code == code]
        assert "__list__" in found[0].hint
    assert found
    assert found[0].hint
    assert found[0].line == 1
    assert found[0].column >= 1


def test_a_fault_is_raised_with_line_and_column() -> None:
    tree = parse_body("first\n {c:=a|b} {c:=x|y}")
    with pytest.raises(PatternError) as caught:
        count(tree, Context(file="t.j2"))
    assert caught.value.place == "t.j2:2:11"


def test_picks_in_a_ring_are_refused() -> None:
    tree = parse_body("{a:={b}|x}{b:={a}|y}")
    with pytest.raises(PatternCycle, match="a -> b"):
        choose(tree)


def test_a_variable_fixes_a_pick_and_takes_it_out_of_the_count() -> None:
    tree = parse_body("{c:=red|blue} {c} {{ c }} {x|y}", {"c"})
    context = Context({"c": "green"})
    assert count(tree, context) == 2
    assert rendered(choose(tree, ctx=context), {"c": "green"}) == "green green green x"


def test_an_unset_slot_is_refused_or_kept() -> None:
    tree = parse_body("a\n{name}", {"name"})
    with pytest.raises(UnsetSlot) as caught:
        choose(tree)
    assert (caught.value.line, caught.value.column) == (2, 1)
    assert choose(tree, ctx=Context(keep_unset=True)).text == "a\n{name}"


def test_paths_into_variables() -> None:
    assert every("{user.city} {user.zip}", {"user": {"city": "Rome", "zip": 1}}) == ["Rome 1"]


def test_each_is_enumerated_in_a_sampling_run() -> None:
    tree = parse_body("{each$$a|b|c} {x|y}")
    found = [sample(tree, 1, item).text for item in range(12)]
    assert [text[0] for text in found] == list("abcabcabcabc")
    assert {text[2] for text in found} == {"x", "y"}


def test_any_is_drawn_in_a_combinatorial_run() -> None:
    tree = parse_body("{" + "|".join(map(str, range(30))) + "} {any$$x|y}")
    assert count(tree) == 30
    assert {choose(tree, index=index).text.split()[1] for index in range(30)} == {"x", "y"}


def test_picks_tell_what_was_chosen() -> None:
    chosen = choose(parse_body("{c:=red|blue} {a|{b|d}}"), index=5)
    assert [(pick.name, pick.option, pick.text) for pick in chosen.picks] == [
        ("c", 1, "blue"),
        ("", 1, "d"),
        ("", 1, "d"),
    ]


def test_pieces_tell_where_the_text_came_from() -> None:
    source = "in {0}, {c:=red|blue} __w__"
    tree = tree_of(source, {"0": "Rome"}, {"w": ["line"]})
    chosen = choose(tree, ctx=Context({"0": "Rome"}))
    assert [
        (chosen.text[piece.start : piece.end], piece.kind, source[piece.source_start : piece.source_end])
        for piece in chosen.pieces
        if piece.kind != "text"
    ] == [("Rome", "slot", "{0}"), ("red", "pick", "{c:=red|blue}"), ("line", "wildcard", "__w__")]


def test_slots_mode_leaves_groups_alone() -> None:
    tree = parse_body("{0} {a|b} __w__ \\{0} \\{a|b}", {"0"}, patterns="slots")
    assert choose(tree, ctx=Context({"0": "v"})).text == "v {a|b} __w__ {0} \\{a|b}"


def test_off_leaves_everything_alone() -> None:
    tree = parse_body("{0} {a|b} \\{0}", {"0"}, patterns="off")
    assert choose(tree).text == "{0} {a|b} \\{0}"


def test_spans_name_every_kind() -> None:
    source = "{0} {no} {c:=1::a|\\|} __w__ (x:1.2) {{ y }}{% if z %}{% endif %}{# c #}{% raw %}r{% endraw %}"
    tree = tree_of(source, {"0": 1}, {"w": ["x"]})
    assert {span.kind for span in tree.spans} == {
        "slot", "unbound-slot", "group", "header", "weight", "bar", "escape", "wildcard", "text",
        "jinja-expr", "jinja-stmt", "jinja-comment", "raw",
    }  # fmt: skip


def test_lists_of_a_folder_with_globs_weights_nesting_and_live_reload(tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    (tmp_path / "art" / "old").mkdir()
    (tmp_path / "art" / "a.txt").write_text("# names\nAnn\n2::Bob\nAnn\n0::Off\n\n")
    (tmp_path / "art" / "old" / "b.txt").write_text("Cid")
    (tmp_path / "tree.yaml").write_text("colour:\n  warm: [red, {orange: 2}]\n  cold: [blue]\n")
    (tmp_path / "more.json").write_text('{"nest": ["__colour/warm__ {x|y}"]}')
    lists = WildcardFolder(tmp_path, freshness=0)

    def all_of(source: str) -> list[str]:
        tree = parse_body(source, wildcards=lists)
        return [choose(tree, index=index).text for index in range(count(tree))]

    assert lists.problems == ()
    assert all_of("__art/a__") == ["Ann", "Bob"]
    assert all_of("__art/*__") == ["Ann", "Bob"]
    assert all_of("__art/**__") == ["Ann", "Bob", "Cid"]
    assert all_of("__colour/*__") == ["blue", "red", "orange"]
    assert all_of("__nest__") == ["red x", "red y", "orange x", "orange y"]
    assert all_of("{2of$$__art/a__|__colour/cold__}") == ["Ann, Bob", "Ann, blue", "Bob, blue"]
    tree = parse_body("__art/a__", wildcards=lists)
    context = Context()
    assert count(tree, context) == 2
    (tmp_path / "art" / "a.txt").write_text("one\ntwo\nthree")
    os.utime(tmp_path / "art" / "a.txt", ns=(1, 1))
    assert count(tree, context) == 3


def test_faulty_lists_are_problems_not_errors(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [")
    (tmp_path / "one.txt").write_text("x")
    (tmp_path / "one.yaml").write_text("one: [y]")
    (tmp_path / "name.txt").write_text("x")
    lists = WildcardFolder(tmp_path)
    assert lists.names() == ["name", "one"]
    assert [problem.split(":")[0] for problem in lists.problems] == ["bad.yaml", "name.txt", "one.yaml"]


def test_duplicates_add_weight() -> None:
    tree = tree_of("__w__", {}, {"w": ["a", "b", "a", "a"]})
    found = [sample(tree, 1, item).text for item in range(2000)]
    assert 0.70 < found.count("a") / 2000 < 0.80


def test_a_list_that_vanishes_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_text("x")
    tree = parse_body("__w__", wildcards=WildcardFolder(tmp_path, freshness=0))
    (tmp_path / "w.txt").unlink()
    with pytest.raises(PatternError, match="'w'"):
        count(tree)


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "w.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "v.txt").write_text("x")
    (folder / "u.txt").symlink_to(folder / "v.txt")
    assert WildcardFolder(folder).names() == ["u", "v"]


def test_a_long_chain_of_lists_ends_with_a_message() -> None:
    lists = {f"l{number}": [f"{{a|__l{number + 1}__}}"] for number in range(500)}
    tree = tree_of("__l0__", {}, {**lists, "l500": ["x"]})
    with pytest.raises(PatternCycle, match=r"deep|each other"):
        count(tree)
