"""Readers of other tools' prompts. ``import_file`` gives templates, each with notes on what was not carried over."""

from __future__ import annotations

from pathlib import Path

from workbench.template.importers.dotprompt import dotprompt
from workbench.template.importers.dynamic import a1111, dynamicprompts, styles_csv
from workbench.template.importers.llm import llm
from workbench.template.importers.promptfoo import promptfoo
from workbench.template.importers.prompty import prompty
from workbench.template.importers.result import Imported, ImportFault
from workbench.textio import read_text

FORMATS = ("dynamicprompts", "a1111", "styles", "prompty", "dotprompt", "llm", "promptfoo")

__all__ = ["FORMATS", "ImportFault", "Imported", "detect", "import_file", "import_text"]


def detect(path: Path, text: str) -> str:
    """The format by the file's name, then by its content. Raises ImportFault when neither tells."""
    suffix = path.suffix.lower()
    if suffix in (".prompty", ".prompt"):
        return {".prompty": "prompty", ".prompt": "dotprompt"}[suffix]
    if suffix == ".csv":
        return "styles"
    if suffix in (".yaml", ".yml"):
        head = text if len(text) < 1 << 16 else text[: 1 << 16]
        return "promptfoo" if "promptfoo" in path.name or "\nprompts:" in f"\n{head}" else "llm"
    if suffix in (".txt", ""):
        return "a1111" if "Negative prompt:" in text or "\nSteps:" in text else "dynamicprompts"
    raise ImportFault(f"{path.name}: of no format that is known here", hint="--format " + "|".join(FORMATS))


def import_text(kind: str, text: str, *, name: str = "imported", folder: Path | None = None) -> list[Imported]:
    """The templates of one text. Raises ImportFault."""
    if kind == "styles":
        return list(styles_csv(text, name))
    if kind == "promptfoo":
        return list(promptfoo(text, name, folder))
    readers = {
        "dynamicprompts": dynamicprompts, "a1111": a1111, "prompty": prompty, "dotprompt": dotprompt, "llm": llm,
    }  # fmt: skip
    if kind not in readers:
        raise ImportFault(f"{kind!r} is no format that is known here", hint="one of: " + ", ".join(FORMATS))
    return [readers[kind](text, name)]


def import_file(path: Path, kind: str = "") -> list[Imported]:
    """The templates of one file; ``kind`` is one of ``FORMATS``, by default what ``detect`` says."""
    text = read_text(path)
    return import_text(kind or detect(path, text), text, name=path.stem, folder=path.parent)
