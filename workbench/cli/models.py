"""``workbench models``: the actions on model files, one module each."""

from __future__ import annotations

# Action: module within workbench.cli, and what it is for. The first is the default.
ACTIONS: dict[str, tuple[str, str]] = {
    "list": ("models_list", "list the model files, with engine, memory and reason"),
    "get": ("models_get", "fetch a model"),
    "inspect": ("models_inspect", "show all that a model file says of itself"),
}
