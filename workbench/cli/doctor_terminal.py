"""What ``workbench doctor`` finds out about the terminal, tmux and the link to it; each finding with the next step.

Facts are gathered first (``look``), judged afterwards (``judge``): the judging needs no terminal. The terminal is asked
one question only, what it is (DA1), three times, because every terminal answers that; the time it takes is the link's
round trip.
"""

from __future__ import annotations

import locale
import os
import re
import select
import shutil
import statistics
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Grade = Literal["ok", "warn", "fail"]
SLOW_MS = 150
ASK_SECONDS = 1.0
TMUX_OPTIONS = ("escape-time", "set-clipboard", "mouse", "default-terminal", "focus-events")
_DA1 = re.compile(rb"\x1b\[\?([\d;]*)c")


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``next`` says what to do; empty when all is well."""

    topic: str
    grade: Grade
    text: str
    next: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known. ``size`` in cells; ``trips`` are round trips in ms, ``features`` the numbers of the DA1 answer,
    None when the terminal gave none; ``tmux`` holds the server's options.
    """

    environ: Mapping[str, str]
    on_terminal: bool = False
    size: tuple[int, int] = (0, 0)
    encoding: str = "UTF-8"
    mouse: bool = True
    trips: tuple[float, ...] = ()
    features: frozenset[int] | None = None
    tmux: Mapping[str, str] = field(default_factory=dict)


def look(*, mouse: bool) -> Facts:
    """Look at this process' terminal. Blocking, at most some three seconds."""
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    size = os.get_terminal_size() if on_terminal else os.terminal_size((0, 0))
    askable = on_terminal and os.environ.get("TERM", "") not in ("", "dumb")
    trips, features = ask(sys.stdin.fileno(), sys.stdout.fileno()) if askable else ((), None)
    encoding = locale.getpreferredencoding(False)
    tmux = tmux_options() if os.environ.get("TMUX") else {}
    return Facts(os.environ, on_terminal, (size.columns, size.lines), encoding, mouse, trips, features, tmux)


def ask(keyboard: int, screen: int, *, times: int = 3) -> tuple[tuple[float, ...], frozenset[int] | None]:
    """Round trips of ``times`` questions in ms, and what the terminal says it can; empty when it does not answer."""
    before = termios.tcgetattr(keyboard)
    trips: list[float] = []
    features: frozenset[int] | None = None
    try:
        tty.setcbreak(keyboard)
        for _ in range(times):
            begin = time.monotonic()
            os.write(screen, b"\x1b[c")
            match = _answer(keyboard)
            if match is None:
                break
            trips.append((time.monotonic() - begin) * 1000)
            features = frozenset(int(number) for number in match[1].split(b";") if number)
    finally:
        termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)
    return tuple(trips), features


def _answer(keyboard: int) -> re.Match[bytes] | None:
    received, end = b"", time.monotonic() + ASK_SECONDS
    while (left := end - time.monotonic()) > 0:
        if not select.select([keyboard], [], [], left)[0]:
            break
        piece = os.read(keyboard, 1024)
        if not piece:
            break
        received += piece
        if match := _DA1.search(received):
            return match
    return None


def tmux_options() -> dict[str, str]:
    """The options that matter, of the server this runs in; empty when it does not answer."""
    if not shutil.which("tmux"):
        return {}
    found: dict[str, str] = {}
    for name in TMUX_OPTIONS:
        try:
            done = subprocess.run(
                ("tmux", "show-options", "-gvA", name), capture_output=True, timeout=2, check=False, text=True
            )
        except (OSError, subprocess.SubprocessError):
            return found
        if done.returncode == 0:
            found[name] = done.stdout.strip()
    return found


def judge(facts: Facts) -> list[Finding]:
    """Findings, the terminal itself first."""
    findings = [_terminal(facts), _colours(facts), _locale(facts)]
    if facts.on_terminal:
        findings += [_mouse(facts), *_link(facts)]
    return [*findings, *_tmux(facts), _clipboard(facts)]


def _terminal(facts: Facts) -> Finding:
    term = facts.environ.get("TERM", "")
    if not facts.on_terminal:
        return Finding("terminal", "warn", "none here", "The app needs one; 'workbench run' does not.")
    if term in ("", "dumb"):
        return Finding("terminal", "warn", f"TERM={term!r} cannot draw the app", "Set TERM, e.g. xterm-256color.")
    columns, lines = facts.size
    text = f"{term}, {columns} x {lines}"
    if facts.environ.get("TMUX") and not term.startswith(("tmux", "screen")):
        hint = "In tmux it is tmux-256color: remove what sets TERM in your shell's start files."
        return Finding("terminal", "warn", f"{text}, but this is tmux", hint)
    if columns < 80 or lines < 24:
        return Finding("terminal", "warn", text, "The app is made for 80 x 24 and more; 60 x 16 can be used.")
    return Finding("terminal", "ok", text)


def _colours(facts: Facts) -> Finding:
    term = facts.environ.get("TERM", "")
    if facts.environ.get("NO_COLOR"):
        return Finding("colours", "ok", "greys only, as NO_COLOR asks")
    if facts.environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return Finding("colours", "ok", "16 million")
    if "256" in term:
        return Finding("colours", "ok", "256", "If your terminal can do more: COLORTERM=truecolor.")
    hint = "In ~/.tmux.conf: set -g default-terminal tmux-256color" if facts.tmux else "Try TERM=xterm-256color."
    return Finding("colours", "warn", f"perhaps 16 (TERM={term!r})", hint)


def _locale(facts: Facts) -> Finding:
    if facts.encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return Finding("locale", "ok", facts.encoding)
    hint = "Set LANG=C.UTF-8, or Japanese and emoji will not show."
    return Finding("locale", "warn", f"{facts.encoding} is not UTF-8", hint)


def _mouse(facts: Facts) -> Finding:
    if not facts.mouse:
        return Finding("mouse", "ok", "left to the terminal, as the setting says")
    if facts.tmux.get("mouse") == "off":
        return Finding("mouse", "ok", "tmux keeps it to itself", "To pass it on: set -g mouse on")
    return Finding("mouse", "ok", "used by the app; with Shift it selects", "mouse = false leaves it to the terminal.")


def _link(facts: Facts) -> list[Finding]:
    if facts.environ.get("TERM", "") in ("", "dumb"):
        return []
    if not facts.trips:
        hint = "Late answers are swallowed by the app. If keys go wrong, try TERM=xterm-256color."
        return [Finding("link", "warn", "the terminal does not say what it is within a second", hint)]
    trip = statistics.median(facts.trips)
    text = f"{trip:.0f} ms to the terminal and back"
    if trip >= SLOW_MS:
        hint = 'theme = "workbench-ansi" and ssh -C send less; panes one above the other: docs/terminal.md'
        return [Finding("link", "warn", text, hint)]
    return [Finding("link", "ok", text)]


def _tmux(facts: Facts) -> list[Finding]:
    if not facts.environ.get("TMUX"):
        return []
    if not facts.tmux:
        return [Finding("tmux", "warn", "it does not answer", "Is tmux in PATH here?")]
    wait = facts.tmux.get("escape-time", "")
    if wait.isdigit() and int(wait) > 100:
        hint = "In ~/.tmux.conf: set -sg escape-time 10"
        return [Finding("tmux", "warn", f"every Escape is held for {wait} ms", hint)]
    return [Finding("tmux", "ok", f"escape-time {wait or '?'} ms")]


def _clipboard(facts: Facts) -> Finding:
    environ = facts.environ
    where = "over SSH, " if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY") else ""
    if environ.get("STY"):
        return Finding("clipboard", "warn", f"{where}GNU screen drops OSC 52", "Use tmux, or copy by mouse.")
    if environ.get("TMUX"):
        kind = facts.tmux.get("set-clipboard", "")
        if kind in ("on", "external"):
            return Finding("clipboard", "ok", f"{where}OSC 52 through tmux (set-clipboard {kind})")
        hint = "tmux passes it on with: set -g set-clipboard on"
        return Finding("clipboard", "warn", f"{where}OSC 52 through tmux (set-clipboard {kind or 'unknown'})", hint)
    if facts.features is not None and 52 in facts.features:
        return Finding("clipboard", "ok", f"{where}OSC 52, which the terminal says it takes")
    return Finding("clipboard", "ok", f"{where}OSC 52: the terminal itself, if it allows it")
