"""What came of what, versions of a run's template, and export, from the browser."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from workbench.display import counted
from workbench.error import StorageError, UsageError, WorkbenchError
from workbench.service.history import Version, version_diff, versions
from workbench.service.lineage import lineage
from workbench.session.export import FORMATS, export
from workbench.session.export.select import select
from workbench.session.index import Hit
from workbench.session.info import RunRecord, Session
from workbench.textio import atomic_write
from workbench.tui.background import carry_on
from workbench.tui.browser.work import BrowserWork
from workbench.tui.listview import Row
from workbench.tui.numbers import day_time
from workbench.tui.screens.difference import DifferenceScreen, inline_text
from workbench.tui.screens.modal import Choose


class BrowserRecords(BrowserWork):
    """Reads what runs keep beside their text."""

    @property
    def _bench(self) -> Any:
        return self.screen.bench

    async def _record(self) -> tuple[Session, Hit, RunRecord] | None:
        found = await self._run()
        if found is None:
            return None
        try:
            record: RunRecord = await asyncio.to_thread(self._store().open_run, found[0], found[1].run_id)
        except WorkbenchError as error:
            self.screen.say(str(error), error=True)
            return None
        return *found, record

    # -- lineage and versions --------------------------------------------------------------------------------

    async def tree(self) -> None:
        """What the run came from and what was made of it; Enter goes to a run."""
        found = await self._run()
        if found is None:
            return
        root = await asyncio.to_thread(lineage, self._store(), found[1].run_id)
        rows = []
        for depth, node in root.walk():
            what = "verified" if node.verifies else ", ".join(node.changed) or "first run"
            when = day_time(node.head.created) if node.head else "gone"
            rows.append(Row(node.run_id, ("  " * depth + what, when), muted=node.head is None))
        chosen: str | None = await self.screen.app.push_screen_wait(
            Choose("What came of what", rows, widths=(0, 16), start=found[1].run_id)
        )
        if chosen:
            self.show_run(chosen)

    def show_run(self, run_id: str) -> None:
        """Put the cursor on a run, its session unfolded."""
        screen = self.screen
        key, hit = next(((key, hit) for key, hit in screen.hits.items() if hit.run_id == run_id), ("", None))
        if hit is None:
            screen.say("That run is not in the list: take the filter away.")
            return
        screen.opened.add(f"s:{hit.dir}")
        screen.draw()
        screen.rows.move_to(key)

    async def known_versions(self, path: str) -> Sequence[Version]:
        """All versions of a template that were ever run, the last used first."""
        return await asyncio.to_thread(versions, self._store(), path)

    async def choose_version(self, path: str, start: str, known: Sequence[Version]) -> Version | None:
        """One of them, asked for; ``start`` is the hash of the one under the cursor at first."""
        rows = [
            Row(item.sha256, (item.sha256[:8], day_time(item.last_seen), counted(item.runs, "run"))) for item in known
        ]
        chosen: str | None = await self.screen.app.push_screen_wait(
            Choose(f"Versions of {path}", rows, widths=(8, 16, 0), start=start)
        )
        return next((item for item in known if item.sha256 == chosen), None)

    async def versions(self) -> None:
        """All versions of the run's template that were ever run: compare them, or take one into the editor."""
        found = await self._record()
        if found is None:
            return
        path = found[2].request.template.path
        known = await self.known_versions(path)
        version = await self.choose_version(path, found[2].request.template.sha256, known)
        if version is None:
            return
        app: Any = self.screen.app
        acts = {
            "editor": "take it into the editor",
            "file": "compare with the file",
            "before": "compare with the one before",
        }
        act = await app.push_screen_wait(Choose("And then", [Row(key, (text,)) for key, text in acts.items()]))
        if act == "editor":
            self.screen.dismiss(None)
            carry_on(app.main, app.main.editing.show_version(path, version.source), group="open")
        elif act:
            await self._compare_versions(path, version, known, with_file=act == "file")

    async def _compare_versions(
        self, path: str, version: Version, known: Sequence[Version], *, with_file: bool
    ) -> None:
        older = known[known.index(version) + 1 :]
        if with_file:
            try:
                source = (await asyncio.to_thread(self._bench.load_template, path)).source
            except WorkbenchError as error:
                self.screen.say(str(error), error=True)
                return
            pair = version, replace(version, source=source)
        elif older:
            pair = older[0], version
        else:
            self.screen.say("This is the first version that was run.")
            return
        text, marks = inline_text("", await asyncio.to_thread(version_diff, *pair))
        app: Any = self.screen.app
        await app.push_screen_wait(DifferenceScreen(text, marks, app.commands, title=f"Versions of {path}"))

    # -- export ----------------------------------------------------------------------------------------------

    async def export(self) -> None:
        """Write the session or run under the cursor to a file, in one of the formats."""
        session, hit = await self._session(), self.hit
        if session is None:
            return
        form: str | None = await self.screen.app.push_screen_wait(
            Choose("Export as", [Row(name, (name, item.summary)) for name, item in FORMATS.items()], widths=(10, 0))
        )
        if form is None:
            return
        name = f"{hit.run_id if hit else session.dir.name}.{FORMATS[form].ending}"
        target = await self._ask("File", str(Path.cwd() / name))
        if target:
            await self._do(partial(self._export, session, hit, form, Path(target).expanduser()), f"Written: {target}")

    def _export(self, session: Session, hit: Hit | None, form: str, target: Path) -> None:
        if target.exists():
            raise UsageError(f"{target} exists and is not replaced", hint="Choose another name.")
        if not target.parent.is_dir():
            raise StorageError(f"there is no folder {target.parent}")
        runs = select(self._store(), [(session, hit.run_id if hit else "")])
        atomic_write(target, "".join(export(runs, form)))
