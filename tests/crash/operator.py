"""Random operations on a workspace that another process changes too; says on stdout what it was told is done.

Usage: operator.py ROOT NAME COUNT SEED. The answer is JSON: runs with their text, rating and whether they are in the
trash, and tags by session id.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from tests.runtool import request, result
from workbench.error import StorageError, UsageError
from workbench.session.arrange import merge_sessions, move_run
from workbench.session.index import SessionIndex
from workbench.session.journal import RunJournal
from workbench.session.store import Session, SessionStore
from workbench.session.trash import Trash
from workbench.textio import Disk
from workbench.workspace import Workspace


class NoSync(Disk):
    """Two processes see each other's writes without waiting for the disk."""

    def fsync(self, fd: int) -> None:
        pass

    def fdatasync(self, fd: int) -> None:
        pass

    def sync_dir(self, path: Path) -> None:
        pass


class Operator:
    """What it did is in ``runs`` and ``tags``; it moves, rates and deletes runs of its own only."""

    def __init__(self, root: Path, name: str, seed: int) -> None:
        self.store = SessionStore(Workspace(root), disk=NoSync())
        self.trash = Trash(self.store)
        self.index = SessionIndex(self.store.workspace)
        self.noise = random.Random(seed)
        self.name = name
        self.runs: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, list[str]] = {}
        self.refused = 0

    def shared(self) -> Session:
        sessions = [session for session in self.store.list_sessions() if session.title.startswith("shared")]
        return self.noise.choice(sessions)

    def own_run(self) -> tuple[Session, str] | None:
        kept = [run for run, about in self.runs.items() if not about["deleted"]]
        if not kept:
            return None
        run = self.noise.choice(kept)
        return self.store.find_run(run), run

    def step(self, number: int) -> None:
        actions = [self.add, self.add, self.tag, self.tag, self.rate, self.move, self.delete, self.merge, self.look]
        try:
            self.noise.choice(actions)(f"{self.name}{number}")
        except (StorageError, UsageError):
            # Said to the person, who tries again: nothing may have happened.
            self.refused += 1

    def add(self, word: str, session: Session | None = None) -> None:
        journal = RunJournal.create((session or self.shared()).dir, request(group="", parent=""), disk=NoSync())
        journal.finish(result(word))
        self.runs[journal.run_id] = {"text": word, "rating": 0, "deleted": False}

    def tag(self, word: str) -> None:
        session = self.shared()
        self.store.set_tags(session, [*session.tags, word])
        self.tags.setdefault(session.id, []).append(word)

    def rate(self, _word: str) -> None:
        if (own := self.own_run()) is not None:
            rating = self.noise.randint(1, 5)
            self.store.rate_run(*own, rating)
            self.runs[own[1]]["rating"] = rating

    def move(self, _word: str) -> None:
        if (own := self.own_run()) is not None:
            move_run(self.store, *own, self.shared())

    def delete(self, _word: str) -> None:
        if (own := self.own_run()) is not None:
            token = self.trash.delete_run(*own)
            self.runs[own[1]]["deleted"] = True
            if self.noise.random() < 0.7:
                self.trash.undo_delete(token)
                self.runs[own[1]]["deleted"] = False

    def merge(self, word: str) -> None:
        private = self.store.new_session(f"private {word}")
        self.add(word, private)
        merge_sessions(self.store, [private], self.shared())

    def look(self, _word: str) -> None:
        self.index.refresh()
        self.index.search(self.noise.choice(["a1", "b", "tag:a1*", "rating:>2", "雨"]))


def main(root: Path, name: str, count: int, seed: int) -> None:
    operator = Operator(root, name, seed)
    for number in range(count):
        operator.step(number)
    operator.index.close()
    print(json.dumps({"runs": operator.runs, "tags": operator.tags, "refused": operator.refused}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
