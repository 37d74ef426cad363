"""Verify: run exactly the same again, and say whether the same text comes out.

The stored prompt bytes go to the engine, with the stored parameters and sizes, and the prompt cache cold: what an
earlier prompt left in a cache changes the last digits of the sums, and with them, sooner or later, a word. The template
is not used; whether it still renders to that prompt is told beside the verdict. Each verification is saved as a run
with its parent and no changes, so that drift over time can be seen.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from workbench.error import ExitCode, WorkbenchError
from workbench.event import Event, Failed, Finished, Piece, Repro, Started
from workbench.service.run import RunHandle, RunSpec
from workbench.service.verify_checks import Check, Drift, Preflight, observed, preflight
from workbench.service.verify_margin import Margin, margin
from workbench.session.heads import session_heads

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.service.plan import RunPlan
    from workbench.session.info import Session
    from workbench.template.document import TemplateDocument

__all__ = ["Check", "Difference", "Drift", "Preflight", "Verification", "Verifier", "preflight", "verify_session"]

Verdict = Literal["identical", "differs", "cannot"]
_SHOWN = 200
_BEFORE = 80


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two texts part: at this piece, whose first character is at ``char``. ``before`` is the end of the text
    that both have, ``recorded`` and ``now`` how each goes on. ``margin``: the two tokens there with their
    probabilities, None when the engine gives none.
    """

    piece: int
    char: int
    before: str
    recorded: str
    now: str
    margin: Margin | None = None


@dataclass(frozen=True)
class Verification:
    """The verdict on one run. ``reason`` is one sentence; ``verify_id`` is the run that was made, empty if none."""

    run_id: str
    verdict: Verdict
    reason: str
    repro: Repro
    checks: tuple[Check, ...] = ()
    drift: Drift = field(default_factory=Drift)
    difference: Difference | None = None
    verify_id: str = ""
    hint: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """0 identical, 1 differs, 2 cannot run."""
        codes = {"identical": ExitCode.OK, "differs": ExitCode.DIFFERS, "cannot": ExitCode.USAGE}
        return codes[self.verdict]


class Verifier:
    """One verification. ``run`` once; ``cancel`` at any time. ``before`` is known once the pre-flight list is."""

    def __init__(self, bench: Workbench, session: Session, run_id: str, *, save: bool = True) -> None:
        self._bench, self._session, self._run_id, self._save = bench, session, run_id, save
        self._handle: RunHandle | None = None
        self._cancelled = False
        self._started: Started | None = None
        self._pieces: list[str] = []
        self.before: Preflight | None = None

    async def cancel(self) -> None:
        self._cancelled = True
        if self._handle is not None:
            await self._handle.cancel()

    async def run(self, on_event: Callable[[Event, RunHandle], None] = lambda _event, _handle: None) -> Verification:
        """The verdict. ``on_event`` gets each event of the new run, after it was recorded.

        Raises StorageError when there is no such run; everything else is a verdict.
        """
        before = self.before = await asyncio.to_thread(preflight, self._bench, self._session, self._run_id)
        plan = before.plan
        if plan is None or self._cancelled:
            return self._cannot(before.problem or "it was stopped", before.hint)
        spec = RunSpec(_document(before), session=self._session, save=self._save)
        handle = self._handle = RunHandle(self._bench, spec, lambda: plan)
        last: Finished | Failed | None = None
        try:
            async for event in handle.events():
                if isinstance(event, Started):
                    self._started = event
                elif isinstance(event, Piece):
                    self._pieces.append(event.text)
                    await self._enough(handle, before)
                elif isinstance(event, Finished | Failed):
                    last = event
                handle.flush()
                on_event(event, handle)
        except WorkbenchError as error:
            return self._cannot(error.message, error.hint)
        return await self._with_margin(self._judge(last), plan)

    async def _with_margin(self, found: Verification, plan: RunPlan) -> Verification:
        """How likely the two continuations were, when the engine can tell."""
        parted = found.difference
        if parted is None or self._cancelled:
            return found
        text = "".join(self._pieces)[: parted.char]
        value = await margin(self._bench, plan, text, parted.recorded, parted.now)
        return replace(found, difference=replace(parted, margin=value))

    async def _enough(self, handle: RunHandle, before: Preflight) -> None:
        """Of a run that was cut short only the beginning is known: stop where it stopped."""
        if before.partial and sum(map(len, self._pieces)) >= len(before.expected):
            await handle.cancel()

    def _judge(self, last: Finished | Failed | None) -> Verification:
        before, text = self.before, "".join(self._pieces)
        assert before is not None
        if isinstance(last, Failed):
            return self._cannot(f"the engine failed: {last.message}", last.hint)
        partial = before.partial and len(text) >= len(before.expected)
        if self._cancelled and not partial:
            return self._cannot("it was stopped")
        if self._started is not None and before.plan is not None:
            checks = observed(before.plan, before.record.request, self._started, before.checks)
        else:
            checks = before.checks
        same = text.startswith(before.expected) if partial else text == before.expected
        if same:
            reason = f"all {len(self._pieces)} pieces are the same"
            if partial:
                reason = f"the same up to where it was cut short ({before.record.result.status})"
            return self._verdict("identical", reason, checks)
        difference = part(before.expected, text, self._pieces, cut=partial)
        return self._verdict("differs", self._why(difference, checks), checks, difference)

    def _why(self, difference: Difference, checks: tuple[Check, ...]) -> str:
        assert self.before is not None
        causes = ", ".join(check.name for check in checks if check.state == "differs")
        where = f"the same until piece {difference.piece}"
        if causes:
            return f"{where}; what differs: {causes}"
        if self.before.repro == "likely":
            return f"{where}; it ran with a warm prompt cache or on a device that does not repeat exactly"
        return where

    def _verdict(
        self, verdict: Verdict, reason: str, checks: tuple[Check, ...], difference: Difference | None = None
    ) -> Verification:
        assert self.before is not None
        saved = self._handle.run_id if self._handle is not None and self._save else ""
        return Verification(
            self._run_id, verdict, reason, self.before.repro, checks, self.before.drift, difference, saved
        )

    def _cannot(self, reason: str, hint: str = "") -> Verification:
        before = self.before
        assert before is not None
        saved = self._handle.run_id if self._handle is not None and self._handle.result and self._save else ""
        return Verification(
            self._run_id, "cannot", reason, before.repro, before.checks, before.drift, verify_id=saved, hint=hint
        )


def part(recorded: str, now: str, pieces: list[str], *, cut: bool = False) -> Difference:
    """Where two different texts part, by the pieces of ``now``. With ``cut`` no more of ``now`` is shown than that."""
    if cut:
        now = now[: max(len(recorded), 1)]
    char = _same(recorded, now)
    edges = [0, *accumulate(map(len, pieces))]
    piece = max(0, bisect_right(edges, char) - 1)
    start = min(edges[piece], char)
    return Difference(
        piece=piece,
        char=start,
        before=recorded[max(0, start - _BEFORE) : start],
        recorded=recorded[start : start + _SHOWN],
        now=now[start : start + _SHOWN],
    )


def _same(left: str, right: str) -> int:
    """How many characters two texts have in common at their begin."""
    return next(
        (place for place, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )


def verifiable(session: Session) -> list[str]:
    """The runs of a session, oldest first, without those that are themselves repetitions of another."""
    found = [head for head in session_heads(session.dir) if not head.repeats]
    return [head.id for head in sorted(found, key=lambda head: (head.created, head.id))]


async def verify_session(
    bench: Workbench, session: Session, *, save: bool = True, on_begin: Callable[[int, int, str], None] | None = None
) -> AsyncIterator[Verification]:
    """Every run of a session, one after another. ``on_begin`` is told number (from 1), count and run id."""
    run_ids = await asyncio.to_thread(verifiable, session)
    for number, run_id in enumerate(run_ids, 1):
        if on_begin is not None:
            on_begin(number, len(run_ids), run_id)
        yield await Verifier(bench, session, run_id, save=save).run()


def _document(before: Preflight) -> TemplateDocument:
    """The stored template, for its title only; the prompt comes from the record."""
    from workbench.template.document import parse_document

    template = before.record.request.template
    try:
        return parse_document(template.source, path=template.path)
    except WorkbenchError:
        return parse_document("", path=template.path)
