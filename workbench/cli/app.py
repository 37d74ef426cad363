"""The bare ``workbench``: hands over to the full-screen app, if there is a terminal for it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models
from workbench.error import UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    add_models(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Raises UsageError where no app can be shown."""
    hint = "Use 'workbench run TEMPLATE' without a screen, or see 'workbench --help'."
    if os.environ.get("TEXTUAL_DRIVER", "").startswith("textual.drivers.web_driver"):
        return _open(args)  # in a browser: 'workbench serve' is the terminal
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the app needs a terminal for its input and its output", hint=hint)
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise UsageError(f"the app cannot be drawn on TERM={os.environ.get('TERM', '')!r}", hint=hint)
    return _open(args)


def _open(args: argparse.Namespace) -> int:
    from workbench.tui.app import run_app

    return int(run_app(args.workspace, model_dirs=args.model_dirs) or 0)
