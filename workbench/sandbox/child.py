"""The worker's process: one JSON line in, one out, on a private socket. Started by ``client.py``, never imported.

Bounded by RLIMIT_AS and by CPU timers that are set anew for each request. The first raises an exception, which names
the line and lets the process live; the second kills: it is for C calls that do not come back to the interpreter.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from typing import Any

from workbench.sandbox.bounds import INPUT_BYTES, MEMORY_BYTES
from workbench.sandbox.operations import FAULTS, Operations, OutOfTime, fault

HARD = 1.6


def main() -> None:
    stream = socket.socket(fileno=int(sys.argv[1]))
    operations = Operations()
    _confine()
    signal.signal(signal.SIGVTALRM, _on_timer)
    reader = stream.makefile("rb")
    stream.sendall(b'{"ready":true}\n')
    while line := reader.readline(INPUT_BYTES * 2):
        reply = _answer(operations, json.loads(line.decode("utf-8", "surrogatepass")))
        text = json.dumps(reply, ensure_ascii=False)
        stream.sendall(text.encode("utf-8", "surrogatepass") + b"\n")


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as statm:
            base = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (base + MEMORY_BYTES, base + MEMORY_BYTES))


def _on_timer(_number: int, _frame: object) -> None:
    raise OutOfTime


def _arm(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    # In whole seconds only: the last of the three.
    soft = int(used.ru_utime + used.ru_stime + seconds * HARD) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    # This one counts system time as well (fresh memory costs it), and its signal ends the process.
    signal.setitimer(signal.ITIMER_PROF, seconds * HARD)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def _disarm() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _answer(operations: Operations, request: dict[str, Any]) -> dict[str, Any]:
    try:
        try:
            _arm(float(request["cpu"]))
            return operations.run(request)
        finally:
            _disarm()
    except FAULTS as error:
        return fault(error, request)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        os._exit(0)
