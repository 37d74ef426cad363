"""Kill -9 at random moments while four runs stream: nothing acknowledged is lost, nothing earlier changes."""

from __future__ import annotations

import hashlib
import os
import random
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import REPO
from tests.crash.writer import piece_text
from tests.runtool import pieces, request, result
from workbench.session.journal import RunJournal
from workbench.session.reader import read_recording
from workbench.session.store import Session, SessionStore
from workbench.workspace import init_workspace

KILLS = 2000 if os.environ.get("WORKBENCH_SOAK") else 200
# Their start-up overlaps, and while one is killed another waits or streams.
LANES = 3


@dataclass
class Tally:
    acknowledged: int = 0
    lost: int = 0
    torn: int = 0
    interrupted: int = 0
    finished: int = 0
    slowest: float = 0.0


@dataclass
class Lane:
    """One writer after another in one session."""

    session: Session
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.crash.writer", str(self.session.dir)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPO)

    def kill_after(self, lines: int, seconds: float) -> dict[str, tuple[int, str]]:
        """Let it say so many lines, however busy the machine is, and stream on for so long; what it acknowledged."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(b"go\n")
        stdin.flush()
        said = b""
        while said.count(b"\n") < lines:
            more = os.read(stdout.fileno(), 1 << 16)
            assert more, "the writer ended by itself"
            said += more
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([stdout], [], [], left)[0]:
                said += os.read(stdout.fileno(), 1 << 16)
        self.process.kill()
        said += stdout.read()
        self.end()
        assert self.process.returncode == -signal.SIGKILL
        self.start()
        # The last line may be torn by the kill as well.
        known = [line.split() for line in said[: said.rfind(b"\n")].decode().splitlines()]
        return {run_id: (int(count), state) for run_id, count, state in known}

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def hashes(root: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}


def finished_runs(store: SessionStore) -> Session:
    session = store.new_session("earlier")
    for _ in range(3):
        journal = RunJournal.create(session.dir, request())
        for piece in pieces(["a", "b"]):
            journal.write(piece)
        journal.finish(result("ab"))
    return session


def test_kill_at_any_moment_loses_nothing_that_was_shown(tmp_path: Path) -> None:
    space = init_workspace(tmp_path / "space")
    store = SessionStore(space)
    earlier = finished_runs(store)
    before = hashes(earlier.dir)
    noise = random.Random(7)
    lanes = [Lane(store.new_session(f"lane {number}")) for number in range(LANES)]
    tally = Tally()
    try:
        for turn in range(KILLS):
            lane = lanes[turn % LANES]
            known = lane.kill_after(noise.randint(1, 160), noise.random() * 0.02)
            look_after(store, lane.session, known, tally)
    finally:
        for lane in lanes:
            lane.end()
    assert hashes(earlier.dir) == before
    assert tally.lost == 0
    assert tally.acknowledged > KILLS * 20
    assert tally.interrupted > KILLS
    assert tally.finished > KILLS // 5
    assert tally.slowest < 2
    print(f"\n{KILLS} kills: {tally}")


def look_after(store: SessionStore, session: Session, known: dict[str, tuple[int, str]], tally: Tally) -> None:
    """What the next start of the app does and shows."""
    runs = session.dir / "runs"
    recordings = {path.name: path.read_bytes() for path in runs.glob("*.jsonl")}
    begun = time.monotonic()
    recovered = store.recover()
    listed = {info.id: info for info in store.runs(session)}
    tally.slowest = max(tally.slowest, time.monotonic() - begun)
    for run_id, (count, state) in known.items():
        view = read_recording(runs / f"{run_id}.jsonl")
        assert view.text == "".join(map(piece_text, range(len(view.pieces))))
        tally.acknowledged += count
        tally.lost += max(0, count - len(view.pieces))
        tally.torn += view.bad_lines
        record = store.open_run(session, run_id)
        assert record.result.text == view.text
        assert not record.edited
        if state == "done" or view.end is not None:
            assert listed[run_id].status == "finished"
            tally.finished += 1
        else:
            assert listed[run_id].status == "interrupted"
            assert run_id in recovered
            tally.interrupted += 1
    # Recovery writes run files only.
    assert recordings == {path.name: path.read_bytes() for path in runs.glob("*.jsonl")}
    # A name without a first line yet is a run that was never acknowledged; who made it cannot be known.
    assert not [info for info in listed.values() if info.status == "running" and info.created]
    for path in runs.iterdir():
        path.unlink()
