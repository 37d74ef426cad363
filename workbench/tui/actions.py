"""What each command of the table does. Every feature gives its own part; together they cover the table exactly."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from workbench.session.playback import SEEK_MS, SEEK_SHARE
from workbench.tui.pane_actions import pane_actions
from workbench.tui.screens.browser import BrowserScreen
from workbench.tui.screens.grid import GridScreen
from workbench.tui.screens.grid_plan import GridPlanScreen
from workbench.tui.screens.player import PlayerScreen
from workbench.tui.screens.shelf import ShelfScreen

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

# What returns a coroutine is carried on in the background.
Action = Callable[[], object]


def actions(app: WorkbenchApp) -> dict[str, Action]:
    """All commands by their ids."""
    found: dict[str, Action] = {}
    for part in (_main, _areas, _prompts, _patterns, _browser, _player, _shelf, _grid, _home, pane_actions):
        found.update(part(app))
    return found


def _main(app: WorkbenchApp) -> Mapping[str, Action]:
    main = app.main
    return {
        "palette": app.action_command_palette,
        "tour": app.tour.toggle,
        "run": main.running.run,
        "stop": main.running.stop,
        "params": main.running.edit_params,
        "model": main.running.choose_model,
        "engine": main.running.next_engine,
        "new_run": main.running.new_session,
        "save": main.editing.save,
        "revert": main.editing.revert,
        "new_template": main.editing.new,
        "copy": app.copying.output,
        "copy_prompt": app.copying.prompt,
        "copy_menu": app.copying.menu,
        "copy_both": app.copying.both,
        "copy_markdown": app.copying.markdown,
        "copy_command": app.copying.command,
        "quit": app.ask_quit,
    }


def _areas(app: WorkbenchApp) -> Mapping[str, Action]:
    main = app.main
    shown = {f"area_{name}": partial(main.show_area, name) for name in ("lists", "edit", "preview", "output")}
    return {
        **shown,
        "next_area": main.next_area,
        "sessions": main.go_to_sessions,
        "templates": partial(main.show_area, "lists"),
        "slots": main.go_to_slots,
    }


def _prompts(app: WorkbenchApp) -> Mapping[str, Action]:
    editing = app.main.editing
    return {
        "prompt_next": lambda: editing.turn_to(editing.index + 1),
        "prompt_previous": lambda: editing.turn_to(editing.index - 1),
        "prompt_first": lambda: editing.turn_to(0),
        "prompt_last": lambda: editing.turn_to(-1),
        "prompt_random": lambda: editing.turn_to(secrets.randbelow(max(1, editing.count))),
        "prompt_number": editing.ask_number,
    }


def _patterns(app: WorkbenchApp) -> Mapping[str, Action]:
    patterns = app.main.patterns
    return {
        "turn": patterns.turn,
        "weight_up": partial(patterns.weigh, 0.1),
        "weight_down": partial(patterns.weigh, -0.1),
        "complete": patterns.complete,
    }


def _browser(app: WorkbenchApp) -> Mapping[str, Action]:
    def work(name: str) -> Action:
        def act() -> object:
            screen = app.screen
            return getattr(screen.work, name)() if isinstance(screen, BrowserScreen) else None

        return act

    names = {
        "filter": "focus_filter",
        "mark": "mark",
        "diff": "difference",
        "play": "play",
        "verify": "verify",
        "rerun": "rerun",
        "tree": "tree",
        "versions": "versions",
        "look": "look",
        "exact": "exact",
        "rename": "rename",
        "tag": "tag",
        "note": "note",
        "star": "star",
        "rate": "ask_rating",
        "delete": "delete",
        "undo": "undo",
        "move": "move",
        "merge": "merge",
        "copy": "duplicate",
        "export": "export",
    }
    return {"browse": app.browse, **{f"browse_{key}": work(name) for key, name in names.items()}}


def _player(app: WorkbenchApp) -> Mapping[str, Action]:
    def move(name: str, *values: float) -> Action:
        def act() -> None:
            if isinstance(app.screen, PlayerScreen):
                getattr(app.screen, name)(*values)

        return act

    return {
        "play_pause": move("toggle"),
        "play_back": move("seek", -SEEK_MS),
        "play_forward": move("seek", SEEK_MS),
        "play_far_back": move("share", -SEEK_SHARE),
        "play_far_forward": move("share", SEEK_SHARE),
        "play_step_back": move("step", -1),
        "play_step": move("step", 1),
        "play_marker_back": move("marker", -1),
        "play_marker": move("marker", 1),
        "play_slower": move("speed", -1),
        "play_faster": move("speed", 1),
        "play_idle": move("idle"),
        "play_home": move("ends", -1),
        "play_end": move("ends", 1),
    }


def _shelf(app: WorkbenchApp) -> Mapping[str, Action]:
    def work(name: str) -> Action:
        def act() -> object:
            screen = app.screen
            return getattr(screen.work, name)() if isinstance(screen, ShelfScreen) else None

        return act

    names = {
        "url": "address",
        **{name: name for name in ("get", "inspect", "verify", "rename", "move", "delete", "stop")},
    }
    return {**{f"shelf_{key}": work(name) for key, name in names.items()}, "shelf_read": work("read")}


# Commands of the grid's screen, and the methods of its work.
GRID_WORK = {
    "go": "go_on",
    "stop": "stop_after",
    "stop_now": "stop_now",
    "retry": "retry",
    "show": "next_mode",
    "show_what": "choose_mode",
    "swap": "swap",
    "pivot": "pivot",
    "fix": "fix",
    "value": "next_value",
    "value_back": "previous_value",
    "hide": "hide",
    "show_all": "show_all",
    "sort": "sort",
    "filter": "filter",
    "only": "only",
    "baseline": "baseline",
    "page": "page",
    "next": "next_cell",
    "previous": "previous_cell",
    "row": "row",
    "rates": "rates",
    "mark": "mark",
    "diff": "compare",
    "rate": "ask_rating",
    "star": "star",
    "note": "note",
    "export": "export",
    "wider": "wider",
    "narrower": "narrower",
}


def _grid(app: WorkbenchApp) -> Mapping[str, Action]:
    def work(name: str) -> Action:
        def act() -> object:
            screen = app.screen
            return getattr(screen.work, name)() if isinstance(screen, GridScreen) else None

        return act

    def start() -> object:
        return app.screen.start() if isinstance(app.screen, GridPlanScreen) else None

    made = {f"grid_{key}": work(name) for key, name in GRID_WORK.items()}
    return {"grid": app.grids.open, "grids": app.grids.list_saved, "plan_start": start, **made}


def _home(app: WorkbenchApp) -> Mapping[str, Action]:
    return app.home.actions()
