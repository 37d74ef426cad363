"""Memory is estimated before loading; the figures are held against two measured models and the formula."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.engine import EngineProcess
from workbench.engine.gguf_types import GgufHeader
from workbench.engine.loadable import load_spec
from workbench.engine.memory import choose_context, estimate, free_memory, size_text
from workbench.engine.shelf import entry_of
from workbench.error import UsageError
from workbench.event import Finished
from workbench.param import Params

MB = 1 << 20
SMOLLM2 = GgufHeader(
    arch="llama", n_ctx_train=8192, n_vocab=49_152, n_layers=30, n_embd=576, n_ff=1536, n_heads=(9,) * 30,
    n_kv_heads=(3,) * 30, key_length=64, value_length=64, tensor_bytes=96_576_768,
    tensor_types={8: 30_081_024, 0: 140_544, 3: 66_355_200}, embedding_bytes=30_081_024, embedding_type=8,
)  # fmt: skip
GEMMA3 = GgufHeader(
    arch="gemma3", n_ctx_train=32_768, n_vocab=262_144, n_layers=18, n_embd=640, n_ff=2048, n_heads=(4,) * 18,
    n_kv_heads=(1,) * 18, key_length=256, value_length=256, sliding_window=512,
    sliding_pattern=(1, 1, 1, 1, 1, 0) * 3, tensor_bytes=246_587_904,
    tensor_types={0: 223_744, 8: 179_824_640, 6: 43_591_680, 12: 13_271_040, 14: 9_676_800},
    embedding_bytes=178_257_920, embedding_type=8,
)  # fmt: skip
Q4_0 = replace(
    SMOLLM2, tensor_bytes=89_941_248, tensor_types={8: 30_081_024, 0: 140_544, 2: 59_719_680}
)  # fmt: skip
Q8_0 = replace(SMOLLM2, tensor_bytes=143_025_408, tensor_types={8: 142_884_864, 0: 140_544})
# Resident size in MB after a generation in a bare child process, x86-64 Linux.
MEASURED = [
    (SMOLLM2, "llamacpp", 512, 162), (SMOLLM2, "llamacpp", 2048, 196), (SMOLLM2, "llamacpp", 8192, 331),
    (SMOLLM2, "gpt4all", 512, 167), (SMOLLM2, "gpt4all", 2048, 201), (SMOLLM2, "gpt4all", 8192, 335),
    (GEMMA3, "llamacpp", 512, 349), (GEMMA3, "llamacpp", 2048, 359), (GEMMA3, "llamacpp", 8192, 377),
    (GEMMA3, "llamacpp", 32_768, 449), (Q4_0, "llamacpp", 2048, 248), (Q8_0, "llamacpp", 2048, 243),
]  # fmt: skip


@pytest.mark.parametrize(("header", "engine", "n_ctx", "measured"), MEASURED)
def test_estimates_are_within_a_tenth_of_the_measured_size(
    header: GgufHeader, engine: str, n_ctx: int, measured: int
) -> None:
    assert estimate(header, engine, n_ctx).total / MB == pytest.approx(measured, rel=0.10)


@pytest.mark.real_model
@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
async def test_a_real_model_takes_what_was_estimated(engine_name: str, default_model: Path, tmp_path: Path) -> None:
    """Within 15 %, after loading and with a context that is full to its end."""
    entry = entry_of(default_model)
    spec = load_spec(entry, tmp_path, engine=engine_name, n_ctx=256, n_threads=1)
    expected = estimate(entry.header, engine_name, 256)
    engine = await EngineProcess.launch(spec)
    try:
        loaded = engine.resident()
        events = [event async for event in engine.generate("a b c d " * 55, Params(temperature=0, max_tokens=40))]
        full = engine.resident()
    finally:
        await engine.close()
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.tokens_in + end.tokens_out > 230
    assert loaded == pytest.approx(expected.total, rel=0.15)
    assert full == pytest.approx(expected.total, rel=0.15)
    large = estimate(entry.header, engine_name, 4096)
    engine = await EngineProcess.launch(replace(spec, n_ctx=4096))
    try:
        assert engine.resident() == pytest.approx(large.total, rel=0.15)
    finally:
        await engine.close()


@pytest.mark.real_model
@pytest.mark.parametrize("cache_type", ["q8_0", "q4_0"])
async def test_a_quantized_cache_takes_what_was_estimated_and_answers(
    cache_type: str, default_model: Path, tmp_path: Path
) -> None:
    entry = entry_of(default_model)
    spec = replace(load_spec(entry, tmp_path, engine="llamacpp", n_ctx=8192, n_threads=1), cache_type=cache_type)
    engine = await EngineProcess.launch(spec)
    try:
        events = [event async for event in engine.generate("a b c d " * 20, Params(temperature=0, max_tokens=8))]
        resident = engine.resident()
    finally:
        await engine.close()
    assert isinstance(events[-1], Finished)
    assert events[-1].tokens_out > 0
    assert resident == pytest.approx(estimate(entry.header, "llamacpp", 8192, cache_type=cache_type).total, rel=0.15)
    assert resident < 0.9 * estimate(entry.header, "llamacpp", 8192).total


def test_the_cache_grows_with_context_and_shrinks_with_its_type() -> None:
    assert estimate(SMOLLM2, "llamacpp", 4096).kv == 4096 * 23_040
    assert estimate(SMOLLM2, "llamacpp", 4096, cache_type="q8_0").kv == 4096 * 23_040 * 34 // 64
    with pytest.raises(UsageError, match="cache type 'q9'"):
        estimate(SMOLLM2, "llamacpp", 4096, cache_type="q9")


def test_layers_without_keys_and_compressed_caches_count_less() -> None:
    hybrid = replace(SMOLLM2, n_kv_heads=(3, 0) * 15)
    assert estimate(hybrid, "llamacpp", 1024).kv * 2 == estimate(SMOLLM2, "llamacpp", 1024).kv
    latent = replace(SMOLLM2, kv_lora_rank=64, rope_length=16)
    assert estimate(latent, "llamacpp", 1024).kv == 1024 * 30 * 80 * 2


def test_repacked_weights_count_twice_but_not_their_embeddings() -> None:
    q4 = replace(SMOLLM2, tensor_types={2: 80 * MB}, embedding_bytes=30 * MB, embedding_type=2)
    assert estimate(q4, "llamacpp").repack == 50 * MB
    assert estimate(q4, "gpt4all").repack == 0


def test_a_context_is_chosen_that_fits() -> None:
    plenty = 64 << 30
    assert choose_context(SMOLLM2, "llamacpp", free=plenty) == 4096
    assert choose_context(replace(SMOLLM2, n_ctx_train=512), "llamacpp", free=plenty) == 512
    assert choose_context(replace(SMOLLM2, n_ctx_train=0), "llamacpp", free=plenty) == 4096
    assert choose_context(SMOLLM2, "llamacpp", free=230 * MB) == 1024
    assert choose_context(SMOLLM2, "llamacpp", free=0) == 256
    assert choose_context(SMOLLM2, "llamacpp", 7000, free=0) == 7000


def test_too_little_memory_is_said() -> None:
    need = estimate(SMOLLM2, "llamacpp", 2048)
    assert need.warning(8 << 30) == ""
    assert "close something else first" in need.warning(need.total + 1)
    assert "would swap" in need.warning(need.total - 1)
    assert free_memory() > 0


def test_sizes_read_as_people_say_them() -> None:
    assert [size_text(size) for size in (12, 4_096, 98_362_432, 1_400_000_000)] == [
        "12 bytes", "4 kB", "98 MB", "1.4 GB",
    ]  # fmt: skip
