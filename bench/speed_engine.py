"""What the child process costs: tokens/s through ``EngineProcess`` against the runtime's bare loop, in turns.

Run as ``python -m bench.speed_engine MODEL [ROUNDS [MAX_TOKENS]]``. Prints one line a round and the median
ratio; the bar is 0.98. Read the ratio, not the figures: both sides share the machine's noise.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys

from workbench.engine import EngineProcess, LoadSpec
from workbench.event import Finished, Piece
from workbench.param import Params

PROMPT = "<|im_start|>user\nTell me about London.<|im_end|>\n<|im_start|>assistant\n"
N_CTX, THREADS = 2048, 1


def bare(model: str, max_tokens: int) -> float:
    """Tokens per second from first to last token, in a process of its own."""
    words = (model, PROMPT, str(max_tokens), str(N_CTX), str(THREADS))
    done = subprocess.run([sys.executable, "-m", "bench.bare", *words], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    return float((figures["tokens"] - 1) / figures["decode_s"])


async def through_child(model: str, max_tokens: int) -> float:
    """The same through the workbench's engine, times as the child stamped them."""
    engine = await EngineProcess.launch(LoadSpec("llamacpp", model, n_ctx=N_CTX, n_threads=THREADS))
    params = Params(temperature=0, top_k=1, repeat_penalty=1, max_tokens=max_tokens, cold_cache=True)
    stamps: list[int] = []
    tokens = 0
    try:
        async for event in engine.generate(PROMPT, params):
            if isinstance(event, Piece):
                stamps.append(event.t_ms)
            elif isinstance(event, Finished):
                tokens = event.tokens_out
    finally:
        await engine.close()
    return (tokens - 1) / (stamps[-1] - stamps[0]) * 1000


def main() -> None:
    model = sys.argv[1]
    rounds, max_tokens = (int(word) for word in (*sys.argv[2:], "5", "200")[:2])
    ratios = []
    for index in range(rounds):
        # The order changes, so that neither side always meets the warmer machine.
        if index % 2:
            child = asyncio.run(through_child(model, max_tokens))
            plain = bare(model, max_tokens)
        else:
            plain = bare(model, max_tokens)
            child = asyncio.run(through_child(model, max_tokens))
        ratios.append(child / plain)
        print(f"bare {plain:7.1f} t/s   through the child {child:7.1f} t/s   ratio {ratios[-1]:.3f}")
    print(f"median ratio {statistics.median(ratios):.3f} (bar 0.98)")


if __name__ == "__main__":
    main()
