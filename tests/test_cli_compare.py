"""``workbench compare`` and ``workbench score`` on runs of the scripted engine, through the real command line."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from tests.runtool import request, result
from workbench.cli.compare import Comparison
from workbench.cli.compare_text import text_lines
from workbench.cli.main import main
from workbench.cli.score_text import as_csv, as_junit, as_markdown
from workbench.compare.changed import changed_inputs, deltas
from workbench.compare.check import CheckResult, CheckSpec, Score, Subject, parse_check_text, parse_checks
from workbench.compare.diff import line_diff
from workbench.compare.score import Scored, summarise
from workbench.error import ExitCode, UsageError
from workbench.param import Params
from workbench.record import ModelRef
from workbench.service import Workbench, open_workbench
from workbench.service.judging import _ONE_TWO, _YES_NO, judge_pair, verdict_of
from workbench.service.scoring import Scorer
from workbench.session.marks import list_marks, rows, write_marks
from workbench.workspace import init_workspace

TEMPLATE = """+++
[params]
temperature = 0.5
[slots.city]
default = "Rome"
[[check]]
contains = "{{ city }}"
[[check]]
words = "<= 4"
+++
Say {{ city }}.
"""
CODE = """
def shout(text, subject):
    print("noise")
    if text == "boom":
        raise RuntimeError("no")
    while text == "hang":
        pass
    return text.isupper(), subject["variables"]["city"]
"""


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    init_workspace(tmp_path / "space")
    (tmp_path / "space" / "templates" / "say.j2").write_text(TEMPLATE)
    monkeypatch.chdir(tmp_path / "space")
    return tmp_path / "space"


def speak(monkeypatch: pytest.MonkeyPatch, text: str, *words: str) -> None:
    """One saved run that says ``text``."""
    monkeypatch.setenv("WORKBENCH_SCRIPT", json.dumps({"pieces": [text]}))
    assert main(["run", "say", "--engine", "scripted", "--session", "talk", "--quiet", *words]) == ExitCode.OK


def ids(space: Path) -> list[str]:
    store = open_workbench(space).store
    (session,) = [item for item in store.list_sessions() if item.title == "talk"]
    return [info.id for info in store.runs(session)]


def test_inputs_that_differ_come_first_then_texts_then_numbers(
    space: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    speak(monkeypatch, "In Rome it rains.")
    speak(monkeypatch, "In Oslo it \x1b[31msnows.", "--set", "city=Oslo", "--param", "temperature=0")
    first, second = ids(space)
    capfd.readouterr()
    assert main(["compare", first, second]) == ExitCode.DIFFERS
    out = capfd.readouterr().out
    places = [
        out.index(part) for part in ("variables.city: Rome -> Oslo", "params.temperature", "similarity", "[-Rome-]")
    ]
    assert places == sorted(places)
    assert "{+Oslo+}" in out
    assert main(["compare", first, first]) == ExitCode.OK
    assert "inputs: the same" in capfd.readouterr().out
    assert main(["compare", first, second, "--by", "line"]) == ExitCode.DIFFERS
    assert "\n- In Rome it rains.\n+ In Oslo" in capfd.readouterr().out


def test_other_formats_are_whole_and_inert(
    space: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for text in ("a <b>x</b> ```\n", "a <i>y</i> \x1b]52;c;eA==\x07 ```\n", "a <b>x</b> ```\n"):
        speak(monkeypatch, text)
    runs = ids(space)
    capfd.readouterr()
    assert main(["compare", *runs, "--format", "json"]) == ExitCode.DIFFERS
    data = json.loads(capfd.readouterr().out)
    parts = data["comparisons"][0]["parts"]
    assert "".join(part["text"] for part in parts if part["kind"] != "left").startswith("a <i>y</i> \x1b]52")
    assert [stack["members"] for stack in data["row"]["stacks"]] == [[0, 2], [1]]
    main(["compare", *runs, "--format", "html"])
    page = capfd.readouterr().out
    assert "<b>" not in page
    assert "\x1b" not in page
    assert "<ins>" in page
    main(["compare", *runs, "--format", "md"])
    text = capfd.readouterr().out
    assert "\n````diff\n" in text
    assert "\x1b" not in text


def test_comparing_takes_two_runs_that_exist(space: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "one"]) == ExitCode.USAGE
    assert main(["compare", "one", "two"]) == ExitCode.USAGE
    assert "there is no run" in capfd.readouterr().err


def test_a_unique_beginning_of_a_run_s_id_is_enough(
    space: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    speak(monkeypatch, "one")
    speak(monkeypatch, "two")
    first, second = ids(space)
    capfd.readouterr()
    assert main(["compare", first[:20].lower(), second[:20]]) == ExitCode.DIFFERS
    assert f"--- {first}\n+++ {second}\n" in capfd.readouterr().out
    assert main(["sessions", "show", second[:20]]) == ExitCode.OK
    assert "two" in capfd.readouterr().out
    shared = next(size for size in range(26) if first[size] != second[size])
    assert main(["sessions", "show", first[:shared]]) == ExitCode.USAGE
    told = capfd.readouterr().err
    assert f"runs have ids that begin with {first[:shared]}" in told
    assert first in told
    assert second in told
    # A session may be called what ids begin with.
    assert main(["sessions", "rename", "talk", first[:shared]]) == ExitCode.OK
    assert main(["sessions", "show", first[:shared]]) == ExitCode.OK


def test_changed_inputs_and_deltas_name_only_what_differs() -> None:
    one = request()
    other = request(model=ModelRef("big.gguf"), params=Params(temperature=0.9, seed=7, stop=()), variables={"new": 1})
    named = {change.name: (change.left, change.right) for change in changed_inputs(one, other)}
    assert named["model"] == ("tiny.gguf", "big.gguf")
    assert named["params.temperature"] == ("0.1", "0.9")
    assert named["params.stop"][0] == repr("\n\n")
    assert named["variables.what"][1] == "-"
    assert "params.seed" not in named
    assert changed_inputs(one, one) == []
    found = {item.name: item.difference for item in deltas(result(), result(ms_total=500))}
    assert found["ms_total"] == 200
    assert found["tokens_out"] == 0


def test_scoring_checks_saved_runs_with_the_values_of_each_and_keeps_marks(
    space: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    speak(monkeypatch, "In Rome.")
    speak(monkeypatch, "In Rome it rains and rains.", "--set", "city=Oslo")
    capfd.readouterr()
    assert main(["score", "talk"]) == ExitCode.DIFFERS
    out = capfd.readouterr().out
    assert "1/2 (9-91 %)" in out
    assert "contains={{ city }}: without 'Oslo'" in out
    assert main(["score", "talk", "--check", "contains=Rome", "--format", "csv"]) == ExitCode.DIFFERS
    lines = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    added = [line for line in lines if line["check"] == "contains=Rome"]
    assert len(lines) == 6
    assert [line["passed"] for line in added] == ["pass", "pass"]
    store = open_workbench(space).store
    (session,) = [item for item in store.list_sessions() if item.title == "talk"]
    first, second = list_marks(session, kind="score")
    assert [row["verdict"] for row in rows(first, "run")] == ["pass", "fail"]
    assert second.data["checks"] == ["contains=Rome"]
    assert main(["score", "talk", "--check", "json", "--no-save", "--format", "json"]) == ExitCode.DIFFERS
    assert json.loads(capfd.readouterr().out)["summary"]["all"]["n"] == 2
    assert len(list_marks(session)) == 2


def test_a_rating_overrides_the_checks_until_it_is_taken_back(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, "no city")
    store = open_workbench(space).store
    (session,) = [item for item in store.list_sessions() if item.title == "talk"]
    (run,) = ids(space)
    assert main(["score", "talk", "--no-save"]) == ExitCode.DIFFERS
    rated = store.rate_run(session, run, 5)
    assert main(["score", "talk", "--no-save"]) == ExitCode.OK
    store.rate_run(rated, run, 0)
    assert main(["score", "talk", "--no-save"]) == ExitCode.DIFFERS


def test_a_group_is_scored_by_its_id(space: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    speak(monkeypatch, "In Rome.")
    store = open_workbench(space).store
    (session,) = [item for item in store.list_sessions() if item.title == "talk"]
    assert main(["score", "01KB0000000000000000000000"]) == ExitCode.USAGE
    assert main(["score", "tolk"]) == ExitCode.USAGE
    assert "Did you mean 'talk'?" in capfd.readouterr().err
    marks = write_marks(session, "votes", {"vote": [{"a": "x", "b": "y", "outcome": "a"}]}, group_id="01KB" + "0" * 22)
    assert marks.path.parent.name == "01KB" + "0" * 22 + ".marks"
    marks.path.with_name("bad.toml").write_text("= no")
    found = list_marks(session, "01KB" + "0" * 22)
    assert [bool(item.problem) for item in found] == [False, True]
    assert rows(found[0], "vote")[0]["outcome"] == "a"


def check(bench: Workbench, spec: CheckSpec, text: str, *, trust: bool = False) -> CheckResult:
    async def made() -> CheckResult:
        (found,) = await Scorer(bench, trust=trust).check([spec], Subject(text, variables={"city": "Rome"}))
        return found

    return asyncio.run(made())


def test_code_runs_only_when_exactly_these_bytes_are_trusted(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, spec = open_workbench(space), parse_check_text("python=checks/tone.py:shout")
    assert "no file" in check(bench, spec, "HI").error
    (space / "checks").mkdir()
    file = space / "checks" / "tone.py"
    file.write_text(CODE)
    assert "not trusted" in check(bench, spec, "HI").error
    assert check(bench, spec, "HI", trust=True).passed is True
    found = check(bench, spec, "hi")
    assert (found.passed, found.detail) == (False, "Rome")
    assert "RuntimeError: no" in check(bench, spec, "boom").error
    file.write_text(CODE + "\n# changed")
    assert "not trusted" in check(bench, spec, "HI").error
    monkeypatch.setattr("workbench.service.check_python.START_SECONDS", 0.5)
    monkeypatch.setattr("workbench.service.check_python.EACH_SECONDS", 0.5)
    assert "longer than" in check(bench, spec, "hang", trust=True).error
    outside = CheckSpec("python", "../x.py:f")
    assert "not in the workspace" in check(bench, outside, "", trust=True).error


def test_a_judge_counts_only_with_a_verdict_and_in_both_orders(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (spec,) = parse_checks([{"judge": "Is {{ city }} named?", "engine": "scripted"}], file="t.j2")

    def judge(says: str, wanted: CheckSpec) -> CheckResult:
        monkeypatch.setenv("WORKBENCH_SCRIPT", json.dumps({"pieces": [says]}))
        bench = open_workbench(space)

        async def made() -> CheckResult:
            try:
                (found,) = await Scorer(bench).check([wanted], Subject("In Rome.", variables={"city": "Rome"}))
                return found
            finally:
                await bench.close()

        return asyncio.run(made())

    assert judge("YES", spec).passed is True
    assert judge("Verdict: no.", spec).passed is False
    assert judge("Yes, I think so", spec).passed is None
    (pair,) = parse_checks([{"judge": "Shorter?", "engine": "scripted", "against": "In Oslo."}], file="t.j2")
    steady = judge("1", pair)
    assert (steady.score, steady.detail) == (0.5, "it changed with the order")
    assert verdict_of("**2**\n", _ONE_TWO) == "2"
    for text in ("", "yes\nno", "maybe yes"):
        with pytest.raises(UsageError):
            verdict_of(text, _YES_NO)


def test_a_pair_has_a_winner_only_if_both_orders_agree(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.service import judging

    said = iter(["1", "2", "2", "2", "tie", "tie"])

    async def ask(*_words: Any) -> str:
        return next(said)

    monkeypatch.setattr(judging, "_ask", ask)
    bench = open_workbench(space)

    async def judge() -> tuple[str, bool]:
        found = await judge_pair(bench, "r", "t", "a", "b")
        return found.winner, found.steady

    assert [asyncio.run(judge()) for _ in range(3)] == [("a", True), ("tie", False), ("tie", True)]


def test_reports_hold_foreign_text_without_breaking() -> None:
    nasty = CheckResult("contains=</x>|`", "contains", False, 0.0, "a\x00\x1b[2J <b> | x\ny")
    open_ = CheckResult("judge=?", "judge", None, error="no\x07 verdict")
    scored = [
        Scored("r1", (nasty, open_), Score(False, 0.0), cell={"city": "a|b"}),
        Scored("r2", (), Score(None, 0.0), rating=4),
    ]
    suite = fromstring(as_junit(scored, "t\x00"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    text = as_markdown(scored, summarise(scored))
    assert "\x1b" not in text
    assert r"a\|b" in text
    assert len(list(csv.reader(io.StringIO(as_csv(scored))))) == 4


def test_a_schema_may_stand_in_a_file_of_the_workspace(space: Path) -> None:
    (space / "city.json").write_text('{"type": "object", "required": ["city"]}')
    spec = CheckSpec("json-schema", "city.json")
    assert check(open_workbench(space), spec, '{"city": 1}').passed is True
    assert check(open_workbench(space), spec, "{}").passed is False


def test_colour_only_repeats_the_signs() -> None:
    parts = line_diff("one\nsame\n", "two\nsame\n")
    lines = list(text_lines([Comparison("l", "r", [], parts, "line", 0.5, [])], None, ["l", "r"]))
    assert [line for line, colour in lines if colour] == ["- one", "+ two"]
    assert len({colour for _, colour in lines}) == 3
