"""``workbench models get``: fetch a model of the catalog, of a list or from an address, checked."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models, near
from workbench.cli.interrupt import Interrupts
from workbench.cli.out import human_bytes
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench

_PHASES = {
    "wait": "waiting for another fetch of",
    "download": "fetching",
    "verify": "checking",
    "done": "fetched",
}


def configure(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", default="", help="catalog id, or the http(s) address of a GGUF file")
    add_models(parser)
    parser.option("--sha256", metavar="HEX", default="", help="of the file at the address; 'none' if it is not known")
    parser.option("--catalog", metavar="LIST", default="", help="a list in GPT4All's format, file or address")
    parser.option("--accept-terms", action="store_true", help="the model's own licence terms are accepted")
    parser.option("--if-missing", action="store_true", help="nothing to do when any usable model is here")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.engine.download import FetchProgress
    from workbench.service import open_workbench
    from workbench.workspace import user_data_dir

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    fetch, name = _fetcher(args)
    folder = Path(args.model_dirs[0]) if args.model_dirs else user_data_dir() / "models"
    if args.if_missing and _already_here(bench, console):
        return ExitCode.OK

    shown: set[str] = set()

    def progress(state: FetchProgress) -> None:
        if state.phase == "download" and not shown:
            shown.add(state.phase)
            console.talk.say(f"Fetching {name} ({human_bytes(state.total)}) into {folder}")
        console.talk.bar(f"{_PHASES[state.phase]} {name}", state.done, state.total)

    cancel = Event()
    with Interrupts() as interrupts:
        interrupts.listen(cancel.set)
        path = fetch(folder, on_progress=progress, cancel=cancel)
    console.talk.clear_bar()
    console.out.line(str(path))
    return ExitCode.OK


def _fetcher(args: argparse.Namespace) -> tuple[Callable[..., Path], str]:
    """What fetches the wanted model, and its name. Raises UsageError, NetworkError."""
    from workbench.engine.catalog import CATALOG
    from workbench.engine.catalog_file import find_listed, load_catalog
    from workbench.engine.download import fetch
    from workbench.engine.fetch_http import source_of
    from workbench.engine.fetch_url import fetch_url

    known = ", ".join(CATALOG)
    if not args.name:
        raise UsageError("which model?", hint=f"workbench models get NAME; there are: {known}")
    if args.catalog:
        source = find_listed(args.name, load_catalog(args.catalog)).source
        return partial(fetch_url, source), source.file
    if "://" in args.name:
        if not args.sha256:
            raise UsageError(
                "which sha256 must the file have?",
                hint="--sha256 HEX, as its page tells; --sha256 none fetches it unchecked.",
            )
        source = source_of(args.name, sha256="" if args.sha256 == "none" else args.sha256)
        return partial(fetch_url, source), source.file
    entry = CATALOG.get(args.name)
    if entry is None:
        hint = near(args.name, CATALOG) or f"There are: {known}"
        raise UsageError(f"no model {args.name!r} is known to fetch", hint=hint)
    return partial(fetch, entry, accept_terms=args.accept_terms), args.name


def _already_here(bench: Workbench, console: Console) -> bool:
    usable = [entry for entry in bench.models() if entry.engine]
    if usable:
        console.talk.say(f"There is a model already: {usable[0].path}")
    return bool(usable)
