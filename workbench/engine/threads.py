"""How many threads an engine gets: what was measured on this machine with this file, else a careful rule.

Measured by ``workbench bench`` and kept per machine, engine and file. A measured number is for an engine that is
alone: as soon as others work, nobody gets more than a share of the cores.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

import psutil

from workbench.engine.compat import mark_of
from workbench.engine.notes import Notes

THREADS = Notes("engine-threads")


def cores() -> int:
    """Physical cores that this process may use."""
    physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return max(1, min(physical, allowed()))


def allowed() -> int:
    """Logical processors that this process may use: a container or ``taskset`` may give fewer than there are."""
    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1


@cache
def machine() -> str:
    """This machine, as far as speed is concerned: the processor's name and how many there are."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        return f"{name} x{cores()}/{allowed()}"  # not Linux
    return f"{name} x{cores()}/{allowed()}"


def threads_to_try() -> tuple[int, ...]:
    """1, 2, 4, ... up to the processors that are there, the last one included."""
    most = allowed()
    return tuple(sorted({*(1 << power for power in range(most.bit_length()) if 1 << power <= most), cores(), most}))


def measured_threads(engine: str, path: Path) -> int:
    """The best number that was measured here for this engine and file; 0 when none was."""
    threads = THREADS.get(_key(engine, path)).get("threads")
    return threads if isinstance(threads, int) and 0 < threads <= allowed() else 0


def remember_threads(engine: str, path: Path, threads: int, rate: float) -> None:
    """Keep the best number of threads, with its rate in tokens per second."""
    THREADS.put(_key(engine, path), {"threads": threads, "rate": round(rate, 2)})


def share(engine: str, measured: int, others: int) -> int:
    """Threads for one more engine beside ``others`` that work; ``measured`` 0 when nothing is known.

    By rule the cores but one: with every core taken, any other work stalls the engine's barrier. On two busy cores,
    two threads decoded 46 tokens/s where one decoded 86 (median of 2, SmolLM2 Q4_1). gpt4all waits by spinning: one.
    """
    rule = 1 if engine == "gpt4all" else max(1, (cores() - 1) // (1 + others))
    if not measured:
        return rule
    if engine == "gpt4all":
        # Alone on the machine one moment, beside a compiler the next: with every core spinning it stands still.
        measured = max(1, min(measured, cores() - 1))
    return measured if not others else max(1, min(measured, cores() // (1 + others), rule))


def _key(engine: str, path: Path) -> str:
    return f"{machine()}|{engine}|{mark_of(path)}"
