"""The Jinja environment of the worker. Imported by the child process only.

Immutable sandbox, every operator intercepted, undefined is an error, nothing escaped, the last newline kept. The size
checks exist for good messages; what holds is the child's memory and time limit.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Undefined, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

SIZE = 32 << 20
BITS = 32 << 20


class TooLarge(Exception):
    """A value would exceed the worker's allowance."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])
    intercepted_unops = frozenset(["+", "-"])

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


class SectionExtension(Extension):
    """``{% system %}..{% endsystem %}`` and the like make chat messages, marked by a nonce that no text can guess."""

    tags = {"system", "user", "assistant"}  # noqa: RUF012 - Jinja's own interface

    def parse(self, parser: Parser) -> nodes.Node:
        token = next(parser.stream)
        role = str(token.value)
        body = parser.parse_statements((f"name:end{role}",), drop_needle=True)
        call = self.call_method("_section", [nodes.Const(role)], lineno=token.lineno)
        return nodes.CallBlock(call, [], [], body).set_lineno(token.lineno)

    def _section(self, role: str, caller: Any) -> str:
        nonce = str(self.environment.globals["__nonce__"])
        body = str(caller())
        if nonce in body:
            raise TemplateRuntimeError(f"a {role} section stands inside another section")
        return f"{nonce}<{role}>{body}{nonce}</>"


class GenerationExtension(Extension):
    """``{% generation %}`` of models' chat templates: marks text for training, means nothing here."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own interface

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


def template_environment(loader: dict[str, str], nonce: str, now: str) -> BoundedEnvironment:
    """For people's templates."""
    env = BoundedEnvironment(
        loader=DictLoader(loader),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        extensions=[SectionExtension],
        cache_size=50,
    )
    env.globals["__nonce__"] = nonce
    env.globals["now"] = lambda: now
    return env


def chat_environment() -> BoundedEnvironment:
    """For the chat templates inside model files, as their makers expect it (trimmed blocks, own helpers)."""
    env = BoundedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        keep_trailing_newline=True,
        extensions=[LoopControlExtension, GenerationExtension],
    )

    def raise_exception(message: object) -> None:
        raise TemplateRuntimeError(str(message))

    def strftime_now(form: str) -> str:
        return datetime.now().strftime(form)

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    env.filters["tojson"] = tojson
    return env
