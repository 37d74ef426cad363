"""Terminal chat clients beside this app: bytes per token and key to echo while the same text streams.

elia, oterm and parllama run in a pseudo terminal, each from a virtual environment of its own under ``--cache``, with a
home of its own that is thrown away, and speak to a small server on loopback that plays Ollama. Our app speaks to the
same server. Run as ``python -m bench.peers [--size 80x24 ...] [--app NAME ...] [--keys N] [--rounds N] [--cache DIR]``.
What cannot be driven is printed with the reason. Bytes and keys are measured as in bench.link.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles

from platformdirs import user_cache_path

from bench import link
from workbench.workspace import APP, init_workspace

MODEL = "fake"
# So long that it outlasts the slowest keys. Then what tells that the answer has begun, and that all of it is shown.
TEXT = link.pieces(30_000)
SEEN, LAST_WORD = "measured", "Finis."
PROMPT, MARK = b"Tell me a very long story.", "§"
DETAILS = dict.fromkeys(("parent_model", "format", "family", "parameter_size", "quantization_level"), "any")
ENTRY = {"name": MODEL, "model": MODEL, "modified_at": "2026-01-01T00:00:00Z", "size": 1 << 30, "digest": "0" * 64}
SHOWN = {"modelfile": "FROM fake", "parameters": "", "template": "{{ .Prompt }}", "details": DETAILS}
SHOWN |= {"model_info": {"llama.context_length": 131072}, "capabilities": ["completion"]}
ANSWERS: dict[str, object] = {
    "/api/version": {"version": "0.12.0"},
    "/api/tags": {"models": [{**ENTRY, "details": DETAILS}]},
    "/api/ps": {"models": []},
    "/api/show": SHOWN,
    "/v1/models": {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "bench"}]},
}
_ATTRIBUTES, _GRAPHICS = re.compile(rb"\x1b\[0?c"), re.compile(rb"\x1b_G.*?\x1b\\", re.DOTALL)


class Server(ThreadingHTTPServer):
    """Streams ``TEXT`` at a steady pace to whoever asks, until ``end`` is set, and counts the tokens."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.sent, self.end = 0, threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def tokens(self, most: int) -> Iterator[str]:
        begin = time.monotonic()
        for number, piece in enumerate(TEXT[:most]):
            if self.end.wait(max(0.0, begin + number / link.TOKENS_PER_SECOND - time.monotonic())):
                yield f"\n\n{LAST_WORD}"
                return
            self.sent += 1
            yield piece


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        answer = ANSWERS.get(self.path)
        self._head(200 if answer else 404, "application/json")
        self.wfile.write(json.dumps(answer or {"error": "not found"}).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path not in ("/api/chat", "/v1/chat/completions"):
            self.do_GET()
            return
        self._head(200, "application/x-ndjson" if self.path == "/api/chat" else "text/event-stream")
        for piece in self.server.tokens(asked.get("max_tokens") or len(TEXT)):
            self.wfile.write(frame(self.path, piece, False))
        self.wfile.write(frame(self.path, "", True))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the bench's own output."""

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()


def frame(path: str, piece: str, done: bool) -> bytes:
    """A piece as Ollama sends it, or as OpenAI does."""
    said = {"role": "assistant", "content": piece}
    if path == "/api/chat":
        counts = ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count")
        end = {"done_reason": "stop", "eval_duration": 1, **dict.fromkeys(counts, 1)} if done else {}
        line = {"model": MODEL, "created_at": ENTRY["modified_at"], "message": said, "done": done, **end}
        return json.dumps(line).encode() + b"\n"
    choice = {"index": 0, "delta": said, "finish_reason": "stop" if done else None}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode() + (b"data: [DONE]\n\n" if done else b"")


class PeerTerminal(link.FarTerminal):
    """Also says what it is when asked, and shows no pictures."""

    def _show(self, data: bytes) -> None:
        self.up.put(b"\x1b[?62;22c" * len(_ATTRIBUTES.findall(data)))
        super()._show(_GRAPHICS.sub(b"", data))


def prepare_ours(home: Path, url: str, _: Path) -> list[str]:
    workspace = init_workspace(home / "space").root
    source = link.SOURCE.replace("[params]", f'[model]\nname = "server:bench/{MODEL}"\n[params]')
    put(workspace / "templates" / "london.j2", source)
    put(home / "config" / APP / "config.toml", f'[[server]]\nname = "bench"\nurl = "{url}/v1"\n')
    return [sys.executable, "-m", "workbench", "--workspace", str(workspace)]


def prepare_elia(home: Path, url: str, programs: Path) -> list[str]:
    model = f'[[models]]\nid = "bench"\nname = "ollama_chat/{MODEL}"\napi_base = "{url}"\n'
    put(home / "config" / "elia" / "config.toml", f'default_model = "bench"\n{model}')
    return [str(programs / "elia")]


def prepare_oterm(home: Path, url: str, programs: Path) -> list[str]:
    """Its own store makes the chat, so that no dialog has to be filled in."""
    put(home / "data" / "oterm" / "config.json", json.dumps({"splash-screen": False}))
    code = "import asyncio\nfrom oterm.store.store import Store\nfrom oterm.types import ChatModel\n"
    code += f"async def chat(): await (await Store.get_store()).save_chat(ChatModel(name='bench', model='{MODEL}'))\n"
    run(*clean(home, url), programs / "python", "-c", code + "asyncio.run(chat())")
    return ["env", f"OLLAMA_URL={url}", str(programs / "oterm")]


def prepare_parllama(home: Path, url: str, programs: Path) -> list[str]:
    settings = {"starting_tab": "Chat", "use_last_tab_on_startup": False, "ui": {"show_first_run": False}}
    settings |= {"last_llm_config": {"provider": "Ollama", "model_name": MODEL}, "ollama": {"ollama_host": url}}
    put(home / "data" / "parllama" / "settings.json", json.dumps(settings | {"schema_version": 2}))
    return [str(programs / "parllama")]


@dataclass(frozen=True)
class Driven:
    """How an app is set up and which keys lead through it. Without a requirement it is ours."""

    name: str
    requirement: str
    prepare: Callable[[Path, str, Path], list[str]]
    ready: str
    ask: tuple[bytes, ...]
    field: tuple[bytes, ...] = ()
    back: tuple[bytes, ...] = ()
    answer: tuple[bytes, ...] = ()


# Bytes per token, p50 and p99 idle and streaming, keys lost, answer hidden, the emulator's share of a core, delay.
Figures = tuple[float, ...]
LINE, OUTPUT = (*link.COMMENT[:-1], b"# "), (link.LAST_AREA, b"\x1b[F")
APPS = (
    Driven("workbench", "", prepare_ours, "Tell me a", (link.LAST_AREA, link.RUN), LINE, (link.EDITOR,), OUTPUT),
    Driven("elia", "elia-chat>=1.10,<1.11", prepare_elia, "Enter your message", (PROMPT, b"\n")),
    Driven("oterm", "oterm>=0.26.1,<0.27", prepare_oterm, "bench", (PROMPT, b"\r")),
    Driven("parllama", "parllama>=0.10.1,<0.11", prepare_parllama, "Type a message", (PROMPT, b"\r")),
)


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def clean(home: Path, url: str) -> list[str]:
    """A command's beginning that leaves nothing of the user's environment; what asks the network is turned away."""
    env = {"HOME": home, "PATH": os.defpath, "LANG": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    env |= {f"XDG_{kind.upper()}_HOME": home / kind for kind in ("config", "data", "state", "cache")}
    env |= {"HTTPS_PROXY": url, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return ["env", "-i", *(f"{name}={value}" for name, value in env.items())]


def installed(app: Driven, cache: Path) -> tuple[Path, str]:
    """The folder of the peer's programs, in an environment made on first use, and its name with versions."""
    if not app.requirement:
        return Path(), app.name
    programs, done = cache / app.name / "bin", cache / app.name / "installed"
    if not done.exists() or done.read_text(encoding="utf-8") != app.requirement:
        print(f"installing {app.requirement}", file=sys.stderr, flush=True)
        run(sys.executable, "-m", "venv", "--clear", cache / app.name)
        run(programs / "pip", "install", app.requirement)
        put(done, app.requirement)
    of = app.requirement.split(">")[0]
    code = f"from importlib.metadata import version as v; print(v('{of}') + ', textual ' + v('textual'), end='')"
    return programs, f"{app.name} ({run(programs / 'python', '-c', code)})"


def press(terminal: PeerTerminal, *keys: bytes) -> None:
    for key in keys:
        terminal.send(key)
        link.settle(terminal, 1)


def timed(terminal: PeerTerminal, keys: int) -> tuple[float, float, int]:
    press(terminal, MARK.encode())
    terminal.wait_for(MARK)
    times, lost = link.echoes(terminal, keys)
    times = times if len(times) > 1 else [float("nan")] * 2
    return median(times), quantiles(times, n=100, method="inclusive")[98], lost


def measure(app: Driven, programs: Path, size: tuple[int, int], keys: int) -> Figures:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Server() as server:
        command = [*clean(Path(folder), server.url), *app.prepare(Path(folder), server.url, programs)]
        terminal = PeerTerminal(command, size, (0, 0), {})
        try:
            terminal.wait_for(app.ready)
            link.settle(terminal, 4)
            press(terminal, *app.field)
            idle = timed(terminal, keys)
            press(terminal, b"\x7f" * (keys + len(MARK)), *app.ask)
            terminal.wait_for(SEEN)
            link.settle(terminal, 2)
            sent, before, used, begin = server.sent, terminal.received, time.process_time(), time.monotonic()
            link.settle(terminal, 6)
            per_token = (terminal.received - before) / (server.sent - sent)
            press(terminal, *app.back)
            streaming = timed(terminal, keys)
            busy = (time.process_time() - used) / (time.monotonic() - begin)
            hidden = SEEN not in terminal.text
            if server.sent >= len(TEXT):
                raise TimeoutError("the stream ended before the keys did")
            press(terminal, *app.answer)
            server.end.set()
            begin = time.monotonic()
            terminal.wait_for(LAST_WORD)
            delay = time.monotonic() - begin
            return per_token, *idle[:2], *streaming[:2], idle[2] + streaming[2], hidden, busy, delay
        finally:
            server.end.set()
            terminal.close()
            server.shutdown()


def row(name: str, rounds: list[Figures]) -> str:
    """Medians of the rounds, as a row of a table."""
    per_token, idle, idle_p99, streaming, p99, lost, hidden, busy, delay = map(median, zip(*rounds, strict=True))
    said = (f", {lost:.0f} keys lost" if lost else "") + (", answer not on the screen" if hidden else "")
    # Where the emulator is what the app waits for, the keys tell of both.
    said += f", emulator {busy:.0%} busy" if busy > 0.5 else ""
    echo = f"{idle:.0f}, {idle_p99:.0f} ms | {streaming:.0f}, {p99:.0f} ms{said}"
    return f"| {name} | {per_token:.1f} ({per_token / link.floor():.1f}) | {echo} | {delay:.1f} s |"


def compare(size: str, apps: list[Driven], cache: Path, keys: int, count: int) -> None:
    """The apps in turns, so that a busy minute of the machine meets all of them."""
    columns, rows = map(int, size.split("x"))
    found: dict[str, list[Figures]] = {app.name: [] for app in apps}
    names = {app.name: app.name for app in apps}
    failed: dict[str, str] = {}
    for app in apps * count:
        if app.name in failed:
            continue
        try:
            programs, names[app.name] = installed(app, cache)
            found[app.name].append(measure(app, programs, (columns, rows), keys))
        except (TimeoutError, OSError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", "") or str(error).split("\n")[0]
            failed[app.name] = told.strip().splitlines()[-1]
            print(error, file=sys.stderr)
        else:
            print(f"{size}, {row(app.name, found[app.name][-1:])}", file=sys.stderr, flush=True)
    print(f"\n| {size} | B/token (x print) | key to echo, idle: p50, p99 | while streaming | end shown after |")
    print(f"|---|---|---|---|---|\n| print | {link.floor():.1f} | | | |")
    for name, rounds in found.items():
        not_driven = f"| {names[name]} | not driven: {failed.get(name)} | | | |"
        print(not_driven if name in failed else row(names[name], rounds), flush=True)


def main() -> None:
    names = [app.name for app in APPS]
    parser = argparse.ArgumentParser(prog="bench.peers")
    parser.add_argument("--size", nargs="+", default=["80x24", "200x60"])
    parser.add_argument("--app", nargs="+", choices=names, default=names)
    parser.add_argument("--keys", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=user_cache_path(APP) / "peers")
    args = parser.parse_args()
    for size in args.size:
        compare(size, [app for app in APPS if app.name in args.app], args.cache, args.keys, args.rounds)


if __name__ == "__main__":
    main()
