"""Lists as they stand on disk: kept as written, hostile files told and passed over, names that escape."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.template import Template, axis_values
from workbench.template.axis import AxisError
from workbench.template.wildcard import MOST_STEPS, WildcardFolder, WildcardLists, glob_match


def lists_of(folder: Path, **files: str) -> WildcardFolder:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return WildcardFolder(folder, freshness=0)


def texts(lists: WildcardFolder, name: str) -> list[str]:
    return [line.text for line in lists.lines(name)]


SCALARS = ["yes", "no", "1.10", "12:30", "010", "null", "2026-11-26", "~"]


def test_yaml_keeps_every_scalar_as_written(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, a__yaml="answer:\n" + "".join(f"  - {item}\n" for item in SCALARS))
    assert texts(lists, "answer") == SCALARS


def test_json_keeps_every_scalar_as_written(tmp_path: Path) -> None:
    data = '{"answer": [true, 1.10, 1e400, "é", {"red": 2.50}, {"note": "this"}], "no": null}'
    lists = lists_of(tmp_path, a__json=data)
    assert texts(lists, "answer") == ["true", "1.10", "1e400", "é", "red", "note: this"]
    assert [line.weight for line in lists.lines("answer")][4] == 2.5
    assert lists.names() == ["answer"]


def test_a_list_in_a_list_is_its_lines(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, a__yaml="warm: &w [red, {orange: 2}]\nall:\n  - *w\n  - blue\n  - {x: 1, y: no}\n")
    assert texts(lists, "all") == ["red", "orange", "blue", "x", "y: no"]


def bomb(depth: int, wide: int) -> str:
    first = f"l0: &l0 [{', '.join(['x'] * wide)}]\n"
    return first + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * wide)}]\n" for n in range(1, depth))


@pytest.mark.parametrize("text", [bomb(12, 9), bomb(60, 2), "a: &a [*a]\n", "a: &a {b: *a}\n", "[" * 5000])
def test_a_file_that_grows_without_end_is_told_and_the_others_are_read(tmp_path: Path, text: str) -> None:
    lists = lists_of(tmp_path, bad__yaml=text, good__txt="one\n")
    assert texts(lists, "good") == ["one"]
    assert lists.names() == ["good"]
    assert lists.problems[0].startswith("bad.yaml: ")


def test_a_long_list_belongs_into_a_text_file(tmp_path: Path) -> None:
    numbers = [str(number) for number in range(MOST_STEPS + 1)]
    lists = lists_of(tmp_path, long__txt="\n".join(numbers), same__json=f"[{','.join(numbers)}]")
    assert len(lists.lines("long")) == MOST_STEPS + 1
    told = f"same.json: it holds more than {MOST_STEPS:,} values; long lists belong into .txt files"
    assert lists.problems == (told,)


def test_a_number_of_any_length_is_a_weight_or_text(tmp_path: Path) -> None:
    long = "9" * 5000
    lists = lists_of(tmp_path, a__txt=f"{long}::x\n2::y\n", b__yaml=f"c: [{{x: {long}}}]\n")
    assert texts(lists, "a") == [f"{long}::x", "y"]
    assert texts(lists, "c") == [f"x: {long}"]
    assert [prompt.text for prompt in Template.from_source(f"{{{long}::a|b}}").prompts({})] == [f"{long}::a", "b"]
    with pytest.raises(AxisError):
        axis_values("float", f"0-1 [{long}]")


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        (["a/", "*"], "a/b", True),
        (["a/", "*"], "a/b/c", False),
        (["a/", "**"], "a/b/c", True),
        (["**", "a", "*", "b"], "xa/ab", True),
        (["*", "a"], "x/a", False),
        (["**"], "", True),
        (["*", "a"] * 100 + ["b"], "a" * 250, False),
    ],
)
def test_stars(pattern: list[str], name: str, *, fits: bool) -> None:
    assert glob_match(pattern, name) is fits


def test_a_name_full_of_stars_is_looked_up_in_bounded_time() -> None:
    lists = WildcardLists({"a" * 250: ["x"]})
    assert not lists.has("*a" * 5000 + "b")
    assert lists.has("*a" * 200)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("use \\__c__ here", ["use __c__ here"]),
        ("\\\\__c__", ["\\__c__"]),
        ("\\__nope__ \\__c_", ["\\__nope__ \\__c_"]),
        ("{\\__c__|b}", ["__c__", "b"]),
        ("{\\\\__c__|b}", ["\\red", "\\blue", "b"]),
        ("\\__*__", ["__*__"]),
        ("__c__", ["red", "blue"]),
    ],
)
def test_a_backslash_takes_the_meaning_of_a_list(source: str, expected: list[str]) -> None:
    template = Template.from_source(source, wildcards={"c": ["red", "blue"]})
    assert [prompt.text for prompt in template.prompts({})] == expected


def test_a_list_that_was_meant_to_be_a_pick_is_told() -> None:
    (remark, _unbound) = Template.from_source("{c:=__w__} {c}", wildcards={"w": ["red"]}).diagnostics
    assert (remark.code, remark.hint) == ("one-option", "write {c:=1$$...} to make it a pick")
    assert not Template.from_source("f'{x:=5}'").diagnostics


def test_the_remark_in_code_says_what_helps() -> None:
    (remark,) = Template.from_source("```\n{1$$a|b}\n```\n").diagnostics
    assert remark.code == "G8"
    assert "out of the code" in remark.hint
