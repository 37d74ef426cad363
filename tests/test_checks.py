"""Checks: what passes, what does not, and what is said about it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.compare.check import (
    KINDS,
    CheckResult,
    CheckSpec,
    Subject,
    bound,
    parse_check_text,
    parse_checks,
    run_check,
    score,
)
from workbench.compare.plan import GridPlan
from workbench.compare.state import CellState
from workbench.error import TemplateError, UsageError

SCHEMA = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}}}


def passes(table: dict[str, Any], text: str, **more: Any) -> bool | None:
    (spec,) = parse_checks([table], file="t.j2")
    return run_check(spec, Subject(text, **more)).passed


@pytest.mark.parametrize(
    ("table", "good", "bad"),
    [
        ({"contains": "London"}, "In London.", "In london."),
        ({"contains": ["a", "b"]}, "ba", "aa"),
        ({"icontains": "STRASSE"}, "Lange Straße", "Weg"),
        ({"regex": r"\b\d{4}\b"}, "in 1999.", "in 99."),
        ({"equals": "yes"}, " yes\n", "yes."),
        ({"starts": ["Yes", "No"]}, "\nNo, never.", "Never."),
        ({"ends": "."}, "Done.\n", "Done"),
        ({"one-of": ["red", "blue", 3]}, "3", "green"),
        ({"json": True}, '{"a": [1, null]}', "{'a': 1}"),
        ({"json": True}, "[]", "[NaN]"),
        ({"json": True, "extract": True}, "Here:\n```json\n{}\n```", "none"),
        ({"json-schema": SCHEMA}, '{"city": "Rome"}', '{"city": "rome"}'),
        ({"words": "<= 2"}, "two words", "three words now"),
        ({"words": "3-4"}, "雨の日", "雨"),
        ({"words": {"min": 2}}, "don’t stop", "don't"),
        ({"chars": 3}, "abc", "abcd"),
        ({"script": "Latin"}, "Größe 42!", "Размер 42!"),
        ({"script": ["Han", "Kana"]}, "京都タワーへ", "Kyoto"),
        ({"language": "ja"}, "京都へ行きます。", "京都是城市。"),
        ({"language": "zh"}, "京都是城市。", "Kyoto is a city."),
        ({"no-repeat": 3}, "one two three four five six", "so it is so it is so it is so it is"),
        ({"contains": "sorry", "not": True}, "Gladly.", "I am sorry."),
    ],
)
def test_a_check_passes_the_good_and_fails_the_bad(table: dict[str, Any], good: str, bad: str) -> None:
    assert passes(table, good) is True
    assert passes(table, bad) is False


@pytest.mark.parametrize("kind", ["contains", "icontains", "equals", "one-of", "starts", "ends"])
def test_a_letter_with_its_mark_is_one_text_however_it_is_written(kind: str) -> None:
    for wanted, answer in (("\u00c9", "E\u0301"), ("E\u0301", "\u00c9")):
        assert passes({kind: [wanted]}, answer) is True
        assert passes({kind: [wanted]}, "E") is False


def test_tokens_and_the_end_come_from_the_run() -> None:
    assert passes({"tokens": ">= 5"}, "", tokens_out=5) is True
    assert passes({"tokens": "> 5"}, "", tokens_out=5) is False
    assert passes({"finish": "stop"}, "", finish_reason="stop-string") is True
    assert passes({"finish": "stop"}, "", finish_reason="length") is False


def test_a_pattern_that_backtracks_for_ever_is_stopped_and_not_called_failed() -> None:
    spec = parse_check_text("regex=(a|aa)+$")
    began = time.monotonic()
    result = run_check(spec, Subject("a" * 60 + "b"))
    assert time.monotonic() - began < 20
    assert result.passed is None
    assert "longer than" in result.error
    schema = {"type": "string", "pattern": "(a|aa)+$"}
    (spec,) = parse_checks([{"json-schema": schema}], file="t.j2")
    assert "longer than" in run_check(spec, Subject('"' + "a" * 60 + 'b"')).error


def test_a_schema_fetches_nothing() -> None:
    (spec,) = parse_checks([{"json-schema": {"$ref": "http://127.0.0.1:9/x.json"}}], file="t.j2")
    result = run_check(spec, Subject("{}"))
    assert result.passed is None
    assert "stand alone" in result.error or "cannot be used" in result.error


def test_a_schema_ends_in_bounded_time() -> None:
    unique = CheckSpec("json-schema", {"type": "array", "uniqueItems": True})
    items = [{"n": number, "l": [number]} for number in range(20_000)]
    assert run_check(unique, Subject(json.dumps(items))).passed is True
    assert run_check(unique, Subject('[{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]')).passed is False
    assert run_check(unique, Subject("[1, true]")).passed is True
    with pytest.raises(TemplateError, match="patternProperties"):
        parse_checks([{"json-schema": {"properties": {"x": {"patternProperties": {"(a|aa)+$": True}}}}}], file="t.j2")


def test_what_is_missing_or_wrong_is_told() -> None:
    assert "'b'" in run_check(parse_check_text("contains=b"), Subject("a")).detail
    assert "city" in run_check(CheckSpec("json-schema", SCHEMA), Subject('{"city": 5}')).detail
    assert run_check(parse_check_text("words<=1"), Subject("one two")).detail == "2 words"


def test_a_threshold_makes_a_check_lenient_and_not_turns_it_round() -> None:
    table = {"contains": ["a", "b"], "threshold": 0.5}
    assert passes(table, "a") is True
    assert passes(table | {"not": True}, "a") is False
    assert passes(table | {"not": True}, "c") is True
    assert passes({"contains": ["a", "b", "c"], "threshold": 0.5, "not": True}, "a") is True
    spec = parse_check_text("not contains=a")
    assert run_check(spec, Subject("b")) == CheckResult("not contains=a", "contains", True, 1.0, "without 'a'")


def test_the_score_is_weighted_and_unmade_checks_leave_it_open() -> None:
    specs = [CheckSpec("contains", "a", weight=3), CheckSpec("contains", "b"), CheckSpec("judge", "?")]
    good, bad, open_ = (
        CheckResult("a", "contains", True, 1.0),
        CheckResult("b", "contains", False, 0.0),
        run_check(specs[2], Subject("")),
    )
    assert score([good, bad, open_], specs).value == 0.75
    assert score([good, bad, open_], specs).passed is False
    assert score([good, open_], [specs[0], specs[2]]).passed is None
    assert score([good], specs[:1]).passed is True
    assert score([], []).passed is None
    cell = next(iter(GridPlan(()).cells()))
    for results in ([good, bad, open_], [good, open_], [open_], [good], []):
        state = CellState(cell, checks=tuple(results))
        assert state.passed is score(results, [specs[0]] * len(results)).passed


def test_a_table_on_a_command_line_has_all_keys() -> None:
    spec = parse_check_text('{contains = ["a", "b"], weight = 2, threshold = 0.5, name = "both"}')
    assert (spec.weight, spec.threshold, spec.label) == (2, 0.5, "both")
    assert parse_check_text("{json = true, extract = true}").options == {"extract": True}
    for wrong in ("{contains}", '{contains = "a"}\nx = 1', '{contains = "a", wieght = 2}', "{}"):
        with pytest.raises(UsageError) as caught:
            parse_check_text(wrong)
        assert caught.value.hint


def test_a_weight_in_a_text_is_not_taken_for_text() -> None:
    with pytest.raises(UsageError, match="part of the text") as caught:
        parse_check_text("contains=answer weight=2")
    assert '{contains = "answer", weight = 2}' in caught.value.hint
    assert parse_check_text('{contains = "answer weight=2"}').value == "answer weight=2"


@pytest.mark.parametrize(
    ("table", "good", "bad"),
    [
        ({"contains": ["sorry", "cannot"]}, "Gladly.", "I am sorry, no."),
        ({"icontains": ["SORRY", "cannot"]}, "Gladly.", "I am sorry, no."),
        ({"regex": ["^I ", "z+"]}, "Gladly.", "I am."),
        ({"starts": ["I ", "No"]}, "Gladly.", "I am."),
    ],
)
def test_not_with_a_list_means_none_of_them(table: dict[str, Any], good: str, bad: str) -> None:
    assert passes(table | {"not": True}, good) is True
    assert passes(table | {"not": True}, bad) is False


def test_a_length_that_is_refused_is_right_or_wrong() -> None:
    (spec,) = parse_checks([{"words": "<= 50", "not": True}], file="t.j2")
    assert run_check(spec, Subject("w " * 60)).score == 1.0
    assert run_check(spec, Subject("w " * 40)).score == 0.0


@pytest.mark.parametrize(
    ("text", "kind", "value", "negate"),
    [
        ("contains=London", "contains", "London", False),
        ("not regex=^Sorry", "regex", "^Sorry", True),
        ("words<=50", "words", "<=50", False),
        ("words = 10-50", "words", " 10-50", False),
        ("json", "json", True, False),
        ("one-of=a, b", "one-of", ["a", "b"], False),
        ("no-repeat=3", "no-repeat", 3, False),
        ("equals=a=b", "equals", "a=b", False),
        ("script=Latin,Han", "script", ["Latin", "Han"], False),
        ('script=["Latin", "Han"]', "script", ["Latin", "Han"], False),
        ("finish=stop,length", "finish", ["stop", "length"], False),
        ('one-of=["red", "a, b"]', "one-of", ["red", "a, b"], False),
        ('contains=["a"]', "contains", '["a"]', False),
        ('{contains=["a", "b"], not=true}', "contains", ["a", "b"], True),
        (' { "json-schema" = {type="object"} }', "json-schema", {"type": "object"}, False),
    ],
)
def test_checks_are_written_on_a_command_line(text: str, kind: str, value: Any, negate: bool) -> None:
    spec = parse_check_text(text)
    assert (spec.kind, spec.value, spec.negate) == (kind, value, negate)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("contain=x", "Did you mean 'contains'?"),
        ("regex=(", "is no pattern"),
        ("words=many", "is no range"),
        ("script=Latn", "Did you mean 'Latin'?"),
        ("language=de", "not told apart"),
        ("finish=stopp", "Did you mean 'stop'?"),
        ("python=x.py", "function of a file"),
        ("contains", "needs a text"),
        ("contains=", "empty text"),
        ("", "no check"),
    ],
)
def test_what_cannot_be_checked_is_said_before_anything_runs(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_check_text(text)
    assert told in str(caught.value)


def test_a_header_names_the_table_and_a_near_match() -> None:
    with pytest.raises(TemplateError) as caught:
        parse_checks([{"json": True}, {"contains": "a", "wieght": 2}], file="a.j2")
    assert "a.j2: [[check]] number 2: unknown key of a contains check 'wieght'" in str(caught.value)
    assert "'weight'" in caught.value.hint
    source = "+++\n[[check]]\njson = true\n\n  [[check]]\nwords = 'x'\n+++\n"
    with pytest.raises(TemplateError) as caught:
        parse_checks([{"json": True}, {"words": "x"}], file="a.j2", source=source)
    assert caught.value.place == "a.j2:5:3"
    for table in ({}, {"contains": "a", "regex": "b"}, {"contains": "a", "weight": -1}, {"json": True, "not": 1}):
        with pytest.raises(TemplateError):
            parse_checks([table], file="a.j2")


def test_checks_of_one_label_are_told_apart() -> None:
    specs = parse_checks([{"contains": "a"}, {"contains": "a"}], file="a.j2")
    assert [spec.label for spec in specs] == ["contains=a", "contains=a #2"]
    assert [parse_check_text(text).label for text in ("not words<=5", "json", "words=3-5")] == [
        "not words<=5",
        "json",
        "words=3-5",
    ]


def test_a_value_may_refer_to_a_variable_and_keeps_the_label_of_the_check() -> None:
    (spec,) = parse_checks([{"contains": ["{{ city }}", "sure"]}], file="a.j2")
    filled = bound(spec, lambda text: text.replace("{{ city }}", "Rome"))
    assert filled.value == ["Rome", "sure"]
    assert filled.label == spec.label
    # A pattern that is none before its variable is known is not refused.
    assert parse_check_text("regex={{ pattern }}").refers


@given(st.text(max_size=60))
def test_no_text_breaks_a_check(text: str) -> None:
    for kind in KINDS:
        value: Any = {
            "json": True,
            "no-repeat": 2,
            "json-schema": SCHEMA,
            "words": "<=3",
            "chars": ">=1",
            "tokens": 0,
            "script": "Latin",
            "language": "ja",
            "finish": "stop",
        }.get(kind, "a")
        result = run_check(CheckSpec(kind, value), Subject(text))
        assert 0 <= result.score <= 1
        assert (result.passed is None) == bool(result.error)
