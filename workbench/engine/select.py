"""Which engine can run a file, decided from its header alone, with a sentence for each answer.

Order: a file that is broken or foreign runs nowhere; an engine that was asked for runs it or the reason why
not is raised; a preferred one is taken if it can; else llama.cpp, else gpt4all. The answer for a file is
always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec

from workbench.engine import select_tables as table
from workbench.engine.gguf_types import TENSOR_TYPES, GgufHeader
from workbench.error import NoEngine, UsageError

NATIVE = ("llamacpp", "gpt4all")
_PACKAGE = {"llamacpp": "xllamacpp", "gpt4all": "gpt4all"}


@dataclass(frozen=True, slots=True)
class EngineVerdict:
    """Whether ``engine`` can run a file, and why. ``needs_copy``: the pre-tokenizer name of the copy."""

    engine: str
    can: bool
    needs_copy: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict per native engine, in the order of choice."""

    choices: tuple[EngineVerdict, ...]

    def of(self, engine: str) -> EngineVerdict:
        """The verdict for one engine. Raises UsageError for a name that is none."""
        for choice in self.choices:
            if choice.engine == engine:
                return choice
        raise UsageError(f"there is no engine {engine!r}", hint=f"Engines: {', '.join(NATIVE)}, scripted.")

    @property
    def best(self) -> EngineVerdict | None:
        """What the automatic choice takes: the first engine that runs the file as it is, else with a copy."""
        able = [choice for choice in self.choices if choice.can]
        return next((choice for choice in able if not choice.needs_copy), able[0] if able else None)


def verdict(header: GgufHeader) -> Verdict:
    """What each native engine would do with the file of ``header``."""
    return Verdict((_llamacpp(header), _gpt4all(header)))


def choose_engine(
    header: GgufHeader, *, asked: str = "", prefer: str = "", avoid: Mapping[str, str] | None = None
) -> EngineVerdict:
    """The engine for a file. ``asked`` must run it, ``prefer`` is taken if it can. ``avoid`` names engines that may
    not, each with the reason.

    Raises NoEngine with the reasons, UsageError for an unknown engine.
    """
    able = verdict(header)
    answers = _without(able, avoid or {})
    if header.problem:
        raise NoEngine(f"{_file(header)}: {header.problem}", hint="`workbench models` lists what is there.")
    if asked and asked != "auto":
        return _asked(header, answers, asked)
    # Said whatever is taken instead.
    note = "".join(
        f" (passed over {now.engine}: {now.reason})"
        for before, now in zip(able.choices, answers.choices, strict=True)
        if before.can and not now.can and now.engine != prefer
    )
    if prefer and prefer != "auto":
        preferred = answers.of(prefer)
        if preferred.can:
            return replace(preferred, reason=preferred.reason + note)
        note = f" (preferred {prefer}: {preferred.reason}){note}"
    best = answers.best
    if best is None:
        reasons = "; ".join(f"{choice.engine}: {choice.reason}" for choice in answers.choices)
        raise NoEngine(f"no engine can run {_file(header)}", hint=reasons)
    return EngineVerdict(best.engine, best.can, best.needs_copy, best.reason + note)


def _without(answers: Verdict, avoid: Mapping[str, str]) -> Verdict:
    return Verdict(
        tuple(
            replace(choice, can=False, reason=avoid[choice.engine]) if choice.can and choice.engine in avoid else choice
            for choice in answers.choices
        )
    )


def _asked(header: GgufHeader, answers: Verdict, asked: str) -> EngineVerdict:
    choice = answers.of(asked)
    if choice.can:
        return choice
    others = [other.engine for other in answers.choices if other.can]
    hint = f"{others[0]} can run it: leave the engine to the workbench, or ask for {others[0]}." if others else ""
    raise NoEngine(f"{asked} cannot run {_file(header)}: {choice.reason}", hint=hint)


def _file(header: GgufHeader) -> str:
    return header.path.rpartition("/")[2] or header.name or "this file"


@cache
def installed(engine: str) -> bool:
    """Whether the engine's package is there; its code is not loaded."""
    return find_spec(_PACKAGE[engine]) is not None


def _llamacpp(header: GgufHeader) -> EngineVerdict:
    no = _shared_refusal(header, "llamacpp")
    if not no and header.arch in table.NOT_TEXT:
        no = f"this is {table.NOT_TEXT[header.arch]} ({header.arch})"
    if not no and header.arch not in table.LLAMACPP_ARCHS:
        no = f"this release of llama.cpp does not know the architecture {header.arch!r}"
    if not no and (bad := _types_outside(header, table.LLAMACPP_TYPES)):
        no = f"llama.cpp does not read the quantization {bad}"
    if not no and header.tokenizer_model not in table.LLAMACPP_TOKENIZERS:
        no = _tokenizer(header, "llama.cpp")
    pre = header.tokenizer_pre if header.tokenizer_model == "gpt2" else ""
    if not no and pre and pre not in table.LLAMACPP_PRES:
        no = f"this release of llama.cpp does not know the pre-tokenizer {pre!r}"
    if no:
        return EngineVerdict("llamacpp", False, "", no)
    return EngineVerdict("llamacpp", True, "", f"llama.cpp runs {header.arch} {header.quant}".rstrip())


def _gpt4all(header: GgufHeader) -> EngineVerdict:
    no = _shared_refusal(header, "gpt4all")
    if not no and header.arch not in table.GPT4ALL_ARCHS:
        no = f"gpt4all 2.8.2 does not know the architecture {header.arch!r}"
    if not no and (bad := _types_outside(header, table.GPT4ALL_TYPES)):
        no = f"gpt4all 2.8.2 does not read the quantization {bad}"
    if not no and header.tokenizer_model not in table.GPT4ALL_TOKENIZERS:
        no = _tokenizer(header, "gpt4all 2.8.2")
    if not no and header.embedding_type in table.GPT4ALL_NO_EMBEDDING:
        no = f"gpt4all 2.8.2 cannot look up embeddings of the type {TENSOR_TYPES[header.embedding_type][0]}"
    if not no and header.split_count > 1:
        no = "gpt4all does not read split models; join the parts first"
    if not no and header.empty_tokens:
        no = "the vocabulary has an empty entry, which ends gpt4all"
    if no:
        return EngineVerdict("gpt4all", False, "", no)
    pre = header.tokenizer_pre
    if header.tokenizer_model != "gpt2" or not pre or pre in table.GPT4ALL_PRES:
        return EngineVerdict("gpt4all", True, "", f"gpt4all runs {header.arch} {header.quant}".rstrip())
    if pre in table.EQUIVALENT_PRES:
        other = table.EQUIVALENT_PRES[pre]
        reason = f"gpt4all does not know the pre-tokenizer {pre!r}; it runs a copy that says {other!r}, its equal"
        return EngineVerdict("gpt4all", True, other, reason)
    return EngineVerdict("gpt4all", False, "", f"gpt4all 2.8.2 does not know the pre-tokenizer {pre!r}")


def _shared_refusal(header: GgufHeader, engine: str) -> str:
    if header.problem:
        return header.problem
    if not installed(engine):
        where = " (there is none for Linux on Arm)" if engine == "gpt4all" else ""
        return f"the package {_PACKAGE[engine]} is not installed{where}"
    if header.duplicate_tokens:
        return "the vocabulary has the same entry twice, which ends the engine; get the file from another source"
    if header.n_layers > table.MOST_LAYERS:
        return f"the header speaks of {header.n_layers} layers, the engines hold {table.MOST_LAYERS}; get it again"
    if header.n_ctx_train >= table.CONTEXT_LIMIT:
        return f"the header speaks of a context of {header.n_ctx_train} tokens, which cannot be; get it again"
    if not header.n_vocab:
        return "the file has no vocabulary (tokenizer.ggml.tokens); get it from another source"
    return ""


def _tokenizer(header: GgufHeader, who: str) -> str:
    if not header.tokenizer_model:
        return "the file has no vocabulary (tokenizer.ggml.model)"
    return f"{who} does not know the tokenizer {header.tokenizer_model!r}"


def _types_outside(header: GgufHeader, known: frozenset[int]) -> str:
    bad = [kind for kind in sorted(header.tensor_types) if kind not in known]
    return ", ".join(TENSOR_TYPES[kind][0] if kind in TENSOR_TYPES else f"number {kind}" for kind in bad)
