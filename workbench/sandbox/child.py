"""The worker's process: one JSON line in, one out, on a private socket. Started by ``client.py``, never imported.

Bounded by RLIMIT_AS and a CPU timer that is set anew for each request. A Python-level timer ends ordinary loops and
lets the process live; a C call that does not return is ended by SIGXCPU, and the parent starts a new worker.
"""

from __future__ import annotations

import json
import os
import re
import resource
import secrets
import signal
import socket
import sys
from datetime import datetime
from typing import Any

from jinja2 import TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateNotFound

from workbench.sandbox.environment import BoundedEnvironment, TooLarge, chat_environment, template_environment
from workbench.sandbox.limits import INPUT_BYTES, MEMORY_BYTES, OUTPUT_CHARS


class OutOfTime(BaseException):
    """Raised by the timer; a BaseException, so that nothing in between can catch it."""


def main() -> None:
    stream = socket.socket(fileno=int(sys.argv[1]))
    _confine()
    reader = stream.makefile("rb")
    signal.signal(signal.SIGPROF, _on_timer)
    stream.sendall(b'{"ready":true}\n')
    while line := reader.readline(INPUT_BYTES * 2):
        reply = _answer(json.loads(line))
        stream.sendall(json.dumps(reply).encode() + b"\n")


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as statm:
            base = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (base + MEMORY_BYTES, base + MEMORY_BYTES))


def _on_timer(_number: int, _frame: object) -> None:
    raise OutOfTime


def _arm(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    operation = {"render": _render, "slots": _slots, "chat": _chat}[request["op"]]
    try:
        try:
            _arm(float(request["cpu"]))
            return operation(request)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except OutOfTime as error:
        return _fault("limit", f"it ran longer than its {request['cpu']:g} CPU seconds", error, request)
    except TooLarge as error:
        return _fault("limit", str(error), error, request)
    except (MemoryError, OverflowError) as error:
        what = "memory" if isinstance(error, MemoryError) else "range"
        return _fault("limit", f"it ran out of its {what} allowance", error, request)
    except SecurityError as error:
        return _fault("denied", str(error), error, request)
    except TemplateNotFound as error:
        return _fault("missing", str(error.name), error, request)
    except UndefinedError as error:
        return _fault("undefined", str(error.message), error, request)
    except TemplateSyntaxError as error:
        fault = _fault("syntax", str(error.message), error, request)
        return {**fault, "line": error.lineno, "file": error.name or request.get("name", "")}
    except RecursionError as error:
        return _fault("error", "it calls or includes itself without end, or is nested too deeply", error, request)
    except (
        TemplateError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        SyntaxError,
    ) as error:
        return _fault("error", f"{error}" or type(error).__name__, error, request)


def _fault(kind: str, message: str, error: BaseException, request: dict[str, Any]) -> dict[str, Any]:
    line, file = 0, str(request.get("name", ""))
    frame = error.__traceback__
    names = {file, "<template>", "<unknown>", *request.get("loader", {})}
    while frame is not None:
        if frame.tb_frame.f_code.co_filename in names:
            line = frame.tb_lineno
            named = frame.tb_frame.f_code.co_filename
            file = file if named.startswith("<") else named
        frame = frame.tb_next
    return {
        "fault": kind,
        "message": message[:4000],
        "line": line,
        "file": file,
        "known": request.get("known", []),
    }


def _environment(request: dict[str, Any]) -> tuple[BoundedEnvironment, str, str]:
    nonce, now = f"\0{secrets.token_hex(16)}", datetime.now().isoformat(timespec="seconds")
    loader = {**request["loader"], request["name"]: request["source"]}
    return template_environment(loader, nonce, now), nonce, now


def _render(request: dict[str, Any]) -> dict[str, Any]:
    env, nonce, now = _environment(request)
    variables = {**request["variables"], "__pw__": request["data"]}
    parts: list[str] = []
    size = 0
    template = env.get_template(request["name"])
    for part in template.generate(variables):
        parts.append(part)
        size += len(part)
        if size > OUTPUT_CHARS:
            raise TooLarge(f"its output is longer than {OUTPUT_CHARS:,} characters")
    messages, text = _messages("".join(parts), nonce)
    return {"text": text, "messages": messages, "now": now, "used": _used(env, request)}


def _messages(output: str, nonce: str) -> tuple[list[list[str]], str]:
    """Split at the section marks; what stands between sections must be blank."""
    if nonce not in output:
        return [], output
    messages: list[list[str]] = []
    for part in output.split(nonce):
        if match := re.match(r"<(system|user|assistant)>", part):
            # White space around a section's text is layout.
            messages.append([match[1], part[match.end() :].strip()])
        elif part.removeprefix("</>").strip():
            outside = part.removeprefix("</>").strip()[:60]
            raise TypeError(f"text outside the sections: {outside!r}")
    return messages, ""


def _used(env: BoundedEnvironment, request: dict[str, Any]) -> list[str]:
    """Names of templates reached through include, import and extends with constant names."""
    seen: list[str] = []
    waiting = [request["source"]]
    while waiting and len(seen) < 64:
        for name in meta.find_referenced_templates(env.parse(waiting.pop())):
            if name and name not in seen and name in request["loader"]:
                seen.append(name)
                waiting.append(request["loader"][name])
    return seen


def _slots(request: dict[str, Any]) -> dict[str, Any]:
    env, _, _ = _environment(request)
    source = request["source"]
    tree = env.parse(source, name=request["name"])
    used = _used(env, request)
    free = set(meta.find_undeclared_variables(tree))
    places: dict[str, int] = {}
    for node in tree.find_all(nodes.Name):
        if node.name in free:
            places[node.name] = min(places.get(node.name, node.lineno), node.lineno)
    for name in used:
        for extra in meta.find_undeclared_variables(env.parse(request["loader"][name])):
            places.setdefault(extra, 0)
    lines = source.split("\n")
    known = {"__pw__", *env.globals}
    names = [[name, line, _column(lines, name, line)] for name, line in sorted(places.items()) if name not in known]
    return {"names": names, "used": used}


def _column(lines: list[str], name: str, line: int) -> int:
    if not 0 < line <= len(lines):
        return 0
    match = re.search(rf"\b{re.escape(name)}\b", lines[line - 1])
    return match.start() + 1 if match else 0


def _chat(request: dict[str, Any]) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in request["messages"]]
    template = chat_environment().from_string(request["source"])
    text = template.render(messages=messages, **request["variables"])
    if len(text) > OUTPUT_CHARS * 4:
        raise TooLarge("the prompt is longer than the worker may return")
    return {"text": text}


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        os._exit(0)
