"""``pairs``: preference data, ``{"prompt", "chosen", "rejected"}`` a line.

Every two finished runs with the same prompt of which one is rated better, or was chosen in a blind vote; where the two
disagree the rating counts. A chat prompt gives lists of messages, a raw prompt plain texts. Texts wait in a temporary
file, since the other half of a pair may come late.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import IO, Any

from workbench.display import counted
from workbench.record import Message, Prompt, sha256_text
from workbench.session.export.chat import plain_message
from workbench.session.export.item import ExportOptions, ExportRun
from workbench.session.export.plain import json_line
from workbench.session.groups import list_groups
from workbench.session.ids import is_ulid
from workbench.session.info import Session
from workbench.session.marks import list_marks, rows

Better = tuple[str, str]


@dataclass
class _Answers:
    """The runs of one prompt: rating and place of the text, by id."""

    prompt: int
    runs: dict[str, tuple[int, int]] = field(default_factory=dict)

    def better(self, votes: set[Better]) -> list[Better]:
        """Ids of the better and the worse run, each pair once."""
        found = {
            (good, bad): None for good, bad in permutations(self.runs, 2) if 0 < self.runs[bad][0] < self.runs[good][0]
        }
        voted = [pair for pair in sorted(votes) if pair[0] in self.runs and pair[1] in self.runs]
        return [*found, *(pair for pair in voted if pair not in found and pair[::-1] not in found)]


class _Shelf:
    """Values on disk, by their place."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def put(self, value: Any) -> int:
        place = self._file.seek(0, 2)
        self._file.write(json.dumps(value).encode("ascii") + b"\n")
        return place

    def get(self, place: int) -> Any:
        self._file.seek(place)
        return json.loads(self._file.readline())


def write(runs: Iterator[ExportRun], options: ExportOptions) -> Iterator[str]:
    with tempfile.TemporaryFile() as file:
        shelf = _Shelf(file)
        prompts: dict[str, _Answers] = {}
        votes: dict[Path, set[Better]] = {}
        left = lost = 0
        for run in runs:
            if run.prompt_lost:
                lost += 1
                continue
            if run.session.dir not in votes:
                votes[run.session.dir] = votes_of(run.session)
            voted = any(run.id in pair for pair in votes[run.session.dir])
            if run.record.result.status != "finished" or not (run.rating or voted):
                left += 1
                continue
            prompt = _plain(run.record.request.prompt)
            key = sha256_text(json.dumps(prompt))
            if key not in prompts:
                prompts[key] = _Answers(shelf.put(prompt))
            prompts[key].runs[run.id] = (run.rating, shelf.put(_answer(prompt, run.record.result.text)))
        if lost:
            options.note(f"{counted(lost, 'run')} whose prompt is missing left out")
        if left:
            options.note(f"{counted(left, 'run')} without an end, or with neither rating nor vote, left out")
        yield from _lines(prompts, set().union(*votes.values()), shelf, options)


def _lines(prompts: dict[str, _Answers], votes: set[Better], shelf: _Shelf, options: ExportOptions) -> Iterator[str]:
    lonely = 0
    for answers in prompts.values():
        pairs = answers.better(votes)
        lonely += not pairs
        prompt = shelf.get(answers.prompt) if pairs else None
        for good, bad in pairs:
            chosen, rejected = (shelf.get(answers.runs[name][1]) for name in (good, bad))
            yield json_line({"prompt": prompt, "chosen": chosen, "rejected": rejected}) + "\n"
    if lonely:
        options.note(f"{lonely} prompts have no two runs of which one is better")


def votes_of(session: Session) -> set[Better]:
    """Better and worse run of each blind vote of a session and its groups; ties and votes on anything else are none."""
    files = list_marks(session, kind="votes")
    for group in list_groups(session):
        if is_ulid(group.id):
            files += list_marks(session, group.id, kind="votes")
    found: set[Better] = set()
    for marks in files:
        for row in rows(marks, "vote"):
            a, b, outcome = row.get("a"), row.get("b"), row.get("outcome")
            if isinstance(a, str) and isinstance(b, str) and outcome in ("a", "b"):
                found.add((a, b) if outcome == "a" else (b, a))
    return found


def _plain(prompt: Prompt) -> Any:
    return prompt.text if prompt.form == "text" else [plain_message(item) for item in prompt.messages]


def _answer(prompt: Any, text: str) -> Any:
    return text if isinstance(prompt, str) else [plain_message(Message("assistant", text))]
