"""The bounded worker that runs Jinja: templates and the chat templates of models, both may come from strangers.

The names are loaded when they are first used: the worker's own process imports this package and needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.sandbox.client import Renderer
    from workbench.sandbox.faults import TemplateSyntaxError, UndefinedError
    from workbench.sandbox.limits import PREVIEW, RUN, Limits, RenderReply, RenderRequest, SlotName, SlotReply

__all__ = [
    "PREVIEW",
    "RUN",
    "Limits",
    "RenderReply",
    "RenderRequest",
    "Renderer",
    "SlotName",
    "SlotReply",
    "TemplateSyntaxError",
    "UndefinedError",
]


def __getattr__(name: str) -> Any:
    home = {"Renderer": "client", "TemplateSyntaxError": "faults", "UndefinedError": "faults"}
    if name in __all__:
        return getattr(import_module(f"{__name__}.{home.get(name, 'limits')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
