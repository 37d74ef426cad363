"""Exports: the bytes of each format, hostile texts in all of them, nothing of this machine, and flat memory."""

from __future__ import annotations

import csv
import getpass
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.clitool import golden
from tests.conftest import REPO
from tests.runtool import pieces, request, result
from workbench import __version__
from workbench.cli.main import main
from workbench.cli.sessions_export import FORMATS as CLI_FORMATS
from workbench.display import display
from workbench.error import UsageError
from workbench.record import Message, Prompt
from workbench.session.export import FORMATS, ExportOptions, ExportRun, export
from workbench.session.export.redact import MASK, known_secrets
from workbench.session.groups import write_group
from workbench.session.info import RunRecord, Session
from workbench.session.journal import RunJournal
from workbench.session.marks import write_marks
from workbench.session.reader import RecordingView
from workbench.session.store import SessionStore
from workbench.workspace import init_workspace

# Each of these has been an escape somewhere: formulas, fences, tags, CDATA, titles, clearing, direction, front matter.
HOSTILE = '=1+1\n```\n</pre></script><img src=x onerror=alert(1)>]]>\n````\n\x1b]0;x\x07\x1b[2J\u202eevil\r\n+++\n"""\n'
USER, HOST = "annabel", "weather-box"
SESSION = Session(
    Path("20261125T195612Z-tone-7k3f"), "01KBXS3GCSGG000000000000AA", "Tone | *of* <voice>", "2026-11-25T19:56:12.345Z"
)
FILES = {"markdown": "md", "html": "html", "csv": "csv", "cast": "cast", "json": "json", "jsonl": "jsonl"}


def run(text: str = "In 東京 it rains.\n", *, number: int = 1, rating: int = 5, **more: Any) -> ExportRun:
    """A run that never was on a disk, with a recording of three pieces."""
    view = RecordingView(pieces=pieces([text[:4], text[4:9], text[9:]]), marks=[(20, "look")])
    run_id = f"01KBXS3GCSGG00000000{number:06d}"
    record = RunRecord(request(id=run_id, **more), result(text))
    return ExportRun(run_id, SESSION, record, rating, True, "good\nenough", lambda: view)


def exported(form: str, runs: Iterable[ExportRun], **options: Any) -> str:
    return "".join(export(runs, form, ExportOptions(environment={}, **options)))


def test_the_command_offers_every_format() -> None:
    assert tuple(FORMATS) == CLI_FORMATS
    with pytest.raises(UsageError, match="unknown format"):
        exported("word", [])


@pytest.mark.parametrize("form", FILES)
def test_each_format_gives_the_stored_bytes(form: str) -> None:
    runs = [run(), run(HOSTILE, number=2, prompt=Prompt("text", HOSTILE, model_text=HOSTILE))]
    text = exported(form, runs, events=True, idle=0.005).replace(__version__, "VERSION")
    # Every new sampling value would change it.
    text = re.sub(r'"params":\{.*?\}', '"params":{}', text)
    golden(f"export.{FILES[form]}", text.encode())


def test_training_data_takes_what_was_rated_well() -> None:
    said: list[str] = []
    runs = [run("best", number=1), run("fair", number=2, rating=3), run("none", number=3, rating=0)]
    question = {"role": "user", "content": "Say 雨."}
    chats = [json.loads(line) for line in exported("chat", runs, note=said.append).splitlines()]
    assert chats == [{"messages": [question, {"role": "assistant", "content": "best"}]}]
    assert len(exported("chat", runs, min_rating=3).splitlines()) == 2
    pairs = [json.loads(line) for line in exported("pairs", runs, note=said.append).splitlines()]
    chosen, rejected = ([{"role": "assistant", "content": text}] for text in ("best", "fair"))
    assert pairs == [{"prompt": [question], "chosen": chosen, "rejected": rejected}]
    assert said == [
        "2 runs rated below 4 or not at all left out",
        "1 run without an end, or with neither rating nor vote, left out",
    ]


def test_raw_prompts_pair_as_texts_and_other_prompts_never() -> None:
    raw, other = (Prompt("text", text, model_text=text) for text in ("Once", "Twice"))
    runs = [run(f"a{rating}", number=rating, rating=rating, prompt=raw) for rating in (1, 3, 3)]
    runs[1] = run("b", number=9, rating=2, prompt=other)
    (pair,) = exported("pairs", runs).splitlines()
    assert json.loads(pair) == {"prompt": "Once", "chosen": "a3", "rejected": "a1"}


# -- hostile texts ---------------------------------------------------------------------------------------------


def hostile_texts() -> list[str]:
    lines = (REPO / "tests/data/escapes.jsonl").read_text(encoding="utf-8").splitlines()
    return [*(json.loads(line)["text"] for line in lines), HOSTILE, "~~~\n`````x\n", "\ud800 half", "", "\n\n"]


def hostile_run(text: str, number: int) -> ExportRun:
    prompt = Prompt("messages", messages=(Message("system", text), Message("user", text)))
    base = run(text, number=number, prompt=prompt, variables={text: text})
    session = Session(SESSION.dir, SESSION.id, text, SESSION.created, tags=(text,), note=text)
    return ExportRun(base.id, session, base.record, 5, False, text, base.recording)


CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]")


def test_hostile_texts_stay_within_their_fences() -> None:
    for number, text in enumerate(hostile_texts()):
        page = exported("markdown", [hostile_run(text, number)])
        assert not CONTROL.search(page)
        front, _, body = page.removeprefix("+++\n").partition("\n+++\n")
        assert tomllib.loads(front)["rating"] == 5
        outside, inside, fence = [], [], ""
        for line in body.split("\n"):
            if fence:
                fence = "" if line == fence else fence
                inside.append(line)
            elif found := re.match(r"(`{3,})(?:toml)?$", line):
                fence = found[1]
            else:
                outside.append(line)
        assert not fence
        assert all(re.match(r"$|#{1,3} |Note:$", line) for line in outside), text
        assert "\n".join(inside).count(display(text.replace("\r\n", "\n")).strip("\n")) >= 4


class Page(HTMLParser):
    """Tags and attributes that are there, and the texts of ``pre``."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.texts: list[str] = []
        self.open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"{tag}.{name}" for name, _ in attrs)}
        self.open = tag
        if tag == "pre":
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open == "pre":
            self.texts[-1] += data


def test_hostile_texts_stay_text_on_the_page() -> None:
    texts = hostile_texts()
    page = exported("html", [hostile_run(text, number) for number, text in enumerate(texts)])
    assert not CONTROL.search(page)
    parsed = Page()
    parsed.feed(page)
    parsed.close()
    assert parsed.seen <= {
        *("html", "html.lang", "head", "meta", "meta.charset", "meta.http-equiv", "meta.content", "meta.name", "title"),
        *("style", "body", "h1", "h2", "h3", "article", "article.id", "pre", "dl", "dt", "dd", "footer"),
    }
    assert "default-src &#x27;none&#x27;" in page
    shown = [display(text.replace("\r\n", "\n")) for text in texts]
    found = [text.removeprefix("\n") for text in parsed.texts]
    assert found[-4:] == [shown[-1]] * 4
    assert all(text in found for text in shown)


def test_a_cast_cannot_steer_a_terminal() -> None:
    runs = [hostile_run(text, number) for number, text in enumerate(hostile_texts())]
    head, *events = (json.loads(line) for line in exported("cast", runs).splitlines())
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    assert not CONTROL.search(head["title"])
    for _, kind, data in events:
        assert kind == "o"
        assert not CONTROL.search(data.replace("\r\n", "\n"))
    times = [event[0] for event in events]
    assert times == sorted(times)


def test_a_cast_has_true_times_or_short_waits() -> None:
    def times(**options: float) -> list[float]:
        return [json.loads(line)[0] for line in exported("cast", [run()], **options).splitlines()[1:]]

    # The heading; pieces at 10, 17 and 24 ms; the end at 300 ms.
    assert times() == [0.0, 0.01, 0.017, 0.024, 0.3]
    assert times(idle=0.008) == [0.0, 0.008, 0.015, 0.022, 0.03]


def test_cells_are_exact_but_for_formulas() -> None:
    texts, said = hostile_texts(), list[str]()
    csv.field_size_limit(1 << 24)
    runs = [hostile_run(text, number) for number, text in enumerate(texts)]
    head, *rows = csv.reader(io.StringIO(exported("csv", runs, raw=True), newline=""))
    whole = [re.sub("[\ud800-\udfff]", "\ufffd", text) for text in texts]
    assert [row[head.index("output")] for row in rows] == whole
    guarded = list(csv.reader(io.StringIO(exported("csv", runs, note=said.append), newline="")))[1:]
    cells = [cell for row in guarded for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert f"'{HOSTILE}" in cells
    assert "--raw" in said[0]


def test_data_lines_hold_any_text_on_one_line() -> None:
    texts = hostile_texts()
    lines = exported("jsonl", [hostile_run(text, number) for number, text in enumerate(texts)]).split("\n")
    assert lines.pop() == ""
    for line, text in zip(lines, texts, strict=True):
        assert len(line.splitlines()) == 1
        stored = json.loads(line)["result"]["text"]
        assert (json.loads(stored["json"]) if isinstance(stored, dict) else stored) == text


# -- from a workspace ------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    space = init_workspace(tmp_path / "space")
    shutil.rmtree(space.sessions)
    return SessionStore(space)


def saved(session: Session, text: str, **more: Any) -> str:
    journal = RunJournal.create(session.dir, request(**{"parent": "", "group": "", **more}))
    for piece in pieces([text[:3], text[3:]]):
        journal.write(piece)
    journal.finish(result(text, stderr=f"ggml: {Path.home()}/m/x.gguf by {USER} on {HOST}"))
    return journal.run_id


def command(store: SessionStore, *words: str) -> int:
    return main(["--workspace", str(store.workspace.root), "sessions", "export", *words])


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_of_this_machine_leaves(
    form: str, store: SessionStore, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    canary = "canary-5f3a-do-not-export"
    monkeypatch.setenv("WEATHER_API_KEY", canary)
    monkeypatch.setattr(getpass, "getuser", lambda: USER)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    session = store.new_session("Keys", tags=[canary])
    endpoint = f"https://me:{canary}@example.org/v1?key={canary}"
    prompt = Prompt("text", f"use {canary}", model_text=f"use {canary}")
    for text, rating in ((f"the key is {canary}", 5), ("sk-abcdefghijklmnopqrstuvwxyz", 2)):
        run_id = saved(session, text, endpoint=endpoint, prompt=prompt, variables={"k": {"deep": [canary]}})
        session = store.note_run(store.rate_run(session, run_id, rating), run_id, canary)
    assert command(store, "Keys", "--format", form, "--events") == 0
    out = capfdbinary.readouterr().out
    assert MASK in json.dumps(out.decode(), ensure_ascii=False) or MASK.encode("unicode_escape") in out
    for secret in (canary, "sk-abcdef", str(Path.home()), str(store.workspace.root), USER, HOST):
        assert secret.encode() not in out


@pytest.mark.parametrize(
    "name",
    [
        "API_KEY",
        "KEY",
        "MY_KEYS_2",
        "API_KEY2",
        "HF_TOKEN",
        "OPENAI_APIKEY",
        "PGPASSWORD",
        "MYSQL_PWD",
        "DB_PASS",
        "GOOGLE_CREDENTIALS",
        "npm_config__authToken",
        "CLIENT_SECRET",
        "BASIC_AUTH",
        "X_OAUTH",
        "SSH_PASSPHRASE",
    ],
)
def test_a_variable_whose_name_says_so_holds_a_secret(name: str) -> None:
    for value in ("Jane Austen", "/8fKq0nothere/xyz"):
        assert known_secrets((), {name: value}) == (value,)


def test_words_of_variables_that_only_sound_like_secrets_stay_in_texts(tmp_path: Path) -> None:
    ordinary = ("GIT_AUTHOR_NAME", "COMPASS_CITY", "KEYBOARD_LAYOUT", "MONKEY_NAME", "TOKENIZERS_PATH", "PASSENGER")
    assert known_secrets((), dict.fromkeys(ordinary, "Jane Austen")) == ()
    # Where a key is says nothing of the key; what the caller names is masked whatever it is.
    assert known_secrets((), {"SSH_AUTH_SOCK": str(tmp_path), "DB_PASSWORD_FILE": f"{tmp_path}/"}) == ()
    assert known_secrets((str(tmp_path),), {}) == (str(tmp_path),)


def test_a_file_is_whole_and_never_replaced_unasked(store: SessionStore, tmp_path: Path) -> None:
    session = store.new_session("One")
    saved(session, "first")
    target = tmp_path / "out.jsonl"
    assert command(store, "One", "--format", "jsonl", "--output", str(target)) == 0
    before = target.read_bytes()
    saved(session, "second")
    assert command(store, "One", "--format", "jsonl", "--output", str(target)) == 2
    assert target.read_bytes() == before
    assert command(store, "One", "--format", "jsonl", "--output", str(target), "--force") == 0
    assert [json.loads(line)["result"]["text"] for line in target.read_text().splitlines()] == ["first", "second"]
    assert command(store, "One", "--output", str(tmp_path / "nowhere" / "x")) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "space"]


def test_runs_are_chosen_by_name_rating_and_search(
    store: SessionStore, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    first, second = store.new_session("First"), store.new_session("Second")
    ids = [saved(first, "a thunderstorm"), saved(first, "a drizzle"), saved(second, "thunderstorm again")]
    store.rate_run(first, ids[1], 4)

    def chosen(*words: str) -> list[str]:
        assert command(store, *words, "--format", "jsonl") == 0
        return [json.loads(line)["id"] for line in capfdbinary.readouterr().out.splitlines()]

    assert chosen("First") == ids[:2]
    assert chosen(ids[2], "First", ids[0]) == [ids[2], *ids[:2]]
    assert chosen("--rated", "4") == [ids[1]]
    assert sorted(chosen("--query", "thunderstorm")) == [ids[0], ids[2]]
    assert chosen("First", "--query", "thunderstorm") == [ids[0]]
    assert sorted(chosen("--all")) == ids
    assert command(store) == command(store, "Nothing") == 2


def test_blind_votes_make_pairs(store: SessionStore, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    session = store.new_session("Votes")
    a, b, c = (saved(session, text) for text in ("aaa", "bbb", "ccc"))
    group = write_group(session, "comparison", {})
    votes = [{"a": a, "b": b, "outcome": "b"}, {"a": b, "b": c, "outcome": "tie"}, {"a": "x", "b": 3, "outcome": "a"}]
    write_marks(session, "votes", {"vote": votes}, group_id=group.id)
    assert command(store, "Votes", "--format", "pairs") == 0
    (pair,) = (json.loads(line) for line in capfdbinary.readouterr().out.splitlines())
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("bbb", "aaa")


def test_a_run_that_goes_on_is_left_out(store: SessionStore, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    session = store.new_session("Live")
    journal = RunJournal.create(session.dir, request())
    try:
        assert command(store, "Live", "--format", "jsonl") == 0
        out, err = capfdbinary.readouterr()
        assert (out, b"still going on" in err) == (b"", True)
    finally:
        journal.abandon()


MEMORY = """
import resource, sys
from tests.test_export import exported_size
print(exported_size(sys.argv[1]))
"""


def exported_size(form: str) -> str:
    """Exports 100 runs of 500 kB; how much came out, and by how much memory grew after the first ten, in kB."""
    import resource

    seen = [0, 0]

    def runs() -> Iterable[ExportRun]:
        for number in range(100):
            yield run(f"{number} " + "words of a long answer, 雨.\n" * 17_000, number=number, rating=5 - number % 2)
            if number == 9:
                seen[0] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for part in export(runs(), form, ExportOptions(environment={})):
        seen[1] += len(part)
    return f"{seen[1]} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - seen[0]}"


def test_a_long_session_streams_with_flat_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, "jsonl"], cwd=REPO, capture_output=True, timeout=60, check=True, text=True
    )
    size, grown = map(int, done.stdout.split())
    assert size > 45_000_000
    assert grown < 4_000
