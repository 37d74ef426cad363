"""Chat sections: ``{% system %}..{% endsystem %}``, ``{% user %}``, ``{% assistant %}``.

A section prints its text between marks that begin with NUL and a random nonce, new for each request, so that neither
a value nor a template's own text can pass for a section. Nothing else is parsed out of prose.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateRuntimeError
from jinja2.ext import Extension
from jinja2.parser import Parser

OUTSIDE = "text outside the sections"


class SectionExtension(Extension):
    """``environment.section_nonce`` must be set before rendering."""

    tags = {"system", "user", "assistant"}  # noqa: RUF012 - Jinja's own interface

    def parse(self, parser: Parser) -> nodes.Node:
        token = next(parser.stream)
        role = str(token.value)
        body = parser.parse_statements((f"name:end{role}",), drop_needle=True)
        call = self.call_method("_section", [nodes.Const(role)], lineno=token.lineno)
        return nodes.CallBlock(call, [], [], body).set_lineno(token.lineno)

    def _section(self, role: str, caller: Any) -> str:
        nonce: str = self.environment.section_nonce  # type: ignore[attr-defined]
        body = str(caller())
        if nonce in body:
            raise TemplateRuntimeError(f"another section stands inside this {role} section")
        return f"{nonce}<{role}>{body}{nonce}</>"


def split_messages(output: str, nonce: str) -> list[list[str]]:
    """``[[role, text], ...]`` of an output that holds sections. What stands between them must be blank.

    White space around a section's text is layout and dropped. Raises TemplateRuntimeError.
    """
    messages: list[list[str]] = []
    for number, part in enumerate(output.split(nonce)):
        mark = re.match(r"<(system|user|assistant)>", part) if number % 2 else None
        if mark:
            messages.append([mark[1], part[mark.end() :].strip()])
            continue
        outside = part.removeprefix("</>") if number else part
        if number % 2 or (number and outside is part):
            raise TemplateRuntimeError("a section was cut or changed by a filter")
        if outside.strip():
            raise TemplateRuntimeError(f"{OUTSIDE}: {outside.strip()[:60]!r}")
    return messages
