"""How close it was: of the two tokens at which texts part, how much likelier one was than the other.

The engine reads the prompt and the text that both have once more, and tells its likeliest next tokens. A margin near 0
is a tie that the last digits of the sums decide; a large one means that something else than rounding has changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.error import WorkbenchError
from workbench.event import Piece, TokenScore
from workbench.service.plan import RunPlan

if TYPE_CHECKING:
    from workbench.service import Workbench

LIKELIEST = 20


async def margin(bench: Workbench, plan: RunPlan, both: str, recorded: str, now: str) -> float | None:
    """Logarithm of the probability of the first token of ``now`` less that of ``recorded``, after ``both``.

    None when the engine gives no probabilities, or one of the two is not among the likeliest tokens.
    """
    if not recorded or not now or plan.messages:
        return None
    params = replace(plan.request.params, max_tokens=1, logprobs=LIKELIEST, stop=(), cold_cache=True)
    try:
        process, _warm = await bench.pool.acquire(plan.load, lambda _progress: None)
    except WorkbenchError:
        return None
    scores: list[TokenScore] = []
    unfinished = True
    try:
        if process.info.capabilities.logprobs:
            async for event in process.generate(plan.prompt_text + both, params):
                scores += event.scores if isinstance(event, Piece) else ()
        unfinished = False
    finally:
        await bench.pool.release(process, keep=not unfinished)
    top = scores[0].top if scores else ()
    before, after = (_of(text, top) for text in (recorded, now))
    return None if before is None or after is None else after - before


def _of(text: str, top: tuple[tuple[str, float], ...]) -> float | None:
    """The logarithm of the likeliest token that ``text`` begins with, the longest first: that is the one it took."""
    fitting = [(len(token), logprob) for token, logprob in top if token and text.startswith(token)]
    return max(fitting)[1] if fitting else None
