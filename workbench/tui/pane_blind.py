"""Judging without names: panes change places, titles and figures are hidden, one key votes, then the names are told."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.compare.blind import BAD, TIE, Round, blind_round, last_votes, votes_of
from workbench.compare.ranking import Vote, bradley_terry
from workbench.error import StorageError
from workbench.session.groups import list_groups
from workbench.session.ids import is_ulid
from workbench.session.info import Session
from workbench.session.marks import list_marks, rows, write_marks
from workbench.tui.screens.modal import Page

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.tui.screens.main import MainScreen


class PaneBlind:
    """One round at a time. The order is drawn from ``seed``, which is kept with the votes."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.seed = 0

    async def begin(self) -> None:
        """Hide the names and shuffle; before a run or after it."""
        panes = self.screen.panes
        if not panes.many:
            self.screen.say("There is one pane only. + adds another.")
            return
        if self.screen.running.busy:
            self.screen.say("A run is going on: hide the names before it, or after it.")
            return
        self.seed = secrets.randbelow(2**31)
        panes.blind = True
        panes.together = False
        panes.pinned = None
        order = blind_round([str(place) for place in range(len(panes.all))], seed=self.seed).order
        await panes.reorder(order)
        panes.go_to(1)

    def reveal(self) -> None:
        """Show the names again."""
        self.screen.panes.blind = False
        self.screen.panes.arrange()

    async def tie(self) -> None:
        await self._vote(TIE)

    async def bad(self) -> None:
        await self._vote(BAD)

    async def choose(self, letter: str) -> None:
        """The better one by its letter."""
        label = letter.upper()
        if label not in [self.screen.panes.label(pane) for pane in self.screen.panes.all]:
            self.screen.say(f"There is no {label}.")
            return
        await self._vote(label)

    async def _vote(self, choice: str) -> None:
        screen, panes = self.screen, self.screen.panes
        if not panes.blind:
            return
        session = panes.current.session
        runs = [pane.record.request.id if pane.record is not None else "" for pane in panes.all]
        if screen.running.busy or not all(runs) or session is None:
            screen.say("Not every pane has ended a run yet. F5 runs all, F6 stops them.")
            return
        labels, names = [panes.label(pane) for pane in panes.all], panes.names()
        # The panes stand in the shuffled order already.
        votes = Round("", tuple(runs), tuple(range(len(runs)))).vote(choice)
        called = dict(zip(runs, names, strict=True))
        table = [asdict(vote) | {"a_name": called[vote.a], "b_name": called[vote.b]} for vote in votes]
        data = {"seed": self.seed, "shown": runs, "choice": choice, "vote": table}
        self.reveal()
        told = "; ".join(f"{label} was {name}" for label, name in zip(labels, names, strict=True))
        try:
            await asyncio.to_thread(write_marks, session, "votes", data)
        except StorageError as error:
            screen.tell(error)
        else:
            screen.say(f"{'Chosen: ' + choice if choice in labels else choice}. {told}")

    async def ranking(self) -> None:
        """All votes of the session in one table."""
        session = self.screen.panes.current.session or self.screen.running.session
        if session is None:
            self.screen.say("There is no session yet. Open a run of one, or run something.")
            return
        text = await asyncio.to_thread(ranking_text, self.screen.bench, session)
        self.screen.app.push_screen(Page("Ranking by blind votes in this session", text))


def ranking_text(bench: Workbench, session: Session) -> str:
    """Who was better how often, best first. Blocking."""
    known = {run.id: f"{run.model} · {run.engine}" for run in bench.store.runs(session)}
    votes = [vote for vote in _named(session, known) if vote.a != vote.b]
    if not votes:
        return "Nobody has voted in this session. b hides the names of the panes; a letter votes."
    ranking = bradley_terry(votes)
    lines = []
    for rating in ranking.ratings:
        lines += [
            rating.item,
            f"   {rating.value:+.2f} ({rating.low:+.2f} to {rating.high:+.2f}), won {rating.wins}, "
            f"lost {rating.losses}, tied {rating.ties}, all bad {rating.bad}",
        ]
    lines += [
        "",
        f"{len(votes)} vote{'s' if len(votes) > 1 else ''} between two. Bradley-Terry, in logarithms of odds:",
    ]
    lines += ["0 is the average, a difference of 1 wins 73 times of 100; 95 % intervals."]
    lines += ["Where intervals overlap, nothing is told apart yet."]
    if ranking.prior:
        lines.append("Too few votes for a finite answer: each counts as having won and lost half a vote more.")
    return "\n".join(lines)


def _named(session: Session, known: Mapping[str, str]) -> Iterator[Vote]:
    """Every vote of the session and its groups, between names in place of runs."""
    files = list_marks(session, kind="votes")
    for group in list_groups(session):
        files += list_marks(session, group.id, kind="votes") if is_ulid(group.id) else []
    cast = [row for marks in sorted(files, key=lambda marks: marks.path.name) for row in rows(marks, "vote")]
    for row in last_votes(cast):
        for vote in votes_of([row]):
            yield Vote(_name(row, "a", vote.a, known), _name(row, "b", vote.b, known), vote.outcome)


def _name(row: Mapping[str, Any], side: str, run: str, known: Mapping[str, str]) -> str:
    name = row.get(f"{side}_name")
    return name if isinstance(name, str) and name else known.get(run, run)
