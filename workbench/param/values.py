"""The values of a run, under llama.cpp's names, with the defaults that all engines are given."""

from __future__ import annotations

from dataclasses import dataclass

Bias = tuple[tuple[int | str, float], ...]
BREAKERS = ("\n", ":", '"', "*")


@dataclass(frozen=True, slots=True)
class Params:
    """All sampling values of a run. ``seed`` None draws one; ``n_ctx`` and ``n_threads`` 0 mean automatic.

    ``logit_bias`` pairs a token's id, or a text, with what is added to its logit; ``json_schema`` is JSON text.
    """

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.1
    repeat_last_n: int = 64
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 64
    dry_sequence_breakers: tuple[str, ...] = BREAKERS
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    grammar: str = ""
    json_schema: str = ""
    logit_bias: Bias = ()
    ignore_eos: bool = False
    logprobs: int = 0
    n_ctx: int = 0
    n_threads: int = 0
    cache_type: str = "f16"
    cold_cache: bool = False

    @property
    def greedy(self) -> bool:
        """True when the most probable token is always taken."""
        xtc = self.xtc_probability > 0 and self.xtc_threshold <= 0.5
        coldest = self.temperature == 0 and self.dynatemp_range == 0 and not xtc
        return coldest or (self.top_k == 1 and self.mirostat == 0)
