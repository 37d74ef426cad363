"""The Jinja environment of the worker. Imported by the child process only.

Immutable sandbox, every operator intercepted, undefined is an error, nothing escaped, the last newline kept. The size
checks exist for good messages; what holds is the child's memory and time limit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, BytecodeCache, Environment, StrictUndefined, Undefined, nodes
from jinja2.bccache import Bucket
from jinja2.exceptions import SecurityError, TemplateNotFound, TemplateRuntimeError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workbench.sandbox.chance import Chance
from workbench.sandbox.sections import SectionExtension

SIZE = 32 << 20
BITS = 32 << 20


class TooLarge(Exception):
    """A value would exceed the worker's allowance."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])
    intercepted_unops = frozenset(["+", "-"])
    section_nonce = ""
    # A list of its own for each rendering.
    section_roles: Sequence[str] = ()

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Refuse at once: an undefined value could still be listed or grouped by."""
        raise SecurityError(f"access to attribute {attribute!r} of {type(obj).__name__!r} object is unsafe.")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            _check_product(left, right)
        elif operator == "**":
            _check_power(left, right)
        elif operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            _check(len(left) + len(right), "a value made by '+'")
        return super().call_binop(context, operator, left, right)


def _check(size: int, what: str) -> None:
    if size > SIZE:
        raise TooLarge(f"{what} would be {size:,} long")


def _check_product(left: Any, right: Any) -> None:
    for value, times in ((left, right), (right, left)):
        if isinstance(value, str | bytes | list | tuple) and isinstance(times, int):
            _check(len(value) * times, "a value made by '*'")
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > BITS:
        raise TooLarge("a number made by '*' would have millions of digits")


def _check_power(base: Any, exponent: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0 and base.bit_length() * exponent > BITS:
        raise TooLarge("a number made by '**' would have millions of digits")


class SourceLoader(BaseLoader):
    """Serves the sources that the parent sent, and remembers in ``reached`` which were asked for."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources
        self.reached: list[str] = []

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        if template not in self.sources:
            raise TemplateNotFound(template)
        if template not in self.reached:
            self.reached.append(template)
        # The name is the "file name", so that tracebacks tell included templates apart.
        return self.sources[template], template, None


class CodeCache(BytecodeCache):
    """Keeps compiled code between requests: all prompts of one template share a source, and compiling costs most."""

    def __init__(self, entries: int = 64) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}
        self._entries = entries

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if len(self._code) >= self._entries:
            self._code.clear()
        self._code[bucket.key, bucket.checksum] = bucket.code

    def get_source_checksum(self, source: str) -> str:
        return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return name


class GenerationExtension(Extension):
    """``{% generation %}`` of models' chat templates: marks text for training, means nothing here."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own interface

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


class Clock:
    """``now()`` and ``now("%Y")``: one moment per rendering, and ``said`` tells whether a template asked for it."""

    def __init__(self) -> None:
        self._moment = datetime.now().astimezone()
        self.said = ""

    def now(self, form: str = "") -> str:
        self.said = self._moment.isoformat(timespec="seconds")
        return self._moment.strftime(form) if form else self.said


def template_environment(loader: SourceLoader, cache: CodeCache, chance: Chance, clock: Clock) -> BoundedEnvironment:
    """For people's templates; one per request."""
    env = BoundedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        extensions=[SectionExtension],
        bytecode_cache=cache,
    )
    env.globals |= {
        "now": clock.now,
        "pick": chance.pick,
        "shuffle": chance.shuffle,
        "sample": chance.sample,
        "wildcard": chance.wildcard,
    }
    env.filters["random"] = chance.random
    return env


def chat_environment() -> BoundedEnvironment:
    """For the chat templates inside model files, set up as ``transformers`` does, which their makers test with."""
    env = BoundedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        extensions=[LoopControlExtension, GenerationExtension],
    )

    def raise_exception(message: object) -> None:
        raise TemplateRuntimeError(str(message))

    def strftime_now(form: str) -> str:
        return datetime.now().strftime(form)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    env.filters["tojson"] = tojson
    return env
