"""Stable Diffusion prompts: dynamicprompts text, A1111 text and A1111's ``styles.csv``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from workbench.template.importers.result import Draft, Imported, ImportFault, literal
from workbench.template.scan import parse_body
from workbench.template.tree import GroupNode

_HEAD = re.compile(r"([@~!])?(?:(\d+-\d+|\d+-|-\d+|\d+)?\$\$(?:([^${}|]*)\$\$)?)?")
_ASSIGN = re.compile(r"\$\{\s*(\w+)\s*=\s*(!?)")
_USE = re.compile(r"\$\{\s*(\w+)\s*(?::([^{}]*))?\}")
_LIST_ARGS = re.compile(r"__([\w\-./*]+)\(([^()]*)\)__")
_LIST_MODE = re.compile(r"__([@~!])([\w\-./*]+)__")
_COMMENT = re.compile(r"#[^\n]*")
_MODES = {"@": "cycle", "~": "any", "!": "each", None: ""}
_SETTINGS = re.compile(r"^(?:Steps|Sampler|CFG scale|Seed|Size|Model)\s*:.*$", re.M)
_NEGATIVE = re.compile(r"^Negative prompt:\s*(.*)$", re.M | re.S)
_SPECIAL = (
    (r"\bBREAK\b", "BREAK"),
    (r"\bAND\b", "AND"),
    (r"<\w+:[^>]*>", "<lora:..>"),
    (r"\[[^\[\]]*[:|][^\[\]]*\]", "[a:b:n], [a|b]"),
)
_BACKSLASH = re.compile(r"\\[{}|$]")
_LIMIT = 64
# Braces that are already ours, while theirs are still being rewritten.
_OPEN, _CLOSE = "\ue000", "\ue001"


def dynamicprompts(text: str, name: str = "imported") -> Imported:
    """A prompt of the dynamicprompts library or its A1111 extension."""
    draft = Draft(name)
    if _BACKSLASH.search(text):
        draft.note("a backslash before { | } $ was a character of the text there; here it takes their meaning")
    text = _comments(text, draft)
    text = _variables(text, draft)
    text = _LIST_ARGS.sub(lambda match: _without_args(match, draft), text)
    text = _LIST_MODE.sub(lambda match: f"{{{_MODES[match.group(1)]}$$__{match.group(2)}__}}", text)
    text = _Groups(text, draft).converted()
    return draft.finish(text.replace(_OPEN, "{").replace(_CLOSE, "}"), native=True)


def _comments(text: str, draft: Draft) -> str:
    if "#" in text:
        draft.note("text after # was a comment there, it is a {# comment #} now")
    return _COMMENT.sub(lambda match: f"{{# {match.group()[1:].strip().replace('#}', '# }')} #}}", text)


def _without_args(match: re.Match[str], draft: Draft) -> str:
    draft.note(f"the arguments of {match.group()} are left out")
    return f"__{match.group(1)}__"


def _closing(text: str, start: int) -> int:
    """The brace that closes the one at ``start``, or -1."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return -1


def _is_variable(match: re.Match[str]) -> bool:
    """``${``, and not the end of a ``$$`` that stands before a group."""
    text, at = match.string, match.start()
    while at and text[at - 1] == "$":
        at -= 1
    return (match.start() - at) % 2 == 0


def _ours(text: str) -> str:
    """Converted once, it is not looked at again."""
    return text.replace("{", _OPEN).replace("}", _CLOSE)


def _variables(text: str, draft: Draft) -> str:
    """``${x=!..}`` is drawn once, at its first use; ``${x=..}`` is drawn anew at each use."""
    values: dict[str, tuple[bool, str]] = {}
    while match := next((found for found in _ASSIGN.finditer(text) if _is_variable(found)), None):
        end = _closing(text, match.start() + 1)
        if end < 0:
            draft.note(f"{match.group()} is never closed: kept as text")
            break
        values[match.group(1)] = (bool(match.group(2)), text[match.end() : end].strip())
        text = text[: match.start()] + text[end + 1 :]
    for _ in range(_LIMIT):
        done: set[str] = set()
        going: set[str] = set()

        def used(match: re.Match[str], done: set[str] = done, going: set[str] = going, text: str = text) -> str:
            name, default = match.group(1), match.group(2)
            if not _is_variable(match):
                return match.group()
            if name not in values:
                draft.slot(name, default=default)
                return f"{_OPEN}{name}{_CLOSE}"
            once, value = values[name]
            if not once:
                return value
            if name in going:
                draft.note("variables that use each other in a ring cannot be drawn")
            if name in done or f"{_OPEN}{name}:=" in text:
                return f"{_OPEN}{name}{_CLOSE}"
            done.add(name)
            # What its value uses comes first: a use that is still there would be read as a group.
            going.add(name)
            value = _Groups(_USE.sub(used, value), draft).converted()
            going.discard(name)
            inner = value[1:-1] if value.startswith("{") and _closing(value, 0) == len(value) - 1 else f"1$${value}"
            return f"{_OPEN}{name}:={_ours(inner)}{_CLOSE}"

        changed = _USE.sub(used, text)
        if changed == text:
            return text
        text = changed
    draft.note("variables that use each other in a ring are kept as text")
    return text


class _Groups:
    """Rewrites the groups of one text, innermost first."""

    def __init__(self, text: str, draft: Draft) -> None:
        self._text, self._draft = text, draft

    def converted(self) -> str:
        stack: list[list[str]] = [[]]
        wrap: list[bool] = []
        position = 0
        text = self._text
        for match in re.finditer(r"\{#.*?#\}|%?\{|\}", text, re.S):
            token = match.group()
            stack[-1].append(text[position : match.start()])
            position = match.end()
            if token.startswith("{#"):
                stack[-1].append(token)
            elif token == "}" and wrap:
                inner = "".join(stack.pop())
                stack[-1].append(self._wrapped(inner) if wrap.pop() else self._group(inner))
            elif token == "}":
                stack[-1].append("}")
            else:
                stack.append([])
                wrap.append(token.startswith("%"))
        stack[-1].append(text[position:])
        while wrap:
            self._draft.note("a { is never closed: kept as text")
            inner = "".join(stack.pop())
            stack[-1].append(("%{" if wrap.pop() else "{") + inner)
        return "".join(stack[0])

    def _wrapped(self, inner: str) -> str:
        """``%{before ... after$$text}``."""
        wrapper, mark, content = inner.partition("$$")
        if not mark:
            return f"%{{{inner}}}"
        return wrapper.replace("...", content, 1) if "..." in wrapper else f"{wrapper}{content}"

    def _group(self, inner: str) -> str:
        match = _HEAD.match(inner)
        if match is None or match.end() == 0:
            return self._plain(inner)
        mode, span, separator = _MODES[match.group(1)], match.group(2) or "", match.group(3)
        rest = inner[match.end() :]
        if span or separator is not None:
            # Their separator is a bare comma where ours is a comma and a blank.
            return f"{{{mode}{span or '1'}$${',' if separator is None else separator}$${rest}}}"
        return f"{{{mode or '1'}$${rest}}}"

    def _plain(self, inner: str) -> str:
        source = f"{{{inner}}}"
        items = parse_body(source, ()).items
        safe = len(items) == 1 and isinstance(items[0], GroupNode) and not inner.startswith(("{", "%", "#"))
        return source if safe else f"{{1$${inner}}}"


def a1111(text: str, name: str = "imported") -> Imported:
    """A prompt as A1111 shows or saves it, with ``Negative prompt:`` and settings lines."""
    draft = Draft(name)
    settings = _SETTINGS.search(text)
    if settings:
        draft.note("image settings are left out: " + settings.group()[:80])
        text = text[: settings.start()]
    negative = _NEGATIVE.search(text)
    if negative:
        draft.note("the negative prompt is left out: " + " ".join(negative.group(1).split())[:80])
        text = text[: negative.start()]
    for pattern, what in _SPECIAL:
        if re.search(pattern, text):
            draft.note(f"{what} has no meaning for a language model: kept as text")
    return draft.finish(literal(text.rstrip("\n") + "\n"), native=True)


def styles_csv(text: str, name: str = "styles") -> Iterator[Imported]:
    """One template per row of ``styles.csv``: it wraps the slot ``prompt``."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    if not reader.fieldnames or "name" not in reader.fieldnames or "prompt" not in reader.fieldnames:
        raise ImportFault(f"{name}: no columns 'name' and 'prompt'", hint="A1111's styles.csv starts with name,prompt")
    for row in reader:
        title, style = (row.get("name") or "").strip(), row.get("prompt") or ""
        if not title:
            continue
        draft = Draft(f"style-{title}")
        draft.header["title"] = title
        draft.header["tags"] = ["style"]
        draft.slot("prompt")
        if row.get("negative_prompt"):
            draft.note("the negative prompt is left out: " + str(row["negative_prompt"])[:80])
        parts = style.split("{prompt}")
        if len(parts) > 1:
            body = "{{ prompt }}".join(literal(part) for part in parts)
        else:
            body = ", ".join(part for part in ("{{ prompt }}", literal(style.strip())) if part)
        yield draft.finish(body + "\n", native=True)
