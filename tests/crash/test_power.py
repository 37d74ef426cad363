"""The power goes off at any point: what was durable is read back, and nothing is invented."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from tests.crash.powerdisk import Op, PowerDisk, after_power_cut
from tests.runtool import request, result
from workbench.event import Piece
from workbench.session import journal as journal_module
from workbench.session.journal import RunJournal
from workbench.session.reader import read_recording
from workbench.session.store import Session, SessionStore
from workbench.workspace import init_workspace

CASES = 2000 if os.environ.get("WORKBENCH_SOAK") else 200
PIECES = 900


def piece_text(index: int) -> str:
    return f"{index} 東 "


TEXT = "".join(map(piece_text, range(PIECES)))


def record_four_runs(folder: Path, disk: PowerDisk) -> None:
    """Two rounds of two runs at once; the journal's own thread makes them durable."""
    for _ in range(2):
        journals = [RunJournal.create(folder, request(), disk=disk) for _ in range(2)]
        for journal in journals:
            disk.note("begun", journal.run_id)
        for index in range(PIECES):
            for journal in journals:
                journal.write(Piece(index * 3, index, piece_text(index)))
                if index % 5 == 4:
                    journal.flush()
        for journal in journals:
            journal.finish(result(TEXT))
            disk.note("finished", journal.run_id)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Op]:
    """What four runs asked of the disk, with many syncs."""
    monkeypatch.setattr(journal_module, "SYNC_SECONDS", 0.0)
    monkeypatch.setattr(journal_module, "BATCH_SECONDS", 0.002)
    disk = PowerDisk()
    record_four_runs(tmp_path / "2026-11" / "recorded", disk)
    return disk.log


def test_what_was_durable_is_there_and_nothing_is_invented(tmp_path: Path, log: list[Op]) -> None:
    assert sum(op.kind == "sync" for op in log) >= 8
    noise = random.Random(11)
    store = SessionStore(init_workspace(tmp_path / "space"))
    source = tmp_path / "2026-11" / "recorded"
    damaged = kept = 0
    for case in range(CASES):
        cut = noise.randint(1, len(log))
        left = after_power_cut(log[:cut], noise)
        session = store.new_session(f"case {case}")
        for path, data in left.files.items():
            (session.dir / path.relative_to(source)).write_bytes(data)
        store.recover()
        look_at_promises(store, session, log[:cut])
        for path, safe in left.safe.items():
            if path.suffix == ".jsonl":
                durable = pieces_in(safe)
                damaged += look_at_recording(session.dir / path.relative_to(source), durable)
                kept += len(durable)
        shutil.rmtree(session.dir)
    assert kept > CASES * 100
    print(f"\n{CASES} power cuts: {kept} durable pieces, 0 lost, 0 invented, damage reported {damaged} times")


def look_at_promises(store: SessionStore, session: Session, log: list[Op]) -> None:
    """A run that began is listed with its request; one that finished is there as it was."""
    listed = {info.id for info in store.runs(session)}
    for op in log:
        if op.kind == "begun":
            assert op.data.decode() in listed
            assert store.open_run(session, op.data.decode()).request.variables == request().variables
        elif op.kind == "finished":
            record = store.open_run(session, op.data.decode())
            assert (record.result, record.edited) == (result(TEXT), False)


def look_at_recording(path: Path, durable: list[str]) -> bool:
    """Whether damage is reported; text that is not a beginning of the whole always is."""
    view = read_recording(path)
    texts = [piece.text for piece in view.pieces]
    assert texts[: len(durable)] == durable
    assert all(piece.text == piece_text(piece.index) for piece in view.pieces)
    if texts != [piece_text(index) for index in range(len(texts))]:
        assert view.missing
    return bool(view.damage)


def pieces_in(data: bytes) -> list[str]:
    records = [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
    return [text for record in records if record["k"] == "o" for text in record["s"]]
