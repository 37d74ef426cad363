"""What the two native engines know, by name: architectures, pre-tokenizers, tensor types.

Held against the engines themselves by tests/test_select.py. The gpt4all tables are of release 2.8.2, the last
one; the llama.cpp tables of the xllamacpp release that pyproject.toml pins.
"""

from __future__ import annotations

from collections.abc import Mapping


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Asserted by both engines: more ends them.
MOST_LAYERS = 512
CONTEXT_LIMIT = 1 << 31

GPT4ALL_ARCHS = _names("""
    llama falcon gpt2 gptneox mpt baichuan starcoder refact bloom stablelm qwen qwen2 qwen2moe phi2 phi3
    codeshell orion internlm2 gemma gemma2 starcoder2 xverse command-r olmo openelm deepseek2 chatglm jais
""")
GPT4ALL_PRES = _names("""
    default llama3 llama-v3 llama-bpe deepseek-llm deepseek-coder falcon mpt starcoder gpt-2 phi-2 jina-es
    jina-de refact command-r qwen2 stablelm2 olmo dbrx smaug-bpe poro-chat chatglm-bpe viking jais
""")
GPT4ALL_TYPES = frozenset([*range(4), *range(6, 34)])
# Rearranged for Arm: loads, and ends the engine when a row is looked up.
GPT4ALL_NO_EMBEDDING = frozenset({31, 32, 33})
GPT4ALL_TOKENIZERS = _names("llama gpt2 bert t5 no_vocab")

LLAMACPP_ARCHS = _names("""
    llama deci falcon grok gpt2 gptj gptneox mpt baichuan starcoder refact bloom stablelm qwen qwen2
    qwen2moe qwen2vl qwen3 qwen3moe qwen3next qwen3vl qwen3vlmoe qwen35 qwen35moe phi2 phi3 phimoe plamo
    plamo2 plamo3 codeshell orion internlm2 minicpm minicpm3 gemma gemma2 gemma3 gemma3n gemma4 starcoder2
    mamba mamba2 jamba falcon-h1 xverse command-r cohere2 dbrx olmo olmo2 olmoe openelm arctic deepseek
    deepseek2 deepseek2-ocr chatglm glm4 glm4moe glm-dsa bitnet jais jais2 nemotron nemotron_h
    nemotron_h_moe exaone exaone4 exaone-moe rwkv6 rwkv6qwen2 rwkv7 arwkv7 granite granitemoe granitehybrid
    chameleon plm bailingmoe bailingmoe2 dots1 arcee afmoe ernie4_5 ernie4_5-moe hunyuan-moe hunyuan-dense
    hunyuan_vl smollm3 gpt-oss lfm2 lfm2moe dream smallthinker llada llada-moe seed_oss grovemoe apertus
    minimax-m2 cogvlm rnd1 pangu-embedded mistral3 mistral4 paddleocr mimo2 step35 maincoder kimi-linear
    llama4 qwen4exp maple cohere2moe deepseek32 deepseek4 graniteswitch granite_swa bailingmoe3 dots3note
    laguna hy_v3 hy_v4 minimax-01 hrm_text spark2_5 kimi-k3 glm5-next talkie mellum nanbeige k2-horizon
""")
# Known to llama.cpp, but no text comes out of them by themselves.
NOT_TEXT: Mapping[str, str] = {
    "t5": "an encoder-decoder model, which llama.cpp's server does not run",
    "qwen3tts": "a speech model",
    "pockettts": "a speech model",
    "wavtokenizer-dec": "part of a speech model",
    "gemma4-assistant": "a drafting helper of a bigger model",
}
LLAMACPP_PRES = _names("""
    default llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano deepseek-llm
    deepseek-coder deepseek-v3 youtu falcon mpt starcoder gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es
    jina-v2-de a.x-4.0 mellum modern-bert jais-2 jina-v1-en jina-v2-code roberta-bpe refact command-r qwen2
    deepseek-r1-qwen kormo f2llmv2 qwen35 stablelm2 olmo dbrx smaug-bpe poro-chat glm4 chatglm-bpe viking
    jais tekken smollm codeshell bloom gpt3-finnish exaone exaone4 exaone-moe chameleon minerva-7b megrez
    gpt-4o llama4 kanana2 tiny_aya superbpe trillion granite-docling bailingmoe bailingmoe2 llada-moe
    seed-coder hunyuan hunyuan-dense joyai-llm kimi-k2 grok-2 glm5 granite-embed-multi-311m
    granite-embed-multi-97m mmbert sarvam-moe ufakzeka whitespace afmoe minimax-m2 solar-open gemma4 mellum2
    minicpm5
""")
LLAMACPP_TYPES = frozenset(set(range(43)) - {4, 5, 31, 32, 33, 36, 37, 38})
LLAMACPP_TOKENIZERS = _names("llama gpt2 bert t5 rwkv plamo2 gemma4 no_vocab none")

# Same splitting rules under another name in both source trees: a copy with the right-hand name runs on
# gpt4all.
EQUIVALENT_PRES: Mapping[str, str] = {
    "smollm": "refact",
    "minerva-7b": "refact",
    "codeshell": "refact",
    "gigachat": "gpt-2",
    "a.x-4.0": "gpt-2",
    "mellum": "gpt-2",
    "trillion": "gpt-2",
    "granite-docling": "gpt-2",
    "falcon3": "llama-bpe",
    "pixtral": "llama-bpe",
    "midm-2.0": "llama-bpe",
    "deepseek-r1-qwen": "qwen2",
    "megrez": "qwen2",
    "glm4": "chatglm-bpe",
    "gpt3-finnish": "poro-chat",
    "bloom": "poro-chat",
}
