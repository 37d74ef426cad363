"""Templates: a TOML header, a Jinja2 body, and the pattern language between them.

The public names below are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.sandbox.faults import TemplateSyntaxError, UndefinedError
    from workbench.template.api import Template, TemplatePrompt
    from workbench.template.axis import axis_values
    from workbench.template.diagnostic import Diagnostic, PatternError
    from workbench.template.slot import Slot
    from workbench.template.style import apply_styles, prompt_matrix
    from workbench.template.weight import weight_spans

__all__ = [
    "Diagnostic",
    "PatternError",
    "Slot",
    "Template",
    "TemplatePrompt",
    "TemplateSyntaxError",
    "UndefinedError",
    "apply_styles",
    "axis_values",
    "prompt_matrix",
    "weight_spans",
]

_HOMES = {
    "Diagnostic": "template.diagnostic",
    "PatternError": "template.diagnostic",
    "Slot": "template.slot",
    "Template": "template.api",
    "TemplatePrompt": "template.api",
    "TemplateSyntaxError": "sandbox.faults",
    "UndefinedError": "sandbox.faults",
    "apply_styles": "template.style",
    "axis_values": "template.axis",
    "prompt_matrix": "template.style",
    "weight_spans": "template.weight",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"workbench.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
