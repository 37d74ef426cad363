"""Export from a workspace: nothing of this machine leaves, no file is replaced unasked, memory stays flat."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPO
from tests.runtool import pieces, request, result
from tests.test_export import run
from workbench.cli.main import main
from workbench.record import Prompt
from workbench.session.export import FORMATS, ExportOptions, ExportRun, export
from workbench.session.export.redact import MASK, known_secrets
from workbench.session.groups import write_group
from workbench.session.info import Session
from workbench.session.journal import RunJournal
from workbench.session.marks import write_marks
from workbench.session.store import SessionStore
from workbench.workspace import init_workspace

USER, HOST = "annabel", "weather-box"


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
from tests.test_export_workspace import exported_size
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
