"""Slots: the variables that a template needs, declared, free in Jinja, or written as ``{name}``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.error import UsageError
from workbench.realpath import real_path
from workbench.textio import read_text

TYPES = ("text", "choice", "number", "bool", "file")


@dataclass(frozen=True)
class SlotSpec:
    """A declared slot. ``example`` is shown to people and never used at run time; ``default`` None means none."""

    name: str
    type: str = "text"
    default: Any = None
    choices: tuple[str, ...] = ()
    example: str = ""
    help: str = ""


@dataclass(frozen=True)
class Slot:
    """A slot as found. ``bound``: it has a value or a default. ``free``: Jinja itself needs it.

    ``line`` and ``column`` are those of the file, from 1; 0 when it stands only in the header or an included file.
    """

    name: str
    bound: bool = False
    declared: bool = False
    free: bool = False
    spec: SlotSpec = field(default_factory=lambda: SlotSpec(""))
    line: int = 0
    column: int = 0

    @property
    def required(self) -> bool:
        """A run fails without a value; an unbound brace is only text."""
        return self.declared or self.free


def convert(spec: SlotSpec, value: Any) -> Any:
    """``value`` (form or command-line text, or a TOML value) as the slot's type. Raises UsageError."""
    if spec.type == "number":
        return _number(spec, value)
    if spec.type == "bool":
        return _bool(spec, value)
    if spec.type == "choice" and spec.choices and str(value) not in spec.choices:
        raise UsageError(f"{spec.name} cannot be {str(value)!r}", hint="Choose one of: " + ", ".join(spec.choices))
    return value if isinstance(value, list | dict) else str(value)


def _number(spec: SlotSpec, value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    raise UsageError(f"{spec.name} must be a number, not {text!r}", hint=spec.help)


def _bool(spec: SlotSpec, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0", ""):
        return False
    raise UsageError(f"{spec.name} must be true or false, not {text!r}", hint=spec.help)


def values_for(
    specs: Mapping[str, SlotSpec], given: Mapping[str, Any], *, base: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """All variables of a rendering: ``base``, defaults, then ``given``, each in its slot's type.

    The text of a ``file`` slot is read; a default only from within ``folder``, the workspace, because templates may
    come from strangers. Raises UsageError naming the slot, StorageError.
    """
    values = dict(base)
    values |= {name: spec.default for name, spec in specs.items() if spec.default is not None}
    chosen = {name: value for name, value in given.items() if value is not None}
    values |= chosen
    for name, spec in specs.items():
        if name not in values:
            continue
        if spec.type == "file":
            values[name] = _file(spec, str(values[name]), folder, own=name not in chosen)
        else:
            values[name] = convert(spec, values[name])
    return values


def refuse_outside(specs: Mapping[str, SlotSpec], values: Mapping[str, Any], folder: Path) -> None:
    """Raises UsageError for a ``file`` slot whose value, which no person gave, names a file outside of ``folder``.

    A path is looked for as ``values_for`` does it.
    """
    for name, spec in specs.items():
        if spec.type == "file" and values.get(name) is not None:
            places = _places(Path(str(values[name])).expanduser(), folder)
            found = next((place for place in places if place.is_file()), places[-1])
            if not _inside(found, folder):
                raise _outside(spec, repr(str(values[name])))


def _places(path: Path, folder: Path) -> tuple[Path, Path]:
    return Path.cwd() / path, folder / path


def _inside(path: Path, folder: Path) -> bool:
    return real_path(path).is_relative_to(real_path(folder))


def _outside(spec: SlotSpec, what: str) -> UsageError:
    hint = f"Name the file yourself: --set {spec.name}=..."
    return UsageError(f"{spec.name}: {what} is outside of the workspace", hint=hint)


def _file(spec: SlotSpec, value: str, folder: Path, *, own: bool) -> str:
    path = Path(value).expanduser()
    if own and not _inside(folder / path, folder):
        raise _outside(spec, f"the default {value!r}")
    for candidate in [folder / path] if own else _places(path, folder):
        if candidate.is_file():
            return read_text(candidate)
    raise UsageError(f"{spec.name}: there is no file {value!r}", hint=spec.help or "Give a path of a text file.")
