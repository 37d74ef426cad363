"""``pairs``: preference data, ``{"prompt", "chosen", "rejected"}`` a line.

Every two finished runs with the same prompt of which one is rated better. A chat prompt gives lists of messages, a raw
prompt plain texts. Texts wait in a temporary file, since the other half of a pair may come late.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import permutations
from typing import IO, Any

from workbench.record import Message, Prompt, sha256_text
from workbench.session.export.chat import plain_message
from workbench.session.export.item import ExportOptions, ExportRun
from workbench.session.export.plain import json_line


class _Shelf:
    """Texts on disk by number."""

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
        prompts: dict[str, tuple[int, list[tuple[int, int]]]] = {}
        unrated = 0
        for run in runs:
            if not run.rating or run.record.result.status != "finished":
                unrated += 1
                continue
            prompt = _plain(run.record.request.prompt)
            key = sha256_text(json.dumps(prompt))
            if key not in prompts:
                prompts[key] = (shelf.put(prompt), [])
            prompts[key][1].append((run.rating, shelf.put(_answer(prompt, run.record.result.text))))
        if unrated:
            options.note(f"{unrated} runs without a rating or an end were left out")
        yield from _pairs(prompts, shelf, options)


def _pairs(
    prompts: dict[str, tuple[int, list[tuple[int, int]]]], shelf: _Shelf, options: ExportOptions
) -> Iterator[str]:
    lonely = 0
    for place, answers in prompts.values():
        better = [(good[1], bad[1]) for good, bad in permutations(answers, 2) if good[0] > bad[0]]
        lonely += not better
        prompt = shelf.get(place) if better else None
        for chosen, rejected in better:
            yield json_line({"prompt": prompt, "chosen": shelf.get(chosen), "rejected": shelf.get(rejected)}) + "\n"
    if lonely:
        options.note(f"{lonely} prompts have no two runs with different ratings")


def _plain(prompt: Prompt) -> Any:
    return prompt.text if prompt.form == "text" else [plain_message(item) for item in prompt.messages]


def _answer(prompt: Any, text: str) -> Any:
    return text if isinstance(prompt, str) else [plain_message(Message("assistant", text))]
