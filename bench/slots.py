"""llama.cpp alone, for ``bench.grid``: an HTTP server with several slots, or the total speed of sequences at once.

``python -m bench.slots serve MODEL SLOTS`` prints its address and serves until its stdin ends. ``python -m bench.slots
rate MODEL SLOTS SEQUENCES TOKENS THREADS`` decodes all sequences, as many at once as there are slots, and prints the
tokens of all together per second and per second of processor time, which other work on the machine hardly changes.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def server(model: str, slots: int, threads: int, *, open_port: bool) -> Any:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 1024 * slots
    params.n_parallel = slots
    params.n_batch = params.n_ubatch = 64
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.fit_params = False
    params.verbosity = 0
    params.cache_ram_mib = 64
    if open_port:
        params.hostnames = ["127.0.0.1"]
    return xllamacpp.Server(params)


def rate(model: str, slots: int, sequences: int, tokens: int, threads: int) -> tuple[float, float]:
    """Tokens of all sequences together, per second and per second of processor time."""
    running = server(model, slots, threads, open_port=False)

    def one(number: int) -> int:
        request = {"prompt": f"Story {number}: once", "max_tokens": tokens, "temperature": 0.0, "ignore_eos": True}
        answer: dict[str, Any] = {}
        running.handle_completions(request, answer.update)
        return int(answer["usage"]["completion_tokens"])

    one(-1)
    begin, worked = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(slots) as pool:
        total = sum(pool.map(one, range(sequences)))
    return total / (time.perf_counter() - begin), total / (time.process_time() - worked)


def main() -> None:
    kind, model, slots = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "serve":
        running = server(model, slots, 1, open_port=True)
        print(running.listening_address, flush=True)
        sys.stdin.read()
    else:
        print(*rate(model, slots, *map(int, sys.argv[4:7])), flush=True)
    # The runtime's destructor can hang.
    os._exit(0)


if __name__ == "__main__":
    main()
