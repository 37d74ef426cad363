"""What the doctor says about a terminal: every fault has a next step, and the terminal is asked as it can answer."""

from __future__ import annotations

import os
import pty
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clitool import cli
from workbench.cli.doctor import examine
from workbench.cli.doctor_terminal import Facts, ask, judge
from workbench.workspace import init_workspace

GOOD = Facts(
    {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, True, (120, 36), "UTF-8", True, (3.0, 4.0), frozenset()
)
TMUX = {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0", "COLORTERM": "truecolor"}
WELL = {"escape-time": "10", "set-clipboard": "on", "mouse": "on"}
# What is wrong, its topic, and a word of the next step.
WRONG = {
    "no terminal": (replace(GOOD, on_terminal=False), "terminal", "workbench run"),
    "dumb": (replace(GOOD, environ={"TERM": "dumb"}, trips=()), "terminal", "xterm-256color"),
    "small": (replace(GOOD, size=(70, 20)), "terminal", "80 x 24"),
    "TERM in tmux": (replace(GOOD, environ={**TMUX, "TERM": "xterm"}, tmux=WELL), "terminal", "tmux-256color"),
    "16 colours": (replace(GOOD, environ={"TERM": "linux"}), "colours", "xterm-256color"),
    "locale": (replace(GOOD, encoding="ANSI_X3.4-1968"), "locale", "C.UTF-8"),
    "slow": (replace(GOOD, trips=(300.0, 290.0, 900.0)), "link", "ssh -C"),
    "mute": (replace(GOOD, trips=(), features=None), "link", "TERM"),
    "escape-time": (replace(GOOD, environ=TMUX, tmux={**WELL, "escape-time": "500"}), "tmux", "escape-time 10"),
    "tmux gone": (replace(GOOD, environ=TMUX, tmux={}), "tmux", "PATH"),
    "set-clipboard": (
        replace(GOOD, environ=TMUX, tmux={**WELL, "set-clipboard": "off"}),
        "clipboard",
        "set-clipboard on",
    ),
    "screen": (replace(GOOD, environ={"TERM": "screen-256color", "STY": "1.x"}), "clipboard", "tmux"),
}


@pytest.mark.parametrize(("facts", "topic", "step"), WRONG.values(), ids=WRONG.keys())
def test_each_fault_is_found_and_has_a_next_step(facts: Facts, topic: str, step: str) -> None:
    found = [item for item in judge(facts) if item.grade != "ok"]
    assert topic in [item.topic for item in found]
    assert step in next(item.next for item in found if item.topic == topic)
    assert all(item.next for item in found)


def test_a_good_terminal_gets_no_warning() -> None:
    for facts in (GOOD, replace(GOOD, environ=TMUX, tmux=WELL), replace(GOOD, features=frozenset({52}), mouse=False)):
        assert [item for item in judge(facts) if item.grade != "ok"] == []


@pytest.mark.parametrize("answers", [3, 0])
def test_the_terminal_is_asked_and_may_be_mute(answers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.cli.doctor_terminal.ASK_SECONDS", 5.0 if answers else 0.05)
    terminal, program = pty.openpty()

    def answer() -> None:
        for _ in range(answers):
            asked = b""
            while b"\x1b[c" not in asked:
                asked += os.read(terminal, 1)
            os.write(terminal, b"x\x1b[?62;22;52c")

    other = threading.Thread(target=answer)
    other.start()
    try:
        trips, features = ask(program, program)
    finally:
        other.join()
        os.close(program)
        os.close(terminal)
    assert len(trips) == answers
    assert features == (frozenset({62, 22, 52}) if answers else None)


def test_servers_stand_in_the_list_of_models(tmp_path: Path, isolated_home: Path) -> None:
    config = isolated_home / "config" / "prompt-workbench" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[[server]]\nname = "box"\nurl = "http://127.0.0.1:9/v1"\n', encoding="utf-8")
    done = cli("models", "list", cwd=tmp_path)
    assert b"box" in done.stdout
    assert b"none" in done.stdout
    data = cli("models", "list", "--format", "json", cwd=tmp_path).stdout
    assert b'"servers"' in data
    assert b'"server": "box"' in data


# Settings, the grade of the finding, and what it must say.
SETTINGS = {
    "clash": ('[keys]\nrun = "ctrl+q"', "fail", "config.toml:2: the key 'ctrl+q' is given to both"),
    "no key": ('[keys]\nrun = "foo+bar"', "fail", "there is no key 'foo+bar'"),
    "no text": ("[keys]\nrun = 5", "fail", "keys.run must be text or a list of texts"),
    "lost on the way": ('[keys]\nrun = "f5,ctrl+i"', "warn", "they send Tab"),
    "no theme": ('theme = "workbench-drak"', "warn", "there is no theme 'workbench-drak'"),
    "fine": ('[keys]\nrun = ["f5", "ctrl+r"]', "ok", "1 own key, theme workbench-dark"),
}


@pytest.mark.parametrize(("text", "grade", "said"), SETTINGS.values(), ids=SETTINGS.keys())
def test_settings_are_looked_at_as_the_app_does(
    tmp_path: Path, isolated_home: Path, text: str, grade: str, said: str
) -> None:
    config = isolated_home / "config" / "prompt-workbench" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(text, encoding="utf-8")
    root = init_workspace(tmp_path / "space").root
    found = [item for item in examine(str(root)) if item.topic == "settings"]
    assert [item.grade for item in found] == [grade]
    assert said in found[0].text
    assert found[0].next or grade == "ok"


def test_a_theme_that_cannot_be_used_is_found(tmp_path: Path, isolated_home: Path) -> None:
    root = init_workspace(tmp_path / "space").root
    (root / "themes").mkdir(exist_ok=True)
    (root / "themes" / "mine.toml").write_text('primary = "#fff"\naccent = "sparkle"\n', encoding="utf-8")
    found = [item for item in examine(str(root)) if item.topic == "settings"]
    assert "mine.toml:2: accent" in found[0].text
    assert found[0].grade == "warn"
    assert found[0].next
