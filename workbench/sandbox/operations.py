"""The worker's operations: ``render``, ``slots``, ``chat``, ``ping``. Imported by the child process only."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.exceptions import SecurityError, TemplateNotFound

from workbench.sandbox.bounds import OUTPUT_CHARS
from workbench.sandbox.chance import Chance
from workbench.sandbox.environment import (
    BoundedEnvironment,
    Clock,
    CodeCache,
    SourceLoader,
    TooLarge,
    chat_environment,
    template_environment,
)
from workbench.sandbox.sections import marks_length, refuse_changed, split_messages

Request = Mapping[str, Any]
Reply = dict[str, Any]
# What Jinja itself defines in some places; never a slot.
OWN_NAMES = {"__pw__", "slot", "loop", "self", "super", "caller", "varargs", "kwargs"}


class OutOfTime(BaseException):
    """Raised by the timer; a BaseException, so that nothing in between can catch it."""


class Operations:
    """Answers requests. ``answer`` never raises for what a template does."""

    def __init__(self) -> None:
        self._cache = CodeCache()
        self._table: dict[str, Callable[[Request], Reply]] = {
            "render": self._render,
            "slots": self._slots,
            "chat": self._chat,
            "ping": self._ping,
        }

    def run(self, request: Request) -> Reply:
        return self._table[request["op"]](request)

    def _environment(self, request: Request) -> tuple[BoundedEnvironment, SourceLoader, Clock]:
        loader = SourceLoader({**request["loader"], request["name"]: request["source"]})
        clock = Clock()
        chance = Chance(request.get("seed", 0), request.get("item", 0), request.get("lists", {}))
        return template_environment(loader, self._cache, chance, clock), loader, clock

    def _render(self, request: Request) -> Reply:
        env, loader, clock = self._environment(request)
        env.section_nonce = nonce = f"\0{os.urandom(16).hex()}"
        roles: list[str] = []
        env.section_roles = roles
        parts: list[str] = []
        size = 0
        template = env.get_template(request["name"])
        for part in template.generate({**request["variables"], "__pw__": request["data"]}):
            parts.append(part)
            size += len(part)
            if size - marks_length(nonce, roles) > OUTPUT_CHARS:
                raise TooLarge(f"its output is longer than {OUTPUT_CHARS:,} characters")
        output = "".join(parts)
        sections = nonce in output
        if roles and not sections:
            refuse_changed(output, nonce)
        return {
            "text": "" if sections else output,
            "messages": split_messages(output, nonce, roles) if sections else [],
            "now": clock.said,
            "used": [name for name in loader.reached if name != request["name"]],
        }

    def _slots(self, request: Request) -> Reply:
        """Lexing and parsing only: compiling would evaluate constants."""
        env, _, _ = self._environment(request)
        tree = env.parse(request["source"], name=request["name"])
        free = meta.find_undeclared_variables(tree)
        places: dict[str, int] = {}
        given = set()
        for node in tree.find_all(nodes.Name):
            if node.name in free:
                places[node.name] = min(places.get(node.name, node.lineno), node.lineno)
            elif node.ctx != "load":
                given.add(node.name)
        used: list[str] = []
        waiting = [tree]
        while waiting and len(used) < 64:
            for name in meta.find_referenced_templates(waiting.pop()):
                if name and name not in used and name in request["loader"]:
                    used.append(name)
                    waiting.append(env.parse(request["loader"][name], name=name))
                    for extra in meta.find_undeclared_variables(waiting[-1]) - given:
                        places.setdefault(extra, 0)
        known = OWN_NAMES | env.globals.keys()
        return {"names": sorted([n, line] for n, line in places.items() if n not in known), "used": used}

    def _chat(self, request: Request) -> Reply:
        messages = [{"role": role, "content": content} for role, content in request["messages"]]
        text = chat_environment().from_string(request["source"]).render(messages=messages, **request["variables"])
        if len(text) > OUTPUT_CHARS * 4:
            raise TooLarge("the prompt is longer than the worker may return")
        return {"text": text}

    def _ping(self, request: Request) -> Reply:
        return {"text": "pong"}


def fault(error: BaseException, request: Request) -> Reply:
    """What went wrong, as data: kind, message, file, line, and a near match for a misspelt name."""
    kind, message = _kind(error, request)
    name = str(request.get("name", ""))
    file, line = _place(error, name)
    if isinstance(error, TemplateSyntaxError):
        file, line = error.name or name, error.lineno
    return {
        "fault": kind,
        "message": message[:4000],
        "file": file,
        "line": line,
        "near": _near(message, request) if kind in ("undefined", "syntax", "error", "missing") else "",
    }


def _kind(error: BaseException, request: Request) -> tuple[str, str]:
    if isinstance(error, OutOfTime):
        return "limit", f"it ran longer than its {request['cpu']:.1f} seconds of processor time"
    if isinstance(error, TooLarge):
        return "limit", str(error)
    if isinstance(error, MemoryError):
        return "limit", "it needs more memory than it may use"
    if isinstance(error, OverflowError):
        return "limit", f"a number or a range is too large: {error}"
    if isinstance(error, SecurityError):
        return "denied", str(error)
    if isinstance(error, TemplateNotFound):
        return "missing", str(error.name)
    if isinstance(error, UndefinedError):
        return "undefined", str(error.message)
    if isinstance(error, RecursionError):
        return "error", "it calls or includes itself without end, or is nested too deeply"
    message = str(getattr(error, "message", None) or error) or type(error).__name__
    return "syntax" if isinstance(error, TemplateSyntaxError) else "error", message


def _place(error: BaseException, name: str) -> tuple[str, int]:
    """File and line of the innermost template frame. Jinja rewrites the frames of ordinary exceptions only."""
    file, line = name, 0
    trace = error.__traceback__
    while trace is not None:
        names = trace.tb_frame.f_globals
        template = names.get("__jinja_template__")
        if template is not None:
            file, line = template.name or name, template.get_corresponding_lineno(trace.tb_lineno)
        elif "__jinja_exception__" in names:
            written = trace.tb_frame.f_code.co_filename
            file, line = name if written.startswith("<") else written, trace.tb_lineno
        trace = trace.tb_next
    return file, line


def _near(message: str, request: Request) -> str:
    match = re.match(r"'(\w+)' is undefined|No (filter|test) named '(\w+)'|Encountered unknown tag '(\w+)'", message)
    if match is None:
        names, wanted = list(request.get("loader", {})), message
    elif match[1]:
        names, wanted = [n for n in request.get("variables", {}) if not n.startswith("__")], match[1]
        names += ["now", "pick", "shuffle", "sample", "wildcard", "range", "namespace"]
    elif match[2]:
        env = BoundedEnvironment()
        names, wanted = list(env.filters if match[2] == "filter" else env.tests), match[3]
    else:
        names, wanted = ["if", "elif", "else", "endif", "for", "endfor", "set", "endset", "include", "import", "from",
                         "extends", "block", "endblock", "macro", "endmacro", "call", "endcall", "filter", "endfilter",
                         "with", "endwith", "raw", "endraw", "system", "endsystem", "user", "enduser", "assistant",
                         "endassistant"], match[4]  # fmt: skip
    from difflib import get_close_matches

    near = get_close_matches(wanted, names, n=1)
    return near[0] if near and near[0] != wanted else ""


# Whatever a template raises is its own fault, with a line; the timer is no Exception.
FAULTS = (OutOfTime, Exception, SystemExit)
