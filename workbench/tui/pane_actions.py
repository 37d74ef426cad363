"""What the commands of the panes do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from workbench.tui.pane_blind import PaneBlind
from workbench.tui.pane_choice import PaneChoice
from workbench.tui.pane_compare import PaneCompare
from workbench.tui.panes import MOST

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp


def pane_actions(app: WorkbenchApp) -> Mapping[str, Callable[[], object]]:
    """Commands by their ids."""
    main, panes = app.main, app.main.panes
    blind, choice, compare = PaneBlind(main), PaneChoice(main), PaneCompare(main)
    return {
        "pane_into": choice.ask,
        "pane_next": partial(panes.step, 1),
        **{f"pane_{number}": partial(panes.go_to, number) for number in range(1, MOST + 1)},
        "pane_add": panes.add,
        "pane_remove": panes.remove,
        "pane_zoom": panes.zoom,
        "pane_stop": main.running.stop_pane,
        "pane_together": panes.toggle_together,
        "pane_version": choice.ask_version,
        "pane_pin": panes.pin,
        "pane_diff": compare.difference,
        "pane_all": compare.all,
        "pane_blind": blind.begin,
        "pane_ranking": blind.ranking,
        **{f"blind_{label}": partial(blind.choose, label) for label in "abcdef"},
        "blind_tie": blind.tie,
        "blind_bad": blind.bad,
        "blind_reveal": blind.reveal,
    }
