"""The presets of the editor's keys: what each does, and who gets a key that both want."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from tests.ptytool import Terminal
from tests.test_app import opened, screen_text, wait_for
from tests.tui.test_watching import told
from workbench.error import ConfigError
from workbench.service import open_workbench
from workbench.tui.commands import COMMANDS
from workbench.tui.editor import TemplateEditor
from workbench.tui.keymaps import Keymap, keymap_help, make_keymap, shares
from workbench.workspace import init_workspace

# Text with | for the cursor, keys, and the same afterwards. A key of several characters stands in < >.
VIM = [
    ("|one two", "w", "one |two"),
    ("|one two.three", "3w", "one two.|three"),
    ("one two| three", "b", "one |two three"),
    ("|one two", "e", "on|e two"),
    ("|one-two three", "W", "one-two |three"),
    ("  one t|wo", "0", "|  one two"),
    ("  one t|wo", "^", "  |one two"),
    ("|one", "$", "on|e"),
    ("a\n|b\nc", "gg", "|a\nb\nc"),
    ("|a\nb\nc", "G", "a\nb\n|c"),
    ("|a\nb\nc", "2G", "a\n|b\nc"),
    ("abc|d\na\nabcd", "jj", "abcd\na\nabc|d"),
    ("|a(b)c", "f)", "a(b|)c"),
    ("|a,b,c", "f,;", "a,b|,c"),
    ("|a(b)c", "tb", "a|(b)c"),
    ("|f(a(b)c)", "%", "f(a(b)c|)"),
    ("|one two three", "dw", "|two three"),
    ("|one two three", "2dw", "|three"),
    ("|one two three", "d2w", "|three"),
    ("one |two\nthree", "dw", "one| \nthree"),
    ("one |two three", "cwX<escape>", "one |X three"),
    ("one t|wo three", "ciwX<escape>", "one |X three"),
    ("one t|wo three", "daw", "one |three"),
    ('say "a| b" now', 'ci"X<escape>', 'say "|X" now'),
    ("f(a, |b)", "di(", "f(|)"),
    ("{{ ci|ty }}", "di{", "{{|}}"),
    ("a|b cd", "D", "|a"),
    ("|abc", "x", "|bc"),
    ("|abcde", "3x", "|de"),
    ("a|bc", "X", "|bc"),
    ("|abc", "rz", "|zbc"),
    ("|abc", "2~", "AB|c"),
    ("a\n|b\nc", "dd", "a\n|c"),
    ("a\nb\n|c", "dd", "a\n|b"),
    ("|a\nb\nc", "2dd", "|c"),
    ("|a\nb\nc", "dj", "|c"),
    ("a\nb\n|c", "dgg", "|"),
    ("|a\nb", "yyjp", "a\nb\n|a"),
    ("|a\nb", "ddp", "b\n|a"),
    ("a\n|b", "yyP", "a\n|b\nb"),
    ("|ab cd", "ywwP", "ab ab| cd"),
    ("|a\nb", "yy3p", "a\n|a\na\na\nb"),
    ("|a\n  b", "J", "a| b"),
    ("  |a", "oX<escape>", "  a\n  |X"),
    ("  |a", "OX<escape>", "  |X\n  a"),
    ("|a", "AX<escape>", "a|X"),
    ("  |a", "IX<escape>", "  |Xa"),
    ("|ab", "aX<escape>", "a|Xb"),
    ("|a\nb", "ccX<escape>", "|X\nb"),
    ("|a\nb", ">>", "  |a\nb"),
    ("|a\nb", ">j", "  |a\n  b"),
    ("    |a", "<<", "  |a"),
    ("|abc", "vlx", "|c"),
    ("ab|c", "vhy", "a|bc"),
    ("|a\nb\nc", "Vjd", "|c"),
    ("one |two", "viwcX<escape>", "one |X"),
    ("|ab", "xu", "|ab"),
    ("|ab", "xu<ctrl+r>", "|b"),
    ("|ab", "dq2x", "|"),
    ("|東京 tower", "dw", "|tower"),
    ("|a", "99999999j", "|a"),
]
EMACS = [
    ("one t|wo", "<ctrl+a>X", "X|one two"),
    ("one| two", "<ctrl+e>X", "one twoX|"),
    ("on|e\ntwo", "<ctrl+n><ctrl+f>X", "one\ntwoX|"),
    ("one\ntw|o", "<ctrl+p><ctrl+b>X", "oX|ne\ntwo"),
    ("one| two", "<ctrl+k>", "one|"),
    ("one|\ntwo", "<ctrl+k><ctrl+e><ctrl+y>", "onetwo\n|"),
    ("|a\nb", "<ctrl+k><ctrl+k><ctrl+y><ctrl+y>", "a\na\n|b"),
    ("|one two", "<alt+d>", "| two"),
    ("|abc", "<ctrl+@><ctrl+f><ctrl+f><ctrl+w><ctrl+e><ctrl+y>", "cab|"),
    ("a|bc", "<ctrl+d>", "a|c"),
    ("a|b", "<ctrl+t>", "ba|"),
    ("a|b", "<ctrl+o>", "a|\nb"),
]


class Desk(App[None]):
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, keymap: str, text: str = "") -> None:
        super().__init__()
        self.editor = TemplateEditor(text)
        self.ran: list[str] = []
        self.keymap = keymap
        self.editor.keymap = self.fresh()

    def fresh(self) -> Keymap | None:
        return make_keymap(self.keymap, self.editor, (), self.ran.append, lambda: self.ran.append(":"))

    def compose(self) -> ComposeResult:
        yield self.editor


def split(keys: str) -> Iterator[str]:
    names = {"(": "left_parenthesis", ")": "right_parenthesis", '"': "quotation_mark", "%": "percent_sign"}
    while keys:
        if keys[0] == "<" and ">" in keys and keys[1:2].isalpha():
            key, _, keys = keys[1:].partition(">")
        else:
            key, keys = names.get(keys[0], keys[0]), keys[1:]
        yield key


async def results(keymap: str, rows: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The rows with what really came out; one app for all, a fresh keymap for each."""
    app = Desk(keymap)
    found = []
    async with app.run_test(size=(40, 12)) as pilot:
        editor = app.editor
        editor.focus()
        for before, keys, _after in rows:
            editor.load_text(before.replace("|", ""))
            editor.keymap = app.fresh()
            head = before.partition("|")[0]
            editor.move_cursor((head.count("\n"), len(head) - head.rfind("\n") - 1))
            await pilot.press(*split(keys))
            row, column = editor.cursor_location
            lines = list(editor.document.lines)
            lines[row] = lines[row][:column] + "|" + lines[row][column:]
            found.append((before, keys, "\n".join(lines)))
    return found


@pytest.mark.parametrize(("keymap", "rows"), [("vim", VIM), ("emacs", EMACS)])
async def test_what_each_key_does(keymap: str, rows: list[tuple[str, str, str]]) -> None:
    assert await results(keymap, rows) == rows


async def test_a_command_and_what_is_typed_after_it_are_an_undo_step_each() -> None:
    app = Desk("vim", "one two\nthree")
    async with app.run_test(size=(40, 12)) as pilot:
        app.editor.focus()
        for keys, undos in [
            ("dw", 1),
            ("dd", 1),
            ("ccnew words<escape>", 2),
            ("ofoo<escape>", 2),
            (">>", 1),
            ("yyp", 1),
        ]:
            await pilot.press(*split(keys))
            assert app.editor.text != "one two\nthree", keys
            await pilot.press(*"u" * undos)
            assert app.editor.text == "one two\nthree", keys


async def test_commands_of_the_app_are_run_by_their_ids() -> None:
    app = Desk("vim", "a")
    async with app.run_test(size=(40, 12)) as pilot:
        app.editor.focus()
        await pilot.press("slash", "n", "N", "colon")
        assert app.ran == ["find", "find_next", "find_previous", ":"]


def test_a_preset_takes_a_key_only_from_a_command_that_has_another() -> None:
    for name in ("vim", "emacs"):
        found = shares(name, COMMANDS)
        for key, command in found.taken.items():
            assert set(command.keys) - set(found.taken), key
        for key, command in found.lost.items():
            assert key in command.keys
            assert f"stays {command.title}" in keymap_help(name, COMMANDS)
    assert shares("emacs", COMMANDS).lost["ctrl+s"].id == "save"
    assert {"ctrl+n", "ctrl+p", "ctrl+f"} <= set(shares("emacs", COMMANDS).taken)
    assert shares("vim", COMMANDS).taken["ctrl+r"].id == "run"
    assert not shares("vim", COMMANDS).lost
    assert shares("default", COMMANDS).report() == []


def test_an_unknown_preset_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_KEYMAP", "vmi")
    with pytest.raises(ConfigError, match="unknown keymap 'vmi'"):
        open_workbench(init_workspace(tmp_path / "space").root)


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    root = init_workspace(tmp_path / "space").root
    (root / "templates" / "london.j2").write_text("one two\nthree", encoding="utf-8")
    return root


async def test_vim_in_the_app(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_KEYMAP", "vim")
    file = space / "templates" / "london.j2"
    async with opened(space, (80, 24)) as (app, pilot):
        await wait_for(pilot, lambda: "-- NORMAL --" in screen_text(pilot))
        await pilot.press("x", "u", "ctrl+r", "i", "X")
        await wait_for(pilot, lambda: "-- INSERT --" in screen_text(pilot))
        assert app.main.editor.text == "Xne two\nthree"
        assert not app.main.running.busy
        await pilot.press("escape", "colon", "w", "enter")
        await wait_for(pilot, lambda: file.read_text(encoding="utf-8") == "Xne two\nthree")
        await pilot.press("colon", "2", "enter")
        await wait_for(pilot, lambda: app.main.editor.line == 2)
        await pilot.press("slash", *"two", "escape")
        await wait_for(pilot, lambda: app.screen is app.main)
        assert app.main.editor.selected_text == "two"
        await pilot.press("colon", "z", "enter")
        await wait_for(pilot, lambda: ":z is not known" in told(app))
        await pilot.press("colon", "q", "enter")
        await wait_for(pilot, lambda: app.return_code == 0)


async def test_emacs_in_the_app_names_what_it_cannot_have(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_KEYMAP", "emacs")
    async with opened(space) as (app, pilot):
        await wait_for(pilot, lambda: "^S Save template" in told(app))
        await pilot.press("ctrl+n", "ctrl+p", "ctrl+e", "X")
        assert app.main.editor.text == "one twoX\nthree"
        await pilot.press("alt+1", "ctrl+n")
        await wait_for(pilot, lambda: "[slots.topic]" in app.main.editor.text)


@pytest.fixture
def terminal(space: Path) -> Iterator[Terminal]:
    env = {"WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": json.dumps({"pieces": ["x"]}), "WORKBENCH_KEYMAP": "vim"}
    opened_terminal = Terminal(cwd=space, env=env)
    opened_terminal.wait_for(lambda: all(part in opened_terminal.text for part in ("-- NORMAL --", "one two", "ready")))
    yield opened_terminal
    opened_terminal.close()


@pytest.mark.pty
def test_escape_ends_insert_mode_on_a_real_terminal(terminal: Terminal) -> None:
    terminal.send(b"iabc")
    terminal.wait_for("-- INSERT --")
    terminal.send(b"\x1b")
    terminal.wait_for("-- NORMAL --", seconds=5)
    terminal.send(b"ddu")
    terminal.wait_for("abcone two")


@pytest.mark.pty
def test_escape_and_a_letter_at_once_are_no_command_on_a_real_terminal(terminal: Terminal) -> None:
    terminal.send(b"ixx")
    terminal.wait_for("-- INSERT --")
    terminal.send(b"\x1brz")
    terminal.wait_for("xzone two")
    # As a slow link sends what was typed ahead.
    terminal.send(b"iyy\x1brz")
    terminal.wait_for("xyzzone two")
    # Alone, in normal mode, it is a command.
    terminal.send(b"\x1br")
    terminal.wait_for("Drop the unsaved changes?")
    terminal.send(b"y")
    terminal.wait_for("1  one two")
    terminal.send(b"u")
    terminal.wait_for("xyzzone two")
