"""What a search gives: a run with its session's title and an excerpt, as the lists show it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.session.index_text import Snippet
from workbench.session.info import RunInfo, Session, token_rate

_NOTHING = Snippet()
# The columns of a hit; the first is the row's number.
HIT_COLUMNS = (
    "entry.number, entry.dir, session.id, session.title, session.tags, session.unsaved, session.newer, "
    "session.problem, session.created, entry.run, entry.created, entry.template, entry.model, entry.engine, "
    "entry.status, entry.tokens_out, entry.ms_first, entry.ms_total, entry.rating, entry.star, "
    "entry.first_words, entry.member, entry.pane, entry.parent, entry.problem, entry.edited"
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A run that was found, or a session without runs (``run_id`` empty). Times are ISO in UTC; ``dir`` is the
    session's folder, ``created`` the run's time. Texts are foreign: display them.
    """

    dir: Path
    session_id: str
    title: str
    created: str
    tags: tuple[str, ...] = ()
    run_id: str = ""
    template: str = ""
    model: str = ""
    engine: str = ""
    status: str = ""
    tokens_out: int = 0
    ms_first: int = 0
    ms_total: int = 0
    rating: int = 0
    star: bool = False
    first_words: str = ""
    group: str = ""
    pane: int = 0
    parent: str = ""
    problem: str = ""
    edited: bool = False
    unsaved: bool = False
    newer: bool = False
    session_created: str = ""
    snippet: Snippet = _NOTHING

    @property
    def tokens_per_second(self) -> float:
        """Speed after the first token; 0 if unknown."""
        return token_rate(self.tokens_out, self.ms_first, self.ms_total)


def hit_of_row(row: Sequence[Any], excerpt: Snippet = _NOTHING) -> Hit:
    """From a row of ``HIT_COLUMNS``."""
    _, folder, session_id, title, tags, unsaved, newer, session_problem, session_created, run, created, *rest = row
    template, model, engine, status, tokens, first, total, rating, star, words, group, pane, parent, problem, edited = (
        rest
    )
    return Hit(
        dir=Path(os.fsdecode(folder)),
        session_id=session_id,
        title=title,
        created=created,
        tags=tuple(json.loads(tags)),
        run_id=run,
        template=template,
        model=model,
        engine=engine,
        status=status,
        tokens_out=tokens,
        ms_first=first,
        ms_total=total,
        rating=rating,
        star=bool(star),
        first_words=words,
        group=group,
        pane=pane,
        parent=parent,
        problem=problem or session_problem,
        edited=bool(edited),
        unsaved=bool(unsaved),
        newer=bool(newer),
        session_created=session_created,
        snippet=excerpt,
    )


def hit_of(session: Session, info: RunInfo | None) -> Hit:
    """The hit that a search would give for a run, without an excerpt; None: a session without runs."""
    hit = Hit(
        dir=session.dir,
        session_id=session.id,
        title=session.title,
        created=session.created,
        tags=session.tags,
        problem=session.problem,
        unsaved=session.unsaved,
        newer=session.newer,
        session_created=session.created,
    )
    if info is None:
        return hit
    names = ("template", "model", "engine", "status", "tokens_out", "ms_first", "ms_total", "rating", "star")
    more = ("first_words", "group", "pane", "parent", "edited")
    known = {name: getattr(info, name) for name in (*names, *more)}
    return replace(hit, run_id=info.id, created=info.created, problem=info.problem or session.problem, **known)
