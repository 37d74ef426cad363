"""The engines under test: with tiny models everywhere, with the real default model where it is asked for."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.suite import Case
from tests.serverlab import KEY, KEY_ENV, llamacpp_server, load_spec
from tests.tiny_model import CHAIN_TEXT, write_tiny
from workbench.engine import EngineProcess, LoadSpec
from workbench.engine.compat import compatible_copy
from workbench.engine.gguf import read_header

NATIVE = ("llamacpp", "gpt4all")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny models."""
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny(folder / "chain.gguf", weights="chain")
    write_tiny(folder / "random.gguf", n_ctx=256, endless=True)
    write_tiny(folder / "wide.gguf", n_ctx=8192, layers=4, endless=True)
    return folder


# Not for the session: other tests hold that no child is left.
@pytest.fixture(scope="module")
def over_http() -> Iterator[Callable[[LoadSpec], LoadSpec]]:
    """From the order to load a file to the same model behind the real llama.cpp HTTP server; one server each."""
    urls: dict[tuple[str, int], str] = {}
    with contextlib.ExitStack() as stack:

        def served(spec: LoadSpec) -> LoadSpec:
            key = (spec.path, spec.n_ctx)
            if key not in urls:
                urls[key] = stack.enter_context(llamacpp_server(Path(spec.path), n_ctx=spec.n_ctx))
            return load_spec(urls[key], key_env=KEY_ENV)

        yield served


@pytest.fixture(
    params=[
        *(f"{engine}-tiny" for engine in NATIVE),
        "scripted",
        "server-tiny",
        *(pytest.param(f"{engine}-real", marks=pytest.mark.real_model) for engine in (*NATIVE, "server")),
    ]
)
def case(
    request: pytest.FixtureRequest,
    tiny: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Case:
    engine, _, kind = str(request.param).partition("-")
    if engine == "scripted":
        return _scripted()
    if engine == "server":
        monkeypatch.setenv(KEY_ENV, KEY)
        local = _local("llamacpp", kind, request, tiny, tmp_path_factory)
        served = request.getfixturevalue("over_http")
        specs = {name: served(getattr(local, name)) for name in ("plain", "wide", "small")}
        return replace(local, name=request.param, repro="likely", **specs)
    return _local(engine, kind, request, tiny, tmp_path_factory)


def _local(
    engine: str, kind: str, request: pytest.FixtureRequest, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    name = f"{engine}-{kind}"
    if kind == "tiny":
        return Case(
            name,
            plain=LoadSpec(engine, str(tiny / "chain.gguf")),
            wide=LoadSpec(engine, str(tiny / "wide.gguf"), n_ctx=8192),
            small=LoadSpec(engine, str(tiny / "random.gguf"), n_ctx=256),
        )
    model: Path = request.getfixturevalue("default_model")
    if engine == "gpt4all":
        # Where the copy lies is no part of the contract, but it is 98 MB: one for the session.
        folder = tmp_path_factory.getbasetemp() / "compatible"
        model = compatible_copy(model, read_header(model), folder)
    return Case(
        name,
        plain=LoadSpec(engine, str(model), n_ctx=512),
        wide=LoadSpec(engine, str(model), n_ctx=2048),
        small=LoadSpec(engine, str(model), n_ctx=256),
        nearly_full=230,
        prompt="<|im_start|>user\nWhat is 東京? Use an emoji.<|im_end|>\n<|im_start|>assistant\n",
    )


def _scripted() -> Case:
    def spec(**script: object) -> LoadSpec:
        return LoadSpec("scripted", "", script=json.dumps(script))

    return Case(
        "scripted",
        plain=spec(pieces=list(CHAIN_TEXT)),
        wide=spec(pieces=["a ", "b "], repeat=2000, delay_ms=1, prompt_ms=300, n_ctx=9000),
        small=spec(pieces=["a "], repeat=2000, n_ctx=256),
    )


@pytest.fixture
async def plain(case: Case) -> AsyncIterator[EngineProcess]:
    """The case's engine, loaded."""
    engine = await EngineProcess.launch(case.plain)
    yield engine
    await engine.close()
