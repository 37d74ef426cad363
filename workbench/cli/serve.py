"""``workbench serve``: the app in a browser, on this machine only, for whoever has the address with its token.

Every browser tab is an app of its own, as every terminal is; they share the workspace as two terminals do.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console

DEFAULT_PORT = 8000


def configure(parser: Parser) -> None:
    add_models(parser)
    parser.option("--port", metavar="N", default=str(DEFAULT_PORT), help="default: 8000; 0 takes a free one")
    parser.option("--host", metavar="ADDRESS", default="127.0.0.1", help="address to listen on; default: 127.0.0.1")
    parser.option("--public", action="store_true", help="allow an address that other machines reach; not encrypted")


def run(args: argparse.Namespace, console: Console) -> int:
    """Serves until Ctrl-C. Raises UsageError."""
    from workbench.config import is_loopback
    from workbench.service import open_workbench

    if not (args.port.isascii() and args.port.isdigit() and int(args.port) < 65536):
        raise UsageError(f"--port takes a number below 65536, not {args.port!r}")
    public = not is_loopback(args.host)
    if public and not args.public:
        raise UsageError(
            f"other machines reach {args.host}",
            hint="Stay on 127.0.0.1 and use 'ssh -L', or add --public if every machine that reaches it is yours.",
        )
    try:
        from workbench.cli.serve_web import serve
    except ImportError as error:
        hint = "pip install 'prompt-workbench[serve]'"
        raise UsageError(f"the browser's part is not installed ({error.name})", hint=hint) from error
    open_workbench(args.workspace)  # an error in the settings is told here, not in the browser
    if public:
        console.talk.error("Warning: nothing is encrypted. Whoever learns the address and its token uses this")
        console.talk.error("workspace, its models and its files as you do.")
    words = ["--workspace", args.workspace] if args.workspace else []
    for folder in args.model_dirs:
        words += ["--models", folder]

    def ready(address: str) -> None:
        console.out.line(address)
        console.talk.say("Open it in a browser. Ctrl-C ends it; text and runs are kept.")

    serve(words, args.host, int(args.port), ready)
    return ExitCode.OK
