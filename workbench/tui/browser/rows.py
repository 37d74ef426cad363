"""The browser's rows, made of what the index found: sessions, and under an open one its runs, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from workbench.display import counted
from workbench.session.index import Hit
from workbench.tui.browsing import SIGNS
from workbench.tui.listview import Row
from workbench.tui.numbers import when

LEGEND = "= finished  # stopped  ! failed  ? interrupted  > going on"
SHORT_LEGEND = "= done # stopped ! failed ? cut > live"


@dataclass
class Found:
    """A session with its runs, in the order they were found."""

    head: Hit
    runs: list[Hit] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"s:{self.head.dir}"


def grouped(hits: Sequence[Hit]) -> list[Found]:
    """Sessions in the order of their first hit."""
    found: dict[str, Found] = {}
    for hit in hits:
        session = found.setdefault(str(hit.dir), Found(hit))
        if hit.run_id:
            session.runs.append(hit)
    return list(found.values())


def run_key(hit: Hit) -> str:
    return f"r:{hit.dir}:{hit.run_id}"


def rows_of(
    sessions: Sequence[Found], opened: Collection[str], marked: Collection[str], *, all_open: bool = False
) -> list[Row]:
    """The list: four columns, the title or first words, the model, tokens, tokens per second."""
    rows: list[Row] = []
    for session in sessions:
        is_open = all_open or session.key in opened
        rows.append(_session_row(session, is_open))
        if is_open:
            rows += [_run_row(hit, marked) for hit in session.runs]
    return rows


def _session_row(session: Found, is_open: bool) -> Row:
    head = session.head
    tags = "".join(f" #{tag}" for tag in head.tags)
    title = f"{'v' if is_open else '>'} {when(head.session_created or head.created)} {head.title}{tags}"
    count = len(session.runs)
    return Row(session.key, (title, counted(count, "run"), "", ""), muted=not count)


def _run_row(hit: Hit, marked: Collection[str]) -> Row:
    key = run_key(hit)
    sign = "+" if key in marked else " "
    stars = ("*" if hit.star else "") + (f"{hit.rating}/5 " if hit.rating else "")
    excerpt = " ".join(hit.snippet.text.split()) if hit.snippet.text else hit.first_words
    words = excerpt or hit.problem or hit.status
    speed = f"{hit.tokens_per_second:.1f}" if hit.tokens_per_second else ""
    return Row(
        key,
        (f" {sign}{SIGNS.get(hit.status, '?')} {stars}{words}", hit.model, str(hit.tokens_out or ""), speed),
        muted=hit.status in ("error", "interrupted"),
    )
