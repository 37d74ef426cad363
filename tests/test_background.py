"""Work behind a screen: it is carried on, and what an ending screen never starts is no noise."""

from __future__ import annotations

import gc
import weakref

import pytest
from textual.app import App

from workbench.tui.background import carry_on


class _Done(list[str]):
    async def note(self, word: str) -> None:
        self.append(word)


async def test_work_is_carried_on() -> None:
    done, app = _Done(), App[None]()
    async with app.run_test() as pilot:
        carry_on(app, done.note("one"), group="work")
        await pilot.pause()
        await app.workers.wait_for_complete()
    assert done == ["one"]


async def test_work_that_was_never_started_is_closed_in_silence(recwarn: pytest.WarningsRecorder) -> None:
    done, app = _Done(), App[None]()
    async with app.run_test():
        work = done.note("one")
        kept = weakref.ref(work)
        carry_on(app, work, group="work")
        del work
        app.workers.cancel_all()
    del app
    gc.collect()
    assert done == []
    assert kept() is None
    assert [str(warning.message) for warning in recwarn] == []
