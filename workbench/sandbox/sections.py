"""Chat sections: ``{% system %}..{% endsystem %}``, ``{% user %}``, ``{% assistant %}``.

A section prints its text between marks that begin with NUL and a random nonce, new for each request, so that neither
a value nor a template's own text can pass for a section. Nothing else is parsed out of prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateRuntimeError
from jinja2.ext import Extension
from jinja2.parser import Parser

CHANGED = "a section was cut or changed by a filter"
OUTSIDE = "text outside the sections"


class SectionExtension(Extension):
    """``environment.section_nonce`` and ``section_roles``, an empty list, must be set before rendering."""

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
        roles: list[str] = self.environment.section_roles  # type: ignore[attr-defined]
        roles.append(role)
        # The role stands in the list, where no filter reaches it.
        return f"{nonce}<{len(roles) - 1}>{body}{nonce}</>"


def marks_length(nonce: str, roles: Sequence[str]) -> int:
    """At least so many characters of the output are marks of sections."""
    return (2 * len(nonce) + len("<0></>")) * len(roles)


def split_messages(output: str, nonce: str, roles: Sequence[str]) -> list[list[str]]:
    """``[[role, text], ...]`` of an output that holds sections. What stands between them must be blank.

    White space around a section's text is layout and dropped. Raises TemplateRuntimeError.
    """
    messages: list[list[str]] = []
    for number, part in enumerate(output.split(nonce)):
        mark = re.match(r"<(\d+)>", part) if number % 2 else None
        if mark and int(mark[1]) < len(roles):
            messages.append([roles[int(mark[1])], part[mark.end() :].strip()])
            continue
        outside = part.removeprefix("</>") if number else part
        if number % 2 or (number and outside is part):
            raise TemplateRuntimeError(CHANGED)
        if outside.strip():
            raise TemplateRuntimeError(f"{OUTSIDE}: {outside.strip()[:60]!r}")
    refuse_changed(output.replace(nonce, ""), nonce)
    return messages


def refuse_changed(output: str, nonce: str) -> None:
    """Raises TemplateRuntimeError when a mark is left that a filter changed: it would reach the model."""
    folded = output.casefold()
    if nonce[1:] in folded or nonce[:0:-1] in folded:
        raise TemplateRuntimeError(CHANGED)
