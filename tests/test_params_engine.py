"""Each parameter has its effect on the engines that have it, and is named on those that do not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.suite import collect, failed, finished, pieces, started, text
from tests.tiny_model import write_tiny
from workbench.engine import EngineProcess, LoadSpec
from workbench.error import UsageError
from workbench.event import Chatter, Event
from workbench.param import PARAMS, SPECS, Bias, Params, fit_params, lacking, params_from, params_to_dict

# Everything without effect, so that one value at a time can be seen; a seed, so that runs repeat.
NEUTRAL = replace(Params(**{spec.name: spec.off for spec in PARAMS}), seed=5, max_tokens=24, cold_cache=True)
BOTH = ("llamacpp", "gpt4all")
# Repeats of words in the prompt, so that every penalty has something to look at.
PROMPT = "hello world and hello world and hello world and "
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "temperature": {"temperature": 0.3},
    "top_k": {"top_k": 3},
    "top_p": {"top_p": 0.2},
    "min_p": {"min_p": 0.9},
    "repeat_penalty": {"repeat_penalty": 5.0},
    "seed": {"seed": 6},
    "max_tokens": {"max_tokens": 3},
    "presence_penalty": {"presence_penalty": 9.0},
    "frequency_penalty": {"frequency_penalty": 5.0},
    "typical_p": {"typical_p": 0.1},
    "top_n_sigma": {"top_n_sigma": 0.5},
    "xtc_probability": {"xtc_probability": 1.0, "xtc_threshold": 0.001},
    "dynatemp_range": {"temperature": 2.0, "dynatemp_range": 2.0, "dynatemp_exponent": 3.0},
    "mirostat": {"mirostat": 2, "mirostat_tau": 1.0},
}


@pytest.fixture
async def llamacpp(tmp_path: Path) -> AsyncIterator[EngineProcess]:
    engine = await EngineProcess.launch(LoadSpec("llamacpp", str(write_tiny(tmp_path / "random.gguf", endless=True))))
    yield engine
    await engine.close()


def tokens(events: list[Event]) -> list[str]:
    """What was drawn: broken characters look alike as text, their probabilities do not."""
    return [f"{score.text} {score.logprob}" for piece in pieces(events) for score in piece.scores]


def seen(events: list[Event]) -> list[str]:
    return tokens(events) or [text(events), str(finished(events).tokens_out)]


@pytest.mark.parametrize("engine_name", BOTH)
async def test_each_value_changes_what_is_drawn(engine_name: str, tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "random.gguf", endless=True)
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(model)))
    base = replace(NEUTRAL, logprobs=1 if engine_name == "llamacpp" else 0)
    try:
        plain = seen(await collect(engine, PROMPT, base))
        assert seen(await collect(engine, PROMPT, base)) == plain
        without_effect = []
        for name, changes in CHANGES.items():
            if (
                engine_name in SPECS[name].engines
                and seen(await collect(engine, PROMPT, replace(base, **changes))) == plain
            ):
                without_effect.append(name)
        assert without_effect == []
    finally:
        await engine.close()


@pytest.mark.parametrize(
    ("main", "helper", "value"),
    [
        ({"repeat_penalty": 5.0}, "repeat_last_n", 0),
        ({"xtc_probability": 1.0, "xtc_threshold": 0.001}, "xtc_threshold", 0.9),
        ({"mirostat": 2}, "mirostat_tau", 1.0),
        ({"mirostat": 1, "mirostat_tau": 2.0}, "mirostat_eta", 1.0),
        ({"temperature": 2.0, "dynatemp_range": 2.0}, "dynatemp_exponent", 8.0),
    ],
)
async def test_values_that_go_with_another_change_its_effect(
    llamacpp: EngineProcess, main: dict[str, Any], helper: str, value: Any
) -> None:
    base = replace(NEUTRAL, logprobs=1, **main)
    with_it = tokens(await collect(llamacpp, PROMPT, base))
    assert with_it
    assert tokens(await collect(llamacpp, PROMPT, replace(base, **{helper: value}))) != with_it


async def test_dry_keeps_a_sequence_from_going_on(llamacpp: EngineProcess) -> None:
    base = replace(NEUTRAL, temperature=0.0, logit_bias=(("c", 100.0), ("z", 90.0)), max_tokens=1)
    dry = replace(base, dry_multiplier=50.0)
    # What c would cost here, after five tokens that came before in this order.
    weak = replace(dry, dry_multiplier=1.0, dry_base=1.1)
    drawn = {
        name: text(await collect(llamacpp, "abcabcabcab", params))
        for name, params in {
            "off": base,
            "on": dry,
            "base": weak,
            "breakers": replace(dry, dry_sequence_breakers=("b",)),
            "allowed": replace(dry, dry_allowed_length=100),
            "range": replace(dry, dry_penalty_last_n=0),
        }.items()
    }
    assert drawn == {name: "z" if name == "on" else "c" for name in drawn}


async def test_a_bias_bans_a_token_and_prefers_another(llamacpp: EngineProcess) -> None:
    greedy = replace(NEUTRAL, temperature=0.0, logprobs=2, max_tokens=4)

    async def drawn(*bias: tuple[int | str, float]) -> str:
        return text(await collect(llamacpp, "hello", replace(greedy, logit_bias=bias)))

    assert await drawn(("z", 100.0), ("y", 90.0)) == "zzzz"
    assert await drawn(("z", -1000.0), ("y", 90.0)) == "yyyy"
    assert await drawn((65, 100.0)) == "AAAA"
    assert "320" in failed(await collect(llamacpp, "hello", replace(greedy, logit_bias=((320, 1.0),)))).message


async def test_probabilities_come_with_their_tokens(llamacpp: EngineProcess) -> None:
    bias: Bias = (("z", 100.0),)
    events = await collect(llamacpp, "hello", replace(NEUTRAL, logit_bias=bias, logprobs=3, max_tokens=4))
    scores = [score for piece in pieces(events) for score in piece.scores]
    assert [score.text for score in scores] == ["z"] * 4
    for score in scores:
        assert len(score.top) == 3
        # The model's own, without what was added.
        assert score.top[0][1] >= score.top[1][1] >= score.logprob
        assert score.logprob < -1
        assert score.margin == score.top[0][1] - score.top[1][1] >= 0


async def test_a_text_of_several_tokens_says_so(llamacpp: EngineProcess) -> None:
    events = await collect(llamacpp, "hello", replace(NEUTRAL, temperature=0.0, logit_bias=(("zq", 100.0),)))
    assert set(text(events)) <= {"z", "q"}
    assert any("2 tokens" in event.text for event in events if isinstance(event, Chatter))


async def test_a_grammar_and_a_schema_bind_the_answer(llamacpp: EngineProcess) -> None:
    answer = await collect(llamacpp, "hello", replace(NEUTRAL, grammar='root ::= "yes" | "no"'))
    assert text(answer) in ("yes", "no")
    assert finished(answer).reason == "stop"
    schema = (
        '{"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": false}'
    )
    answer = await collect(llamacpp, "hello", replace(NEUTRAL, json_schema=schema, max_tokens=60))
    assert json.loads(text(answer))["a"] in (1, 2)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"grammar": "root ::= ("}, "expecting ')'"),
        ({"grammar": "root ::= foo"}, "foo"),
        ({"grammar": 'root ::= root "a"'}, "left recursion"),
        ({"grammar": 'x ::= "a"'}, "'root'"),
        ({"json_schema": '{"type": "nonsense"}'}, "Invalid type: nonsense"),
    ],
)
async def test_a_faulty_grammar_is_refused_with_its_reason(
    llamacpp: EngineProcess, values: dict[str, str], reason: str
) -> None:
    failure = failed(await collect(llamacpp, "hello", replace(NEUTRAL, **values)))  # type: ignore[arg-type]
    assert failure.kind == "refused"
    assert reason in failure.message
    assert next(iter(values)) in failure.hint
    assert text(await collect(llamacpp, "hello", NEUTRAL))


async def test_the_end_token_is_passed_over_when_asked(tmp_path: Path) -> None:
    engine = await EngineProcess.launch(LoadSpec("llamacpp", str(write_tiny(tmp_path / "c.gguf", weights="chain"))))
    try:
        greedy = replace(NEUTRAL, temperature=0.0, max_tokens=60)
        assert finished(await collect(engine, "hello", greedy)).reason == "stop"
        assert finished(await collect(engine, "hello", replace(greedy, ignore_eos=True))).reason == "length"
    finally:
        await engine.close()


async def test_what_the_engine_used_is_what_is_recorded(llamacpp: EngineProcess) -> None:
    asked = replace(NEUTRAL, top_p=0.3, dry_multiplier=0.7, typical_p=0.9, xtc_probability=0.1, mirostat_tau=4.2)
    events = await collect(llamacpp, "hello", asked)
    assert replace(started(events).params, n_ctx=0, n_threads=0) == asked
    assert not [event for event in events if isinstance(event, Chatter)]


async def test_probabilities_come_only_when_asked_for_and_change_no_text(llamacpp: EngineProcess) -> None:
    plain, told = [await collect(llamacpp, "hello", replace(NEUTRAL, logprobs=count)) for count in (0, 2)]
    assert all(piece.scores == () for piece in pieces(plain))
    assert any(piece.scores for piece in pieces(told))
    assert text(plain) == text(told)


def test_a_differing_value_is_recorded_and_said() -> None:
    from workbench.engine.llamacpp_request import effective

    told = params_to_dict(Params()) | {"top_k": 12, "top_p": 0.949999988079071}
    used, sentences = effective(Params(), told)
    assert used == replace(Params(), top_k=12)
    assert sentences == ["llamacpp used top_k 12, not 40"]


async def test_what_gpt4all_lacks_is_said_in_the_run_or_refused(tmp_path: Path) -> None:
    engine = await EngineProcess.launch(LoadSpec("gpt4all", str(write_tiny(tmp_path / "random.gguf"))))
    try:
        assert set(engine.info.capabilities.ignored_params) == {
            spec.name for spec in PARAMS if "gpt4all" not in spec.engines
        }
        events = await collect(engine, "hello", replace(NEUTRAL, presence_penalty=1.0))
        assert started(events).params.presence_penalty == 0
        assert any("presence_penalty" in event.text for event in events if isinstance(event, Chatter))
        assert "grammar" in failed(await collect(engine, "hello", replace(NEUTRAL, grammar="root ::= x"))).message
    finally:
        await engine.close()


def test_leaving_out_is_said_and_refusing_names_the_engines() -> None:
    asked = params_from({"typical_p": 0.5, "dry_base": 3, "mirostat": 2, "mirostat_tau": 3})
    assert [spec.name for spec in lacking(asked, "gpt4all")] == ["typical_p", "mirostat", "mirostat_tau"]
    fitted, sentences = fit_params(asked, "gpt4all")
    assert (fitted.typical_p, fitted.mirostat) == (1.0, 0)
    assert len(sentences) == 3
    assert all("llamacpp" in sentence for sentence in sentences)
    assert fit_params(asked, "llamacpp") == (asked, ())
    with pytest.raises(UsageError, match="no json_schema") as caught:
        fit_params(params_from({"json_schema": {"type": "object"}}), "gpt4all")
    assert "llamacpp" in caught.value.hint
    with pytest.raises(UsageError, match="exclude"):
        fit_params(params_from({"json_schema": {"type": "object"}, "grammar": "root ::= x"}), "llamacpp")


async def test_a_context_of_another_size_than_was_asked_for_is_told(tmp_path: Path) -> None:
    engine = await EngineProcess.launch(LoadSpec("llamacpp", str(write_tiny(tmp_path / "c.gguf")), n_ctx=100))
    try:
        events = await collect(engine, "hello", replace(NEUTRAL, max_tokens=2))
        assert started(events).params.n_ctx == started(events).engine.n_ctx != 100
        told = [event.text for event in events if isinstance(event, Chatter)]
        assert told == [f"n_ctx: 100 was asked for, llama.cpp made it {started(events).engine.n_ctx}"]
    finally:
        await engine.close()
