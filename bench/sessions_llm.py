"""Run by the interpreter that has ``llm``: its log filled with the texts of ``bench.sessions``, and searched.

Usage: sessions_llm.py FOLDER, with ``LLM_USER_PATH`` set. Needs nothing of the workbench.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import sqlite_utils  # type: ignore[import-not-found,unused-ignore]
from llm.cli import cli  # type: ignore[import-not-found,unused-ignore]
from llm.migrations import migrate  # type: ignore[import-not-found,unused-ignore]


def fill(path: Path, lines: Path) -> None:
    database = sqlite_utils.Database(path)
    migrate(database)
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    with database.conn:
        for row in rows:
            database.conn.execute(
                "INSERT INTO responses (id, model, prompt, response, datetime_utc) VALUES (?, ?, ?, ?, ?)",
                [row["id"].lower(), row["model"], row["prompt"], row["response"], row["created"]],
            )


def main(folder: Path) -> None:
    path = folder / "llm" / "logs.db"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        fill(path, folder / "documents.jsonl")
    queries = [query.strip() for query in json.loads((folder / "queries.json").read_text(encoding="utf-8"))]
    wall, cpu, hits = [], [], 0
    for query in queries:
        out = io.StringIO()
        begun, begun_cpu = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(out):
            cli(["logs", "list", "-q", query, "-n", "200", "--json"], standalone_mode=False)
        wall.append((time.perf_counter() - begun) * 1000)
        cpu.append((time.process_time() - begun_cpu) * 1000)
        hits += len(json.loads(out.getvalue() or "[]"))
    for name, values in (("CPU", cpu), ("wall", wall)):
        p95 = sorted(values)[int(len(values) * 0.95)]
        print(f"llm logs -q     {name} p50 {statistics.median(values):.1f} ms, p95 {p95:.1f} ms, {hits} hits")
    begun = time.perf_counter()
    words = [sys.executable, "-m", "llm", "logs", "list", "-q", queries[0], "-n", "200"]
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    wall_ms, size = (time.perf_counter() - begun) * 1000, path.stat().st_size / 1e6
    print(f"llm logs -q     {wall_ms:.0f} ms as a command; {size:.0f} MB on disk")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
