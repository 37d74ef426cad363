"""What is on disk already: runs that a grid need not make again, and how fast earlier runs were.

Every run file is looked at as bytes, newest first; only those that name a wanted prompt or model are opened. Blocking.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from workbench.compare.keys import run_key
from workbench.error import StorageError

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.session.info import RunRecord
    from workbench.session.store import Session

MOST_FILES = 20_000
MOST_RATED = 40
_SHA = re.compile(rb'^sha256 = "([0-9a-f]{64})"', re.M)
_PRINT = re.compile(rb'^(?:fingerprint|file) = "([^"\n]+)"', re.M)


@dataclass(frozen=True)
class FoundRun:
    """A finished run and the session it stands in."""

    session: Session
    record: RunRecord


@dataclass
class Rates:
    """Medians of earlier finished runs of one model on one engine; 0 is unknown. Speeds in tokens/s, load in s."""

    runs: int = 0
    read: float = 0.0
    write: float = 0.0
    load: float = 0.0
    bytes_per_token: float = 0.0
    tokens_out: Mapping[str, float] = field(default_factory=dict)


@dataclass
class OnDisk:
    """``runs`` by run key; ``rates`` by (model's fingerprint or file, engine)."""

    runs: dict[str, FoundRun] = field(default_factory=dict)
    rates: dict[tuple[str, str], Rates] = field(default_factory=dict)


def look_on_disk(
    bench: Workbench, prompts: Set[str], keys: Set[str], models: Set[tuple[str, str]], *, not_group: str = ""
) -> OnDisk:
    """Find finished runs by their prompts' hashes and keys, and rates of models. Never raises on content."""
    found = OnDisk()
    rated: dict[tuple[str, str], list[RunRecord]] = {}
    wanted_models = {model.encode("utf-8", "surrogatepass") for model, _ in models}
    wanted_prompts = {prompt.encode() for prompt in prompts}
    for session, path in _run_files(bench):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        of_prompt = not wanted_prompts.isdisjoint(_SHA.findall(data))
        full = all(len(rated.get(model, ())) >= MOST_RATED for model in models)
        if not of_prompt and (full or wanted_models.isdisjoint(_PRINT.findall(data))):
            continue
        try:
            record = bench.store.open_run(session, path.stem)
        except StorageError:
            continue
        if record.result.status != "finished" or record.edited or record.newer:
            continue
        _take(found, rated, FoundRun(session, record), keys, models, not_group)
    found.rates = {model: _rates(records) for model, records in rated.items()}
    return found


def _take(
    found: OnDisk,
    rated: dict[tuple[str, str], list[RunRecord]],
    run: FoundRun,
    keys: Set[str],
    models: Set[tuple[str, str]],
    not_group: str,
) -> None:
    request = run.record.request
    model = (request.model.fingerprint or request.model.file, request.engine)
    if model in models and len(rated.setdefault(model, [])) < MOST_RATED:
        rated[model].append(run.record)
    key = run_key(request)
    if key in keys and key not in found.runs and (not not_group or request.group != not_group):
        found.runs[key] = run


def _run_files(bench: Workbench) -> Iterator[tuple[Session, Path]]:
    """Newest session first, newest run first."""
    left = MOST_FILES
    for session in bench.store.list_sessions():
        folder = session.dir / "runs"
        try:
            names = sorted(os.listdir(folder), reverse=True)
        except OSError:
            continue
        for name in names:
            if name.endswith(".toml") and name[0] != ".":
                yield session, folder / name
                left -= 1
        if left <= 0:
            return


def _rates(records: list[RunRecord]) -> Rates:
    read, write, load, size = list[float](), list[float](), list[float](), list[float]()
    outputs: dict[str, list[int]] = {}
    for record in records:
        request, result = record.request, record.result
        text = request.prompt.model_text or request.prompt.plain
        reading = (result.ms_first - result.ms_load) / 1000
        # What a warm cache held was not read: such a run says nothing about the speed of reading.
        if result.repro == "exact" and reading > 0 and result.tokens_in:
            read.append(result.tokens_in / reading)
        writing = (result.ms_total - result.ms_first) / 1000
        if result.tokens_out > 1 and writing > 0:
            write.append((result.tokens_out - 1) / writing)
        if result.ms_load:
            load.append(result.ms_load / 1000)
        if result.tokens_in and text:
            size.append(len(text.encode("utf-8", "surrogatepass")) / result.tokens_in)
        outputs.setdefault(request.template.path, []).append(result.tokens_out)
    typical = {path: float(median(values)) for path, values in outputs.items()}
    return Rates(len(records), _median(read), _median(write), _median(load), _median(size), typical)


def _median(values: list[float]) -> float:
    return median(values) if values else 0.0
