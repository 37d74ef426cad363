"""Readers of other tools' prompts and templates."""
