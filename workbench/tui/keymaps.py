"""Presets of the editor's keys, chosen by ``keymap`` in the settings."""

from __future__ import annotations


def keymap_help(name: str) -> str:
    """The preset's keys in words; empty for the default one."""
    return {"default": ""}.get(name, "")
