"""The table of all parameters: type, range, default, neutral value, engines and help of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from workbench.param.values import Params

Group = Literal["common", "repetition", "samplers", "constraints", "engine"]
ALL = ("llamacpp", "gpt4all", "scripted", "server")
LLAMA = ("llamacpp", "scripted", "server")
LOCAL = ("llamacpp", "gpt4all", "scripted")
_WORDS: Mapping[type, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    tuple: "text or a list of texts",
}
_OWN_WORDS: Mapping[str, str] = {
    "json_schema": "a JSON schema: an object, or its JSON text",
    "dry_sequence_breakers": "a list of texts, not empty",
    "logit_bias": "tokens with biases: id:bias, {text: bias} or [[id or text, bias]]",
}


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One row of the table. ``low`` and ``high`` are inclusive bounds; None is open.

    ``neutral`` is the value without effect (by default the default). ``only_with`` names the parameter without which
    this one has no effect. Of an engine that lacks it, a value that is not neutral is left out with a sentence, or
    refused when ``must`` is set, since the answer would be of another kind. ``choices`` are all that a text may be.
    """

    name: str
    kind: type
    help: str
    low: float | None = None
    high: float | None = None
    optional: bool = False
    neutral: Any = ...
    group: Group = "common"
    engines: tuple[str, ...] = ALL
    only_with: str = ""
    must: bool = False
    choices: tuple[str, ...] = ()

    @property
    def default(self) -> Any:
        return _DEFAULTS[self.name]

    @property
    def off(self) -> Any:
        """The value without effect."""
        return self.default if self.neutral is ... else self.neutral

    @property
    def words(self) -> str:
        """What it takes, for people."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        return _OWN_WORDS.get(self.name) or _WORDS[self.kind]

    @property
    def range_text(self) -> str:
        """The type and the bounds, for people."""
        if self.low is None or self.high is None or self.kind is tuple:
            return self.words
        return f"{self.words}, {self.low:.15g} to {self.high:.15g}"


_DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in fields(Params)}
_MANY = 1_000_000
PARAMS: tuple[ParamSpec, ...] = (
    ParamSpec("temperature", float, "randomness; 0 always takes the most probable token", 0, 5, neutral=1.0),
    ParamSpec("top_k", int, "sample among the k most probable tokens; 0 is off", 0, _MANY, neutral=0),
    ParamSpec(
        *("top_p", float, "sample among the fewest tokens whose probabilities reach this sum; 1 is off", 0, 1),
        neutral=1.0,
    ),
    ParamSpec("min_p", float, "drop tokens less probable than this share of the best; 0 is off", 0, 1, neutral=0.0),
    ParamSpec("repeat_penalty", float, "above 1 makes repeats less likely; 1 is off", 0.01, 10, neutral=1.0),
    ParamSpec(
        "repeat_last_n", int, "how many last tokens the penalties look at; 0 is off", 0, _MANY
    ),
    ParamSpec("max_tokens", int, "longest answer, in tokens", 1, _MANY),
    ParamSpec(
        "seed", int, "start of the random numbers; empty draws a new one each run", 0, 2**32 - 2, optional=True
    ),
    ParamSpec("stop", tuple, "strings that end the answer; the string itself is not part of it"),
    ParamSpec(
        *("presence_penalty", float, "lowers each token that came already, by this once; 0 is off", -10, 10),
        group="repetition", engines=LLAMA,
    ),
    ParamSpec(
        *("frequency_penalty", float, "lowers each token by this for each time that it came; 0 is off", -10, 10),
        group="repetition", engines=LLAMA,
    ),
    ParamSpec(
        *("dry_multiplier", float, "DRY: penalty on tokens that would go on repeating a sequence; 0 is off", 0, 100),
        group="repetition", engines=LLAMA,
    ),
    ParamSpec(
        *("dry_base", float, "DRY: how fast the penalty grows with the length of the repeat", 1, 100),
        group="repetition", engines=LLAMA, only_with="dry_multiplier",
    ),
    ParamSpec(
        *("dry_allowed_length", int, "DRY: repeats up to this many tokens are free", 0, _MANY),
        group="repetition", engines=LLAMA, only_with="dry_multiplier",
    ),
    ParamSpec(
        *("dry_penalty_last_n", int, "DRY: how many last tokens it looks at; 0 is off", 0, _MANY),
        group="repetition", engines=LLAMA, only_with="dry_multiplier",
    ),
    ParamSpec(
        *("dry_sequence_breakers", tuple, "DRY: texts across which nothing counts as a repeat"),
        group="repetition", engines=LLAMA, only_with="dry_multiplier",
    ),
    ParamSpec(
        *("typical_p", float, "keep the most typical tokens up to this sum; 1 is off", 0, 1),
        group="samplers", engines=LLAMA,
    ),
    ParamSpec(
        *("top_n_sigma", float, "keep tokens within this many standard deviations of the best; -1 is off", -1, 100),
        group="samplers", engines=LLAMA,
    ),
    ParamSpec(
        *("xtc_probability", float, "XTC: chance to drop the likeliest tokens but one; 0 is off", 0, 1),
        group="samplers", engines=LLAMA,
    ),
    ParamSpec(
        *("xtc_threshold", float, "XTC: how probable a token must be to be dropped; above 0.5 is off", 0, 1),
        group="samplers", engines=LLAMA, only_with="xtc_probability",
    ),
    ParamSpec(
        *("dynatemp_range", float, "the temperature varies by this with the model's certainty; 0 is off", 0, 5),
        group="samplers", engines=LLAMA,
    ),
    ParamSpec(
        *("dynatemp_exponent", float, "how the certainty counts for dynatemp_range", 0, 10),
        group="samplers", engines=LLAMA, only_with="dynatemp_range",
    ),
    ParamSpec(
        *("mirostat", int, "keeps the surprise of the text level: version 1 or 2; 0 is off", 0, 2),
        group="samplers", engines=LLAMA,
    ),
    ParamSpec(
        *("mirostat_tau", float, "mirostat: the surprise aimed at", 0, 100),
        group="samplers", engines=LLAMA, only_with="mirostat",
    ),
    ParamSpec(
        *("mirostat_eta", float, "mirostat: how fast it learns", 0, 1),
        group="samplers", engines=LLAMA, only_with="mirostat",
    ),
    ParamSpec(
        *("grammar", str, "GBNF grammar that the answer must follow; empty is off"),
        group="constraints", engines=LLAMA, must=True,
    ),
    ParamSpec(
        *("json_schema", str, "JSON schema that the answer must follow; empty is off"),
        group="constraints", engines=LLAMA, must=True,
    ),
    ParamSpec(
        *("logit_bias", tuple, "added to tokens' logits; -100 bans; of a text, to each of its tokens", -1000, 1000),
        group="constraints", engines=LLAMA, must=True,
    ),
    ParamSpec(
        *("ignore_eos", bool, "go on past the model's end token, up to max_tokens"),
        group="constraints", engines=LLAMA, must=True,
    ),
    ParamSpec(
        *("logprobs", int, "tell each token's probability and this many alternatives; slower; 0 is off", 0, 100),
        group="engine", engines=LLAMA,
    ),
    ParamSpec("n_ctx", int, "context length in tokens; 0 chooses one that fits", 0, 10**7, group="engine"),
    ParamSpec("n_threads", int, "processor threads; 0 chooses", 0, 512, group="engine", engines=LOCAL),
    ParamSpec(
        *("cache_type", str, "how the context is kept: q8_0 takes about half the memory of f16, q4_0 a quarter"),
        group="engine", engines=("llamacpp", "scripted"), choices=("f16", "q8_0", "q4_0"),
    ),
    ParamSpec("cold_cache", bool, "read the whole prompt anew, as exact repetition needs", group="engine"),
)  # fmt: skip
SPECS: Mapping[str, ParamSpec] = {spec.name: spec for spec in PARAMS}
