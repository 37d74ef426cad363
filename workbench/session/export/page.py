"""``html``: a page that stands by itself: no script, nothing from elsewhere, light or dark as the reader's system is.

Every text is made visible and escaped; the page's policy forbids scripts, images and requests, and names its one style
by hash, so that even text that broke out could do nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator
from itertools import chain
from typing import Any

from workbench import __version__
from workbench.session.export.item import ExportOptions, ExportRun, facts, heading, messages_of, shown

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --soft: #57606a; --line: #d0d7de; --box: #f6f8fa }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9da7b3; --line: #30363d; --box: #161b22 }
}
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem }
article { border-top: 1px solid var(--line); margin-top: 2rem }
pre { background: var(--box); border: 1px solid var(--line); border-radius: 6px; padding: .75rem;
  white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.5 ui-monospace, monospace }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; font-size: 14px }
dt, footer { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_UNITS = {"ms_load": "Load (ms)", "ms_first": "First token (ms)", "ms_total": "Total (ms)"}


def write(runs: Iterator[ExportRun], _options: ExportOptions) -> Iterator[str]:
    first = next(runs, None)
    title = _text(first.session.title) if first else "No runs"
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
    if first is not None:
        if first.session.note:
            yield _block("Note", first.session.note)
        for run in chain([first], runs):
            yield _run(run)
    yield f"<footer>prompt-workbench {_text(__version__)}</footer>\n</body>\n</html>\n"


def _text(text: str) -> str:
    return html.escape(shown(text), quote=True)


def _block(label: str, text: str) -> str:
    # A line feed right behind <pre> would be swallowed.
    return f"<h3>{_text(label)}</h3>\n<pre>\n{_text(text)}</pre>\n"


def _run(run: ExportRun) -> str:
    known = facts(run)
    params = known.pop("params", {})
    parts = [f'<article id="run-{_text(run.id)}">\n<h2>{_text(heading(run))}</h2>\n']
    if run.note:
        parts.append(_block("Note", run.note))
    parts += [_block(f"Prompt ({item.role})", item.content) for item in messages_of(run.record.request.prompt)]
    parts.append(_block("Output", run.record.result.text))
    if run.record.result.reasoning:
        parts.append(_block("Reasoning", run.record.result.reasoning))
    parts.append(f"<h3>Run</h3>\n{_list(known)}<h3>Parameters</h3>\n{_list(params)}</article>\n")
    return "".join(parts)


def _list(values: dict[str, Any]) -> str:
    rows = [f"<dt>{_text(_UNITS.get(key, key))}</dt><dd>{_text(_value(value))}</dd>" for key, value in values.items()]
    return "<dl>\n" + "\n".join(rows) + "\n</dl>\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
