"""Streams four scripted runs at once through the journal, and says on stdout what has been flushed. Killed by the test.

Usage: writer.py SESSION_DIR. Starts when a line comes on stdin. Each line of stdout: run id, number of pieces that
would be on screen now, and ``streaming`` or ``done``. A run that is done is followed by another.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from tests.runtool import request, result
from workbench.event import Piece
from workbench.session.journal import RunJournal


def piece_text(index: int) -> str:
    return f"{index} 東 "


class Stream:
    """One run after another in one pane."""

    def __init__(self, folder: Path, pane: int) -> None:
        self.folder = folder
        self.pane = pane
        self.begin()

    def begin(self) -> None:
        self.length = random.randint(3, 300)
        self.count = 0
        self.journal = RunJournal.create(self.folder, request(pane=self.pane))
        self.say("streaming")

    def say(self, state: str) -> None:
        os.write(1, f"{self.journal.run_id} {self.count} {state}\n".encode())

    def step(self) -> None:
        for _ in range(random.randint(1, 4)):
            self.journal.write(Piece(self.count * 7, self.count, piece_text(self.count)))
            self.count += 1
        self.journal.flush()
        self.say("streaming")
        if self.count >= self.length:
            self.journal.finish(result("".join(map(piece_text, range(self.count)))))
            self.say("done")
            self.begin()


def main(folder: Path) -> None:
    sys.stdin.readline()
    streams = [Stream(folder, pane) for pane in range(1, 5)]
    while True:
        for stream in streams:
            stream.step()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
