"""``workbench models``: the actions on model files, one module each."""

from __future__ import annotations

# Action: module within workbench.cli, and what it is for. The first is the default.
ACTIONS: dict[str, tuple[str, str]] = {
    "list": ("models_list", "list the model files, with engine, memory and reason"),
    "get": ("models_get", "fetch a model"),
    "inspect": ("models_inspect", "show all that a model file says of itself"),
    "verify": ("models_verify", "check that model files are whole, by header and sha256"),
    "rm": ("models_rm", "remove a model file"),
    "rename": ("models_rename", "give a model file another name"),
    "move": ("models_move", "move a model file to another folder"),
}
