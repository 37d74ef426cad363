"""promptfoo: ``prompts`` and the ``vars`` of ``tests``. Prompts become templates, vars become joined axes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.error import StorageError
from workbench.realpath import real_path
from workbench.template.importers.frontmatter import mapping
from workbench.template.importers.result import Draft, Imported, ImportFault, sections
from workbench.textio import read_text

_VARIABLE = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)")
_ENV = re.compile(r"\{\{-?\s*env\.\w+")
_KNOWN = {"description", "prompts", "tests", "defaultTest", "providers", "targets"}
_SEPARATOR = re.compile(r"^---[ \t]*\r?$", re.M)


def promptfoo(text: str, name: str = "imported", folder: Path | None = None) -> Iterator[Imported]:
    """One template per prompt of a ``promptfooconfig.yaml``. Files are read only from inside ``folder``."""
    data = mapping(text, name)
    prompts = data.get("prompts")
    if not prompts:
        raise ImportFault(f"{name}: no 'prompts'", hint="this is not a configuration of promptfoo")
    notes = _notes(data)
    found = list(_prompts(prompts if isinstance(prompts, list) else [prompts], folder, notes))
    defaults = data.get("defaultTest")
    shared = defaults.get("vars") if isinstance(defaults, dict) else None
    rows = _rows(data.get("tests"), notes)
    for number, (label, source) in enumerate(found):
        draft = Draft(f"{name}-{number + 1}" if len(found) > 1 else name)
        if label or data.get("description"):
            draft.header["title"] = str(label or data["description"])
        for note in notes:
            draft.note(note)
        body = _chat(source)
        _variables(body, shared if isinstance(shared, dict) else {}, rows, draft)
        yield draft.finish(body)


def _notes(data: dict[str, Any]) -> list[str]:
    notes: list[str] = []
    providers = data.get("providers") or data.get("targets")
    if providers:
        notes.append("providers are left out: choose a model in the run panel, or make it an axis")
    tests = data.get("tests")
    if isinstance(tests, list) and any(isinstance(test, dict) and test.get("assert") for test in tests):
        notes.append("assertions are left out")
    notes += [f"the key {key!r} is left out" for key in sorted(data.keys() - _KNOWN)]
    return notes


def _prompts(prompts: list[Any], folder: Path | None, notes: list[str]) -> Iterator[tuple[str, str]]:
    for prompt in prompts:
        label = ""
        if isinstance(prompt, dict):
            label = str(prompt.get("label") or prompt.get("id") or "")
            prompt = prompt.get("raw") or prompt.get("id") or ""
        source = str(prompt)
        if not source.startswith("file://"):
            yield label, source
            continue
        path = source.removeprefix("file://")
        if folder is None or path.endswith((".py", ".js", ".ts", ".mjs", ".cjs")) or "*" in path:
            notes.append(f"{source} is left out: a program or a pattern of names, or no folder is known")
            continue
        target = real_path(folder / path)
        if not target.is_relative_to(real_path(folder)):
            notes.append(f"{source} is left out: outside of the folder")
            continue
        try:
            content = read_text(target)
        except StorageError as error:
            notes.append(f"{source} is left out: {error.message}")
            continue
        parts = [content] if path.endswith(".json") else _SEPARATOR.split(content)
        for part in parts:
            yield label or Path(path).stem, part.strip("\r\n") + "\n"


def _chat(source: str) -> str:
    """A prompt in OpenAI's JSON form becomes sections."""
    try:
        data = json.loads(source)
    except (ValueError, RecursionError):
        return source
    if not isinstance(data, list) or not all(isinstance(item, dict) and "role" in item for item in data):
        return source
    roles = {"developer": "system"}
    return sections((roles.get(str(item["role"]), str(item["role"])), str(item.get("content", ""))) for item in data)


def _rows(tests: Any, notes: list[str]) -> list[dict[str, Any]]:
    if isinstance(tests, str):
        notes.append(f"the tests in {tests} are left out: use the file as an axis, @{Path(tests).name}")
    rows = [test.get("vars") for test in tests if isinstance(test, dict)] if isinstance(tests, list) else []
    return [row for row in rows if isinstance(row, dict)]


def _variables(body: str, shared: dict[str, Any], rows: list[dict[str, Any]], draft: Draft) -> None:
    if _ENV.search(body):
        draft.note("{{ env.NAME }} is not read from the environment: give it a value")
    names = [name for name in dict.fromkeys(_VARIABLE.findall(body)) if name != "env"]
    for name in names:
        draft.slot(name, default=_plain(name, shared.get(name), draft))
    common = [name for name in names if rows and all(name in row for row in rows)]
    if not common:
        if any(name in row for row in rows for name in names):
            draft.note("tests do not all set the same variables: their values are left out")
        return
    joined = [[_plain(name, row[name], draft, axis=True) for name in common] for row in rows]
    if len(common) == 1:
        draft.header["axis"] = [{"target": common[0], "values": [row[0] for row in joined]}]
    else:
        draft.header["axis"] = [{"target": f"({', '.join(common)})", "values": joined}]


def _plain(name: str, value: Any, draft: Draft, *, axis: bool = False) -> Any:
    """Texts and numbers as they are. A list is an axis there; here only when the user says so."""
    if isinstance(value, str) and value.startswith("file://"):
        draft.note(f"{name}: {value} is left out: give the text itself")
        return "" if axis else None
    if isinstance(value, list):
        draft.note(f"{name}: its list is no axis by itself, the first value is taken: write {name} = value, value")
        return _plain(name, value[0] if value else "", draft, axis=axis)
    if value is None or isinstance(value, str | int | float | bool):
        return "" if value is None and axis else value
    return json.dumps(value, ensure_ascii=False)
