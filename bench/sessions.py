"""``python -m bench.sessions --folder DIR``: ten thousand sessions, found.

Makes some 200 MB of sessions once in DIR, then measures in fresh processes: the first rows, a whole index, a second
look, and searches; a heartbeat thread says how long any other thread had to wait meanwhile. ``--llm PYTHON`` names an
interpreter that has ``llm`` installed: its log search is timed on the same texts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.crash.operator import NoSync
from workbench.event import Piece
from workbench.param import Params
from workbench.record import ModelRef, Prompt, RunRequest, RunResult, TemplateRef, sha256_text
from workbench.session.ids import folder_stamp, iso, new_ulid
from workbench.session.index import SessionIndex
from workbench.session.journal import RunJournal
from workbench.session.store import SessionStore
from workbench.textio import toml_dumps
from workbench.workspace import Workspace, init_workspace

WORDS, TAGS = 20_000, ("good", "draft", "review", "later")
MODELS = ("SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m.Q4_K_M.gguf", "qwen3-0.6b.Q8_0.gguf")
KANJI = "東京大阪雨雪山川空海人本日月火水木金土曜朝夜春夏秋冬花鳥風旅食車駅道店家町村国語文字"
KANA = "のはをにがでとするいましたからまで"
LLM = Path(__file__).with_name("sessions_llm.py")


class Texts:
    """Texts whose words are as unevenly common as in a language; one in ten is Japanese."""

    def __init__(self, seed: int) -> None:
        self.noise = random.Random(seed)
        syllables = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "ou")]
        self.words = ["".join(self.noise.choices(syllables, k=self.noise.randint(1, 4))) for _ in range(WORDS)]
        self.weights = [1 / rank for rank in range(1, WORDS + 1)]

    def pieces(self, count: int) -> list[str]:
        if self.noise.random() < 0.1:
            return self.noise.choices(KANJI + KANA * 4, k=count)
        return [f" {word}" for word in self.noise.choices(self.words, self.weights, k=count)]


def make(folder: Path, count: int) -> Workspace:
    """The workspace in ``folder``, made if it is not there yet."""
    if (folder / "complete").exists():
        return Workspace(folder / "space")
    space = init_workspace(folder / "space")
    texts, moment = Texts(1), datetime.now(UTC)
    for number in range(count):
        moment -= timedelta(minutes=texts.noise.uniform(1, 90))
        title = " ".join(texts.pieces(4)).strip()
        place = space.sessions / moment.strftime("%Y-%m") / f"{folder_stamp(moment)}-bench-{number:05}"
        place.mkdir(parents=True)
        head = {"format": 1, "kind": "session", "id": new_ulid(), "created": moment, "title": title}
        tags = [tag for tag in TAGS if texts.noise.random() < 0.2]
        (place / "session.toml").write_text(toml_dumps(head | {"tags": tags}), encoding="utf-8")
        write_run(place, texts, moment)
        if number % 1000 == 999:
            print(f"  {number + 1} sessions made", flush=True)
    (folder / "complete").touch()
    return space


def write_run(place: Path, texts: Texts, moment: datetime) -> None:
    prompt, pieces = "".join(texts.pieces(250)), texts.pieces(texts.noise.randint(200, 1000))
    source, text = "Write about {{ topic }}.", "".join(pieces)
    request = RunRequest(
        id=new_ulid(),
        created=iso(moment),
        app="bench",
        template=TemplateRef(f"templates/t{texts.noise.randrange(30)}.md", sha256_text(source), source),
        variables={"topic": "".join(texts.pieces(3))},
        prompt=Prompt("text", prompt),
        engine="scripted",
        engine_version="1",
        model=ModelRef(texts.noise.choice(MODELS)),
        params=Params(),
    )
    journal = RunJournal.create(place, request, disk=NoSync())
    for index, piece in enumerate(pieces):
        journal.write(Piece(20 * index, index, piece))
    done = RunResult("finished", "stop", text, sha256_text(text), tokens_out=len(pieces), ms_first=9, ms_total=20_000)
    journal.finish(done)


class Heartbeat:
    """A thread that wants to run every millisecond; ``longest`` is the longest it was kept from it, in ms."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def _beat(self) -> None:
        last = time.perf_counter()
        while not self._stop.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            self.gaps.append((now - last) * 1000 - 1)
            last = now

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def __str__(self) -> str:
        beats = sorted(self.gaps)
        return f"pauses p99 {beats[int(len(beats) * 0.99)]:.1f} ms, longest {beats[-1]:.1f} ms"


def queries() -> list[str]:
    """A hundred: common and rare words, words being typed, phrases, fields, Japanese."""
    texts = Texts(1)
    words, noise = texts.words, random.Random(5)
    found = [words[noise.randrange(30)] + " " for _ in range(20)]
    found += [f"{words[noise.randrange(200)]} {words[noise.randrange(2000)]} " for _ in range(20)]
    found += [words[noise.randrange(3000)][: 1 + count % 4] for count in range(20)]
    found += [f'"{words[noise.randrange(20)]} {words[noise.randrange(20)]}"' for _ in range(10)]
    found += [f"model:{noise.choice(('smol', 'gemma'))} {words[noise.randrange(500)]} " for _ in range(8)]
    found += [f"tag:{noise.choice(TAGS)} -{words[noise.randrange(9)]} after:60d" for _ in range(6)]
    found += [f"title:{words[noise.randrange(99)]}" for _ in range(6)]
    found += ["".join(noise.choices(KANJI, k=1 + count % 2)) for count in range(10)]
    return found


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def timed_searches(index: SessionIndex, order: str) -> str:
    times: list[float] = []
    cpu: list[float] = []
    hits = 0
    for query in queries():
        begun, begun_cpu = time.perf_counter(), time.process_time()
        hits += len(index.search(query, order="best" if order == "best" else "newest"))
        times.append((time.perf_counter() - begun) * 1000)
        cpu.append((time.process_time() - begun_cpu) * 1000)
    slowest = queries()[times.index(max(times))]
    return f"{spread(cpu)} CPU; {spread(times)} wall, slowest {max(times):.0f} ms ({slowest!r}), {hits} hits"


def spread(values: list[float]) -> str:
    return f"p50 {statistics.median(values):.1f} ms, p95 {percentile(values, 0.95):.1f} ms"


def measure(space: Workspace) -> None:
    """All figures, in a process of its own."""
    with Heartbeat() as beat:
        time.sleep(3)
    print(f"nothing         {beat}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    index = SessionIndex(space, store=SessionStore(space))
    index.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    rows = index.newest(50)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"first rows      {wall * 1000:.0f} ms, CPU {cpu * 1000:.0f} ms, for {len(rows)} from the disk")
    for name in ("whole index", "second look"):
        wall, cpu = time.perf_counter(), time.process_time()
        with Heartbeat() as beat:
            changed = index.refresh()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name}     {wall:.2f} s, CPU {cpu:.2f} s, {changed} rows; {beat}", flush=True)
    for order in ("newest", "best"):
        print(f"search, {order:7} {timed_searches(index, order)}", flush=True)
    begun = time.perf_counter()
    index.search("")
    print(f"all, newest     {(time.perf_counter() - begun) * 1000:.1f} ms for 200 rows from the index")
    assert index.path is not None
    print(f"index on disk   {index.path.stat().st_size / 1e6:.0f} MB")
    index.close()


def documents(space: Workspace) -> Iterator[dict[str, str]]:
    """Prompt, output and model of every run, oldest first."""
    store = SessionStore(space)
    for folder in reversed(store.folders()):
        session = store.open_session(folder)
        for info in store.runs(session):
            record = store.open_run(session, info.id)
            yield {
                "id": info.id,
                "model": info.model,
                "created": info.created,
                "prompt": record.request.prompt.plain,
                "response": record.result.text,
            }


def beside_llm(space: Workspace, folder: Path, python: str) -> None:
    """The same texts and words in the log of ``llm``."""
    lines = folder / "documents.jsonl"
    if not lines.exists():
        with lines.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(item) + "\n" for item in documents(space))
    words = [query for query in queries() if ":" not in query and '"' not in query]
    (folder / "queries.json").write_text(json.dumps(words), encoding="utf-8")
    env = os.environ | {"LLM_USER_PATH": str(folder / "llm")}
    subprocess.run([python, str(LLM), str(folder)], env=env, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--llm", metavar="PYTHON", default="")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    space = make(args.folder.resolve(), args.sessions)
    if args.measure:
        measure(space)
        return
    size = sum(path.stat().st_size for path in space.sessions.rglob("*") if path.is_file())
    print(f"{len(SessionStore(space).folders())} sessions, {size / 1e6:.0f} MB", flush=True)
    env = os.environ | {"XDG_CACHE_HOME": str(args.folder.resolve() / "cache")}
    again = [sys.executable, "-m", "bench.sessions", "--folder", str(args.folder), "--measure"]
    subprocess.run(again, env=env, check=True)
    if args.llm:
        beside_llm(space, args.folder.resolve(), args.llm)
    else:
        print("llm             not measured: --llm PYTHON names an interpreter that has it")


if __name__ == "__main__":
    main()
