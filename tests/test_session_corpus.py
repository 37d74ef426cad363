"""Files that were cut, flipped, glued, merged by hand or made by a stranger: no exception, and all else is there."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.operator import NoSync
from tests.runtool import pieces, request, result, started
from workbench.session.gc import find_garbage
from workbench.session.ids import new_ulid
from workbench.session.index import SessionIndex
from workbench.session.journal import RunJournal
from workbench.session.migrate import plan_migrations
from workbench.session.store import Session, SessionStore
from workbench.session.trash import Trash
from workbench.workspace import init_workspace

DEEP = 100_000
# How many times as much damage is tried.
TIMES = 3 if os.environ.get("WORKBENCH_SOAK") else 1
MERGE = b"<<<<<<< HEAD\n%b=======\n%b>>>>>>> other\n"


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    space = init_workspace(tmp_path / "space")
    shutil.rmtree(space.sessions)
    return SessionStore(space, disk=NoSync())


def add_run(session: Session, text: str) -> Path:
    journal = RunJournal.create(session.dir, request(), disk=NoSync())
    journal.write(started())
    for piece in pieces(text.split(" ")):
        journal.write(piece)
    journal.finish(result("".join(text.split(" "))))
    return journal.path


def of_any_file(data: bytes, noise: random.Random, flips: int) -> Iterator[bytes]:
    """Damage that any text file may take."""
    yield from (b"", b"\n", b"\0" * 4096, data + b"\0" * 4096, b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\r\n"))
    yield from (MERGE % (data, data[: len(data) // 2]), data + data, data.replace(b"\n", b""), data[::-1])
    yield from (data.replace(b"\n", b"\r"), noise.randbytes(3000), "雨\n".encode("utf-16"), data.replace(b'"', b"'"))
    for _ in range(flips):
        flipped = bytearray(data)
        flipped[noise.randrange(len(data))] ^= 1 << noise.randrange(8)
        yield bytes(flipped)


def of_toml(data: bytes, noise: random.Random, *, last: int, flips: int) -> Iterator[bytes]:
    yield from of_any_file(data, noise, flips)
    yield from (data[:end] for end in range(len(data) - last, len(data)))
    yield from (
        data.replace(b"format = 1", b"format = " + value) for value in (b"999", b"-1", b"true", b'"x"', b"1e99")
    )
    yield from (
        b"a = " + b"[" * DEEP,
        b"a = " + b"{b = " * DEEP,
        b"[" + b"a." * DEEP + b"a]\n",
        b"x." * DEEP + b"y = 1\n",
    )
    yield from (b'"x".' * DEEP + b"y = 1\n", b"a = {" + b"x." * DEEP + b"y = 1}\n")
    yield from (b"[result]\n" * 2, b"result = 5\n", b"[[result]]\n", b"[template]\npath = 7\n[params]\nstop = 3\n")
    lines = data.splitlines(keepends=True)
    for line in lines:
        key = line.partition(b" = ")[0]
        if b" = " in line:
            yield data.replace(
                line, key + b" = " + noise.choice((b"[]", b"{}", b"1", b"-9223372036854775808", b'""')) + b"\n"
            )


def of_recording(data: bytes, noise: random.Random) -> Iterator[bytes]:
    yield from of_any_file(data, noise, 15 * TIMES)
    lines = data.splitlines(keepends=True)
    last = sum(map(len, lines[-2:]))
    yield from (data[:end] for end in range(len(data) - last, len(data), 1 if TIMES > 1 else 6))
    yield from (b"".join(lines[:at] + lines[at + 1 :]) for at in range(len(lines)))
    yield from (b"".join([*lines[:at], lines[at], *lines[at:]]) for at in range(len(lines)))
    yield from (b'{"v":1,"k":"run","req":' + b"[" * DEEP, lines[0] + b'{"k":"o","s":' + b"[" * DEEP + b"\n" + lines[-1])
    yield from (data.replace(b'"v":1', b'"v":999'), lines[0] + MERGE % (lines[-1], lines[-2]))


def look_everywhere(store: SessionStore, session: Session) -> dict[str, str]:
    """All that a browser does with a session; the problems by run."""
    problems = {}
    for info in store.runs(session):
        problems[info.id] = info.problem
        record = store.read_run(session, info.id)[1]
        assert record is not None or info.problem
        if info.path.with_suffix(".jsonl").exists():
            assert store.recording(session, info.id).damage is not None
    return problems


def searched(store: SessionStore) -> SessionIndex:
    index = SessionIndex(store.workspace)
    index.refresh()
    return index


def test_broken_run_files_hide_nothing(store: SessionStore) -> None:
    session = store.new_session("corpus")
    good = add_run(session, "the one that is whole")
    data, recording = good.read_bytes(), good.with_suffix(".jsonl").read_bytes()
    names = []
    for content in of_toml(data, random.Random(1), last=40 * TIMES, flips=20 * TIMES):
        names.append(new_ulid())
        (session.dir / "runs" / f"{names[-1]}.toml").write_bytes(content)
        if len(names) % 2:
            (session.dir / "runs" / f"{names[-1]}.jsonl").write_bytes(recording)
    assert len(names) > 90
    problems = look_everywhere(store, session)
    assert set(problems) == {*names, good.stem}
    assert sum(map(bool, problems.values())) > 30
    index = searched(store)
    assert index.count() == (1, len(names) + 1)
    assert good.stem in {hit.run_id for hit in index.search("theonethatiswhole", limit=1000)}
    assert {hit.run_id for hit in index.search("", limit=1000)} == set(problems)
    index.close()
    store.recover()
    assert good.read_bytes() == data
    assert {info.id for info in store.runs(session)} == set(problems)
    assert plan_migrations(store)
    assert find_garbage(store) == []


def test_broken_recordings_hide_nothing(store: SessionStore) -> None:
    session = store.new_session("corpus")
    good = add_run(session, "the one that is whole")
    data = good.with_suffix(".jsonl").read_bytes()
    names = []
    for content in of_recording(data, random.Random(2)):
        names.append(new_ulid())
        (session.dir / "runs" / f"{names[-1]}.jsonl").write_bytes(content)
    assert len(names) > 80
    before = {name: (session.dir / "runs" / f"{name}.jsonl").read_bytes() for name in names}
    assert set(look_everywhere(store, session)) == {*names, good.stem}
    index = searched(store)
    assert index.count() == (1, len(names) + 1)
    # Damage costs what it hit: most still say what was answered.
    assert len(index.search('"theonethatiswhole"', limit=1000)) > len(names) // 2
    index.close()
    store.recover()
    assert {name: (session.dir / "runs" / f"{name}.jsonl").read_bytes() for name in names} == before
    assert {info.id for info in store.runs(session)} == {*names, good.stem}


def test_broken_session_files_hide_nothing(store: SessionStore) -> None:
    model = store.new_session("one title", tags=["tag"])
    store.note_run(model, "01KB", "note")
    data = (model.dir / "session.toml").read_bytes()
    run = add_run(model, "the one that is whole").read_bytes()
    folders = {model.dir}
    for number, content in enumerate(of_toml(data, random.Random(3), last=40, flips=40)):
        folder = model.dir.with_name(f"20261101T000000Z-corpus-{number:04}")
        (folder / "runs").mkdir(parents=True)
        (folder / "session.toml").write_bytes(content)
        (folder / "runs" / f"{new_ulid()}.toml").write_bytes(run)
        folders.add(folder)
    (model.dir.parent / "20261101T000000Z-no-file" / "runs").mkdir(parents=True)
    (model.dir.parent / "20261101T000000Z-a-folder" / "session.toml").mkdir(parents=True)
    sessions = store.list_sessions()
    assert len(sessions) == len(folders) + 2
    assert sum(bool(session.problem) for session in sessions) > 20
    index = searched(store)
    assert {hit.dir for hit in index.search("theonethatiswhole", limit=1000)} == folders
    assert len(index.search("", limit=1000)) == len(sessions)
    index.close()
    trash = Trash(store)
    tokens = [trash.delete_session(session) for session in sessions if session.problem]
    for token in tokens:
        trash.undo_delete(token)
    assert store.list_sessions() == sessions


def test_broken_trash_hides_nothing(store: SessionStore) -> None:
    trash = Trash(store)
    model = trash.delete_session(store.new_session("one"))
    place = store.workspace.sessions / ".trash"
    data = (place / model / "trash.toml").read_bytes()
    hostile = [data.replace(b'origin = "', b'origin = "' + start) for start in (b"../", b"/", b"a/../", b".git/")]
    for content in [*of_toml(data, random.Random(4), last=30, flips=40), *hostile]:
        other = place / new_ulid()
        shutil.copytree(place / model, other)
        (other / "trash.toml").write_bytes(content)
    entries = trash.list_trash()
    assert len(entries) == len(list(place.iterdir())) > 100
    outside = store.workspace.sessions
    for entry in entries:
        if not entry.problem:
            assert outside in trash.undo_delete(entry.token).dir.parents
    assert trash.list_trash()
    for entry in trash.list_trash():
        trash.remove(entry.token)
    assert trash.list_trash() == []
