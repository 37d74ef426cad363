"""Ask the native engines themselves, each in a throw-away process: does this file load?

Run as ``python -m tests.gguf_truth ENGINE`` with file paths on standard input; one line ``yes`` or ``no`` and
the reason per file on standard output.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from workbench.engine.gguf import read_header


def renamed_architecture(path: Path, target: Path, arch: str) -> Path:
    """A copy of a llama file that calls itself ``arch`` everywhere."""
    data, header = path.read_bytes(), read_header(path)

    def rename(match: re.Match[bytes]) -> bytes:
        length = struct.unpack("<Q", match[1])[0] - len(b"llama") + len(arch)
        return bytes(struct.pack("<Q", length) + arch.encode())

    head = re.sub(rb"(.\0{7})llama(?=\.)", rename, data[: header.info_end_offset], flags=re.DOTALL)
    head = head.replace(struct.pack("<Q", 5) + b"llama", struct.pack("<Q", len(arch)) + arch.encode(), 1)
    target.write_bytes(head + b"\0" * (-len(head) % header.alignment) + data[header.data_offset :])
    return target


def engine_says(engine: str, paths: Sequence[Path]) -> list[str]:
    """``yes``, ``no: reason`` or ``died`` per file. A process that dies is started again behind that file."""
    answers: list[str] = []
    while len(answers) < len(paths):
        left = paths[len(answers) :]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tests.gguf_truth", engine],
            input="\n".join(map(str, left)),
            capture_output=True,
            text=True,
            env={**os.environ, "GGML_NO_BACKTRACE": "1", "PATH": "", "PYTHONPATH": os.getcwd()},
            check=False,
        )
        # Native code prints on stdout as well; only our own lines count.
        answers += [line.removeprefix("> ") for line in done.stdout.splitlines() if line.startswith("> ")]
        if len(answers) < len(paths) and done.returncode:
            answers.append(f"died {done.returncode}")
    return answers


def _load_llamacpp(path: str) -> str:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.fit_params, params.warmup = path, 64, False, False
    params.n_batch = params.n_ubatch = 32
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = 1
    params.api_keys = ["test"]
    saved = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            server = xllamacpp.Server(params)
            server.handle_completions({"prompt": "a", "max_tokens": 1}, lambda _reply: None)
        except RuntimeError:
            sink.seek(0)
            log = sink.read().decode("utf-8", "replace")
            return "no: " + next((line for line in log.splitlines() if "error loading" in line), log[:200])
        finally:
            os.dup2(saved, 2)
            os.close(saved)
    return "yes"


def _load_gpt4all(path: str) -> str:
    from gpt4all import GPT4All
    from gpt4all._pyllmodel import llmodel

    try:
        folder, name = os.path.split(path)
        model = GPT4All(name, model_path=folder, allow_download=False, n_ctx=64, device="cpu")
    except RuntimeError as error:
        return f"no: {error}"
    return "yes" if llmodel.llmodel_isModelLoaded(model.model.model) else "no: not loaded"


if __name__ == "__main__":
    load = {"llamacpp": _load_llamacpp, "gpt4all": _load_gpt4all}[sys.argv[1]]
    for line in sys.stdin.read().splitlines():
        # One line per answer, whatever the engine prints.
        print(">", " ".join(load(line).split()), flush=True)
    sys.stdout.flush()
    os._exit(0)
