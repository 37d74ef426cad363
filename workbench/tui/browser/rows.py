"""The browser's rows, made of what the index found: sessions, and under an open one its runs, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from workbench.display import counted
from workbench.session.index import Hit
from workbench.session.info import badges
from workbench.tui.browsing import SIGNS
from workbench.tui.listview import Row
from workbench.tui.numbers import when

LEGEND = "= finished  # stopped  ! failed  ? interrupted  > going on"
SHORT_LEGEND = "= done # stopped ! failed ? cut > live"


# The columns with their widths in cells; 0 takes the rest.
HEADS = {"  answer": 0, "template": 11, "model": 13, "tok": 5, "tok/s": 5}
# Beside the preview, which names the template.
SIDE_HEADS = {"  answer": 0, "model": 15, "tok": 5, "tok/s": 5}


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
    sessions: Sequence[Found],
    opened: Collection[str],
    marked: Collection[str],
    *,
    all_open: bool = False,
    templates: bool = True,
) -> list[Row]:
    """The list in the columns of ``HEADS``, or without ``templates`` of ``SIDE_HEADS``."""
    rows: list[Row] = []
    for session in sessions:
        is_open = all_open or session.key in opened
        rows.append(_session_row(session, is_open))
        if is_open:
            rows += [_run_row(hit, marked, templates=templates) for hit in session.runs]
    return rows


def _session_row(session: Found, is_open: bool) -> Row:
    head = session.head
    tags = "".join(f" #{tag}" for tag in head.tags)
    # The list is in the order of the newest runs, so that is the time to show.
    newest = session.runs[0].created if session.runs else head.session_created or head.created
    flags = badges(unsaved=head.unsaved, newer=head.newer, damaged=bool(head.problem and not head.run_id))
    title = f"{'v' if is_open else '>'} {when(newest)} {flags}{head.title}{tags}"
    count, live = len(session.runs), sum(hit.status == "running" for hit in session.runs)
    told = counted(count, "run") + (f", {live} live" if live else "")
    return Row(session.key, (title, told), muted=not count, heading=True)


def _run_row(hit: Hit, marked: Collection[str], *, templates: bool) -> Row:
    key = run_key(hit)
    sign = "+" if key in marked else " "
    stars = ("*" if hit.star else "") + (f"{hit.rating}/5 " if hit.rating else "")
    excerpt = " ".join(hit.snippet.text.split()) if hit.snippet.text else hit.first_words
    # A verification has the text of its original: what it came of tells them apart.
    told = ("«again» " if hit.parent else "") + ("«edited» " if hit.edited else "")
    words = told + (excerpt or hit.problem or hit.status)
    speed = f"{hit.tokens_per_second:.1f}" if hit.tokens_per_second else ""
    named = (_short(hit.template),) if templates else ()
    answer = f" {sign}{SIGNS.get(hit.status, '?')} {stars}{words}"
    return Row(
        key,
        (answer, *named, hit.model, str(hit.tokens_out or ""), speed),
        muted=hit.status in ("error", "interrupted"),
    )


def _short(template: str) -> str:
    return template.rpartition("/")[2].removesuffix(".j2")
