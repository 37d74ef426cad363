"""The command line's manners: names, errors, exit codes, stdout for data and stderr for talk."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from tests.clitool import cli, golden
from workbench import __version__
from workbench.cli.main import main
from workbench.cli.out import Output, Talk
from workbench.error import ExitCode
from workbench.workspace import init_workspace


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A workspace with the starter set."""
    init_workspace(tmp_path / "space")
    return tmp_path / "space"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == f"workbench {__version__}\n"


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("unknown-command", ["rnu", "london"], ExitCode.USAGE),
        ("unknown-option", ["run", "london", "--formt", "json"], ExitCode.USAGE),
        ("unknown-choice", ["run", "london", "--engine", "lamacpp"], ExitCode.USAGE),
        ("unknown-template", ["render", "londn"], ExitCode.USAGE),
        ("unknown-param", ["run", "london", "--param", "temprature=1"], ExitCode.USAGE),
        ("param-out-of-range", ["run", "london", "--param", "top_p=2"], ExitCode.USAGE),
        ("set-without-value", ["render", "london", "--set", "city"], ExitCode.USAGE),
        ("set-file-missing", ["render", "london", "--set-file", "city=nowhere.txt"], ExitCode.STORAGE),
        ("no-template-given", ["render"], ExitCode.USAGE),
        ("no-terminal", [], ExitCode.USAGE),
        ("unknown-model-to-fetch", ["models", "get", "smollm2-135"], ExitCode.USAGE),
        ("save-and-not", ["run", "london", "--no-save", "--session", "x"], ExitCode.USAGE),
    ],
)
def test_a_wrong_call_says_what_is_wrong_and_what_to_do(
    name: str, words: list[str], code: ExitCode, space: Path
) -> None:
    done = cli(*words, cwd=space)
    assert done.returncode == code
    assert done.stdout == b""
    golden(f"error-{name}.txt", done.stderr)


def test_an_app_on_a_dumb_terminal_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main([]) == ExitCode.USAGE
    assert "TERM='dumb'" in capsys.readouterr().err


def test_a_bug_of_ours_is_one_line_and_a_private_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], isolated_home: Path
) -> None:
    def broken(_args: object, _console: object) -> int:
        raise RuntimeError("boom")

    monkeypatch.setenv("CANARY", "sk-canary")
    monkeypatch.setattr("workbench.cli.render.run", broken)
    assert main(["render", "letter-to-anna", "--set=who=sk-argument"]) == ExitCode.INTERNAL
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    (report,) = (isolated_home / "state" / "prompt-workbench").glob("crash-*.txt")
    assert str(report) in err
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "RuntimeError: boom" in text
    assert "sk-" not in text
    assert "letter-to-anna" not in text


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == ExitCode.OK
    out = capsys.readouterr().out
    for name in ("run", "render", "check", "models", "sessions", "init", "doctor"):
        assert f"\n  {name} " in out
        assert main([name, "--help"]) == ExitCode.OK


def test_global_options_stand_before_or_after_the_command(space: Path, tmp_path: Path) -> None:
    before = cli("--workspace", str(space), "render", "london", cwd=tmp_path)
    after = cli("render", "london", "--workspace", str(space), cwd=tmp_path)
    assert before.stdout == after.stdout != b""


def test_render_prints_the_prompt_exactly(space: Path) -> None:
    golden("render-london.txt", cli("render", "london", "--set", "city=東京", cwd=space).stdout)
    golden("render-kyoto-ja.json", cli("render", "kyoto-ja", "--format", "json", cwd=space).stdout)
    golden("render-sentiment.jsonl", cli("render", "sentiment-chat", "--format", "jsonl", cwd=space).stdout)


def test_a_template_and_a_value_may_come_from_outside(space: Path, tmp_path: Path) -> None:
    value = tmp_path / "value.txt"
    value.write_text("{{ 7 * 7 }} \x1b[2J 雨", encoding="utf-8")
    done = cli("render", "-", "--set-file", f"x={value}", cwd=space, stdin=b"<{{ x }}>")
    assert done.stdout == "<{{ 7 * 7 }} \x1b[2J 雨>".encode()
    assert done.returncode == ExitCode.OK


def test_check_names_file_line_and_column(space: Path) -> None:
    bad = space / "templates" / "bad.j2"
    bad.write_text('+++\ntitle = "Bad"\n+++\nfine\n{% if %}\n', encoding="utf-8")
    done = cli("check", "london", "bad", cwd=space)
    assert done.returncode == ExitCode.TEMPLATE
    assert done.stdout.decode().startswith(("templates/bad.j2:5", "bad.j2:5"))
    assert done.stderr == b"2 templates, 1 with errors\n"
    assert cli("check", "london", cwd=space).returncode == ExitCode.OK


WRONG_TABLES = """\
+++
[[check]]
contains = "London"
[[check]]
contians = "London"
  [[axis]]
target = "temperature"
values = "0-1 (-1)"
[[axis]]
target = "city"
values = "__cities__"
[[axis]]
target = "city"
values = ["Oslo"]
[[axis]]
target = "day"
values = [[1]]
[[check]]
regex = "("
+++
{{ city }} {{ day }}
"""


def test_check_names_the_tables_that_only_a_grid_reads(space: Path) -> None:
    (space / "templates/wrong.j2").write_text(WRONG_TABLES, encoding="utf-8")
    (space / "templates/wildcards/cities.txt").write_text("Rome\nKyoto\n", encoding="utf-8")
    done = cli("check", "wrong", cwd=space)
    assert done.returncode == ExitCode.TEMPLATE
    errors = [line for line in done.stdout.decode().splitlines() if ": error: " in line]
    assert [line.partition(": error: ")[0] for line in errors] == [
        f"templates/wrong.j2:{place}" for place in ("4:1", "6:3", "12:1", "15:1", "18:1")
    ]
    told = ("Did you mean 'contains'?", "never gets from 0 to 1", "two axes change 'city'", "[1] cannot be", "regex:")
    assert all(words in line for words, line in zip(told, errors, strict=True)), errors


def test_no_model_at_all_says_how_to_get_one(space: Path) -> None:
    listed = cli("models", cwd=space)
    assert listed.returncode == ExitCode.OK
    assert listed.stdout == b""
    assert b"workbench models get smollm2-135m" in listed.stderr
    assert json.loads(cli("models", "list", "--format", "json", cwd=space).stdout)["models"] == []
    ran = cli("run", "london", cwd=space)
    assert ran.returncode == ExitCode.MODEL
    assert b"workbench models get smollm2-135m" in ran.stderr


def test_a_broken_model_is_listed_with_its_reason(space: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "broken\x1b[2J.gguf").write_bytes(b"GGUF\x03\0\0\0garbage")
    done = cli("models", "list", "--models", str(tmp_path / "m"), cwd=space)
    assert done.returncode == ExitCode.OK
    assert b"broken" in done.stdout
    record = json.loads(cli("models", "--models", str(tmp_path / "m"), "--format", "json", cwd=space).stdout)
    assert record["models"][0]["problem"]
    assert record["models"][0]["engine"] == "none"


def test_init_makes_a_workspace_once(tmp_path: Path) -> None:
    done = cli("init", str(tmp_path / "new"), cwd=tmp_path)
    assert done.returncode == ExitCode.OK
    assert done.stdout.decode().strip() == str(tmp_path / "new")
    mine = tmp_path / "new" / "templates" / "london.j2"
    mine.write_text("mine", encoding="utf-8")
    cli("init", str(tmp_path / "new"), cwd=tmp_path)
    assert mine.read_text(encoding="utf-8") == "mine"


def test_doctor_grades_each_topic_and_says_the_next_step(space: Path) -> None:
    done = cli("doctor", "--format", "json", cwd=space)
    assert done.returncode == ExitCode.DIFFERS
    findings = json.loads(done.stdout)["findings"]
    topics = {item["topic"] for item in findings}
    assert topics >= {"terminal", "colours", "locale", "clipboard", "engine", "models", "memory", "workspace"}
    (models,) = [item for item in findings if item["topic"] == "models"]
    assert models["grade"] == "fail"
    assert models["next"] == "workbench models get smollm2-135m"
    assert all(item["next"] for item in findings if item["grade"] != "ok")


def test_saved_runs_are_listed_and_shown_exactly(space: Path) -> None:
    words = ("run", "london", "--engine", "scripted", "--session", "雨 \x1b[2J")
    ran = cli(*words, cwd=space, script={"pieces": ["\x1b[31m東京", " 👩‍💻"]})
    assert ran.returncode == ExitCode.OK
    listed = json.loads(cli("sessions", "list", "--format", "json", cwd=space).stdout)
    (run,) = listed[0]["runs"]
    assert listed[0]["title"] == "雨 \x1b[2J"
    table = cli("sessions", cwd=space).stdout.decode()
    assert "雨 ␛[2J" in table
    assert run["id"] in cli("sessions", "show", "雨 \x1b[2J", cwd=space).stdout.decode()
    assert cli("sessions", "show", run["id"], cwd=space).stdout == ran.stdout == "\x1b[31m東京 👩‍💻".encode()
    whole = json.loads(cli("sessions", "show", run["id"], "--format", "json", cwd=space).stdout)
    assert whole["result"]["text"].encode() == ran.stdout
    missing = cli("sessions", "show", "nowhere", cwd=space)
    assert missing.returncode == ExitCode.USAGE
    assert b"there is no session or run 'nowhere'" in missing.stderr


def test_several_prompts_stand_on_lines_of_their_own(space: Path) -> None:
    assert cli("render", "-", "--all", cwd=space, stdin=b"{a|b}").stdout == b"a\nb\n"
    assert cli("render", "-", "--index", "1", cwd=space, stdin=b"{a|b}").stdout == b"b"


def test_one_long_cell_moves_no_other_row() -> None:
    data = io.BytesIO()
    Output(data, tty=False, talk=Talk(io.BytesIO(), tty=False)).table([["A", "B"], ["x" * 5000, "1"], ["京都", "2"]])
    lines = data.getvalue().decode().splitlines()
    assert lines == ["A" + " " * 61 + "B", "x" * 5000 + "  1", "京都" + " " * 58 + "2"]


def test_the_list_of_sessions_says_what_is_odd_about_one(space: Path) -> None:
    (path,) = (space / "sessions").rglob("session.toml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("format = 1", "format = 999"), encoding="utf-8")
    newer = cli("sessions", "list", cwd=space).stdout.decode()
    assert "«newer format» " in newer
    path.write_text("<<<<<<< HEAD\n" + text, encoding="utf-8")
    damaged = cli("sessions", "list", cwd=space).stdout.decode()
    assert "«damaged» " in damaged
    path.write_text(text, encoding="utf-8")
    assert "«" not in cli("sessions", "list", cwd=space).stdout.decode()
