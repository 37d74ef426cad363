"""Writes ``docs/screen.svg``: the real app after a real run, exported by the app itself.

Run as ``python -m bench.screen``; needs a model, see ``workbench models get smollm2-135m``.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from workbench.service import open_workbench
from workbench.tui.app import WorkbenchApp
from workbench.workspace import init_workspace

SIZE = (120, 34)


async def picture() -> str:
    """One run of the first template with a fixed seed, as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        init_workspace(Path(folder) / "demo")
        app = WorkbenchApp(open_workbench(Path(folder) / "demo"))
        async with app.run_test(size=SIZE) as pilot:
            while not app.main.editing.rendered:
                await pilot.pause(0.05)
            app.main.running.params = {"seed": 7, "temperature": 0.4}
            await pilot.press("f5")
            while app.main.running.busy or not app.main.output.text:
                await pilot.pause(0.05)
            await pilot.pause(0.5)
            return app.export_screenshot(title="workbench")


def main() -> None:
    target = Path(__file__).resolve().parent.parent / "docs" / "screen.svg"
    target.write_text(asyncio.run(picture()), encoding="utf-8")
    print(f"wrote {target.name}")


if __name__ == "__main__":
    main()
