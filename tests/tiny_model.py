"""Writes tiny llama GGUF files that load in both native engines in some 50 ms, so that tests need no
download.

Vocabulary: the 256 bytes, a few words by merges, three special tokens; 320 in all. Two kinds of weights:
``random`` (sampling is near uniform, output is mostly broken UTF-8, as from any confused model) and ``chain``
(attention is zero and each token's best successor is fixed, so that greedy output is a known text, one byte
per token, and then the end token). Variants break the file in the ways that engines meet in the wild.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from gguf import GGUFWriter, TokenType

VOCAB = 320
WIDTH = 64
HEADS = 4
FORWARD = 128
END, IM_START, IM_END = VOCAB - 3, VOCAB - 2, VOCAB - 1
SPECIAL = {END: "<|endoftext|>", IM_START: "<|im_start|>", IM_END: "<|im_end|>"}
# Each byte stands once: a chain has one successor per token.
CHAIN_TEXT = '東京🗼 né\n"[/]'
WORDS = ("the", "city", "and", "hello", "world", "of", "to", "Response")

Weights = Literal["random", "chain"]
Array = npt.NDArray[np.float32]


def write_tiny(
    path: Path,
    *,
    weights: Weights = "random",
    pre: str = "gpt-2",
    n_ctx: int = 256,
    layers: int = 2,
    duplicate_token: bool = False,
    end: int = END,
    add_bos: bool = False,
    endless: bool = False,
    chain: Sequence[str] = tuple(CHAIN_TEXT),
) -> Path:
    """Write the model and return ``path``; the same arguments give the same bytes.

    ``endless``: the special tokens are never among the forty likeliest, so that no answer ends by itself.
    """
    tokens, merges, kinds = _vocabulary()
    if duplicate_token:
        tokens[300] = tokens[299]
    writer = GGUFWriter(str(path), "llama")
    writer.add_name(f"tiny {weights}")
    writer.add_context_length(n_ctx)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCAB)
    writer.add_file_type(0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(IM_START if add_bos else END)
    writer.add_eos_token_id(end)
    writer.add_add_bos_token(add_bos)
    writer.add_chat_template(
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    tensors = _tensors(weights, layers, chain, end)
    if endless:
        # A logit of 0 among logits of mean 0: far from the best, whatever was read.
        tensors["output.weight"][list(SPECIAL)] = 0
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def cut(path: Path, target: Path, *, keep: float) -> Path:
    """A truncated copy: the first ``keep`` share of the bytes."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


def with_bad_type(path: Path, target: Path, *, type_id: int = 200) -> Path:
    """A copy whose first tensor has an unknown type id; gpt4all aborts on it, llama.cpp refuses it."""
    data = bytearray(path.read_bytes())
    name = b"token_embd.weight"
    # Tensor info: name, uint32 dimensions, that many uint64, uint32 type.
    position = data.rindex(struct.pack("<Q", len(name)) + name) + 8 + len(name)
    (dimensions,) = struct.unpack_from("<I", data, position)
    struct.pack_into("<I", data, position + 4 + 8 * dimensions, type_id)
    target.write_bytes(data)
    return target


def _byte_letters() -> list[str]:
    """GPT-2's printable stand-in for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def _vocabulary() -> tuple[list[str], list[str], list[int]]:
    letters = _byte_letters()
    tokens, merges = list(letters), []
    for word in WORDS:
        text = letters[ord(" ")] + word
        for end in range(2, len(text) + 1):
            if text[:end] not in tokens:
                tokens.append(text[:end])
                merges.append(f"{text[: end - 1]} {text[end - 1]}")
    for hashes in ("##", "###"):
        tokens.append(hashes)
        merges.append(f"{hashes[1:]} #")
    tokens = tokens[:END] + [f"<unused{i}>" for i in range(END - len(tokens))] + list(SPECIAL.values())
    kinds = [int(TokenType.NORMAL)] * VOCAB
    for index in range(len(letters) + len(merges), END):
        kinds[index] = int(TokenType.USER_DEFINED)
    for index in SPECIAL:
        kinds[index] = int(TokenType.CONTROL)
    return tokens, merges, kinds


def _steps(piece: str) -> list[int]:
    """The token that the piece is, else its bytes."""
    letters = _byte_letters()
    spelled = "".join(letters[byte] for byte in piece.encode())
    tokens = _vocabulary()[0]
    return [tokens.index(spelled)] if spelled in tokens else list(piece.encode())


def _tensors(weights: Weights, layers: int, chain: Sequence[str], end: int) -> dict[str, Array]:
    random = np.random.default_rng(7)

    def draw(rows: int, columns: int) -> Array:
        if weights == "chain":
            return np.zeros((rows, columns), dtype=np.float32)
        values: Array = (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)
        return values

    embedding = random.standard_normal((VOCAB, WIDTH)).astype(np.float32)
    output = draw(VOCAB, WIDTH)
    if weights == "chain":
        embedding, output = _chain(embedding, chain, end)
    tensors = {
        "token_embd.weight": embedding,
        "output_norm.weight": np.ones(WIDTH, dtype=np.float32),
        "output.weight": output,
    }
    for layer in range(layers):
        block = f"blk.{layer}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors[f"{block}{name}.weight"] = draw(WIDTH, WIDTH)
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"{block}{name}.weight"] = np.ones(WIDTH, dtype=np.float32)
        tensors[f"{block}ffn_gate.weight"] = draw(FORWARD, WIDTH)
        tensors[f"{block}ffn_up.weight"] = draw(FORWARD, WIDTH)
        tensors[f"{block}ffn_down.weight"] = draw(WIDTH, FORWARD)
    return tensors


def _chain(embedding: Array, pieces: Sequence[str], end: int) -> tuple[Array, Array]:
    """Embeddings and output rows by which each token's successor wins by far; tokens outside the text lead to
    its start.
    """
    steps = [step for piece in pieces for step in _steps(piece)]
    if len(set(steps)) != len(steps):
        raise ValueError("each token may stand once in a chain")
    chain_tokens = [*steps, end]
    others = [token for token in range(VOCAB) if token not in steps]
    # All tokens outside the text share one embedding: the start follows each of them.
    embedding[others] = embedding[others[0]]
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    output = np.zeros_like(embedding)
    output[steps[0]] = unit[others[0]]
    for token, successor in zip(steps, chain_tokens[1:], strict=True):
        output[successor] = unit[token]
    return embedding, (output * 4).astype(np.float32)
