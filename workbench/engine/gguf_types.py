"""The fixed numbers of the GGUF format and the record that the reader fills.

Sources: the GGUF specification and the type tables of ggml (block sizes in elements, type sizes in bytes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "model",
    "embedding",
    "adapter",
    "projector",
    "vocabulary",
    "split",
    "legacy",
    "foreign",
    "missing",
    "broken",
]

# Value types of metadata: number -> (struct code, bytes). 8 is a string, 9 an array.
SCALARS: Mapping[int, tuple[str, int]] = {
    0: ("<B", 1),
    1: ("<b", 1),
    2: ("<H", 2),
    3: ("<h", 2),
    4: ("<I", 4),
    5: ("<i", 4),
    6: ("<f", 4),
    7: ("<?", 1),
    10: ("<Q", 8),
    11: ("<q", 8),
    12: ("<d", 8),
}
STRING, ARRAY = 8, 9

# Tensor types: number -> (name, elements per block, bytes per block).
TENSOR_TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    31: ("Q4_0_4_4", 32, 18),
    32: ("Q4_0_4_8", 32, 18),
    33: ("Q4_0_8_8", 32, 18),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}

# general.file_type: the name of the quantization as people know it.
FILE_TYPES: Mapping[int, str] = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    33: "Q4_0_4_4",
    34: "Q4_0_4_8",
    35: "Q4_0_8_8",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
}

# Entries of the vocabulary that end a turn, whatever the header says about the end-of-text token.
END_TOKENS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<|end|>",
    "</s>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<eos>",
    "<|END_OF_TURN_TOKEN|>",
    "<|return|>",
    "<EOT>",
)

# Stands in ``GgufHeader.tensors_seen`` for any tensor of a LoRA adapter.
LORA = ".lora"


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a model file says about itself. Sizes in bytes, lengths in tokens; 0, -1 and "" mean unknown.

    ``problem`` is empty for a file that can be a model, else one sentence that says what is wrong and what to
    do. It and all other texts are foreign. ``tensor_types`` gives bytes per tensor type number.
    ``end_tokens`` maps the ids of turn-ending vocabulary entries to their texts. The ``*_offset`` values are
    byte positions. ``layers`` are the numbers of those that have tensors; ``tensors_seen`` holds only the names that
    tell what a file is. Of a split model the first part's header counts all parts.
    """

    path: str = ""
    file_bytes: int = 0
    problem: str = ""
    kind: Kind = "broken"
    version: int = 0
    arch: str = ""
    name: str = ""
    quant: str = ""
    licence: str = ""
    n_ctx_train: int = 0
    n_vocab: int = 0
    n_layers: int = 0
    n_embd: int = 0
    n_ff: int = 0
    n_experts: int = 0
    n_heads: tuple[int, ...] = ()
    n_kv_heads: tuple[int, ...] = ()
    key_length: int = 0
    value_length: int = 0
    sliding_window: int = 0
    sliding_pattern: tuple[int, ...] = ()
    kv_lora_rank: int = 0
    rope_length: int = 0
    tokenizer_model: str = ""
    tokenizer_pre: str = ""
    chat_template: str = ""
    bos_token: str = ""
    eos_token: str = ""
    bos_id: int = -1
    eos_id: int = -1
    eot_id: int = -1
    end_tokens: Mapping[int, str] = field(default_factory=dict)
    add_bos: bool | None = None
    duplicate_tokens: bool = False
    empty_tokens: bool = False
    tensor_types: Mapping[int, int] = field(default_factory=dict)
    n_tensors: int = 0
    n_params: int = 0
    tensor_bytes: int = 0
    embedding_bytes: int = 0
    embedding_type: int = -1
    complete: bool = False
    missing_bytes: int = 0
    split_no: int = 0
    split_count: int = 0
    alignment: int = 32
    pre_offset: int = -1
    info_end_offset: int = 0
    data_offset: int = 0
    layers: frozenset[int] = frozenset()
    tensors_seen: frozenset[str] = frozenset()
    metadata: Mapping[str, object] = field(default_factory=dict)
