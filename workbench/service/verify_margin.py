"""How close it was: of the two tokens at which texts part, how much likelier one was than the other.

The engine reads the prompt and the text that both have once more, and tells its likeliest next tokens. A margin near 0
is a tie that the last digits of the sums decide; a large one means that something else than rounding has changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.error import WorkbenchError
from workbench.event import Piece, TokenScore
from workbench.service.plan import RunPlan

if TYPE_CHECKING:
    from workbench.service import Workbench

LIKELIEST = 20


@dataclass(frozen=True, slots=True)
class Margin:
    """The two tokens at which texts part, and their natural logarithms of probability."""

    recorded: str
    recorded_logprob: float
    now: str
    now_logprob: float

    @property
    def value(self) -> float:
        """How much likelier the token of now was than the recorded one, in nats; 0 is a tie."""
        return self.now_logprob - self.recorded_logprob

    @property
    def told(self) -> str:
        """``2.5860 nats: ' the' is 13.3 times as likely as ' a' (0.41 and 0.03)``."""
        times = math.exp(min(abs(self.value), 700))
        sides = [(self.now, self.now_logprob), (self.recorded, self.recorded_logprob)]
        (more, high), (less, low) = sides if self.value >= 0 else sides[::-1]
        shares = f"{math.exp(high):.2g} and {math.exp(low):.2g}"
        return f"{self.value:.4f} nats: {more!r} is {times:.3g} times as likely as {less!r} ({shares})"


async def margin(bench: Workbench, plan: RunPlan, both: str, recorded: str, now: str) -> Margin | None:
    """How likely the first tokens of ``recorded`` and ``now`` are after ``both``.

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
    return None if before is None or after is None else Margin(*before, *after)


def _of(text: str, top: tuple[tuple[str, float], ...]) -> tuple[str, float] | None:
    """The token that ``text`` begins with, the longest that fits: that is the one it took."""
    fitting = [(len(token), token, logprob) for token, logprob in top if token and text.startswith(token)]
    return max(fitting)[1:] if fitting else None
