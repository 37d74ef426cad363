"""The engine's own loop with nothing around it: the measure that everything else is compared with.

Run as ``python -m bench.bare MODEL PROMPT MAX_TOKENS N_CTX THREADS``. Prints one JSON line: tokens, seconds from the
first to the last token, seconds to the first token. Settings are those that the workbench sends.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    model, prompt, max_tokens, n_ctx, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = n_ctx
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = 64
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.fit_params = False
    params.verbosity = 0
    params.cache_ram_mib = 64
    server = xllamacpp.Server(params)
    stamps: list[float] = []
    done: dict[str, object] = {}

    def on_chunk(chunk: dict[str, object]) -> bool:
        choices = chunk.get("choices") or []
        if choices and choices[0].get("text"):  # type: ignore[index]
            stamps.append(time.perf_counter())
        if chunk.get("timings"):
            done.update(chunk["timings"])  # type: ignore[call-overload]
        return False

    request = {
        "prompt": prompt,
        "max_tokens": max_tokens,
        "temperature": 0.0,
        "top_k": 1,
        "repeat_penalty": 1.0,
        "cache_prompt": False,
        "stream": True,
        "return_progress": True,
    }
    begin = time.perf_counter()
    server.handle_completions(request, on_chunk)
    tokens = int(str(done.get("predicted_n", len(stamps))))
    print(json.dumps({"tokens": tokens, "decode_s": stamps[-1] - stamps[0], "first_s": stamps[0] - begin}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
