"""Patterns beside dynamicprompts, and real files as prompts: ``python -m bench.patterns [FOLDER...]``.

Prints times and ratios measured side by side in one run, and how many of about 1,000 real files the pattern reader
would change, with the reason. The files come from the standard library, the installed packages and the folders that
are named; nothing of theirs is kept.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from workbench.template.choice import Context, choose, count
from workbench.template.scan import parse_body
from workbench.template.tree import Tree

SUFFIXES = (
    ".py", ".md", ".rst", ".txt", ".json", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".sh", ".tex", ".html", ".css",
    ".js", ".ts", ".c", ".h", ".cpp", ".rs", ".go", ".java", ".csv", ".xml", ".sql", ".pyi", ".jinja", ".j2", ".svg",
)  # fmt: skip
PER_SUFFIX = 120
LARGEST = 200_000


def best(action: Callable[[], object], times: int = 3) -> float:
    """The shortest of some runs, in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        found.append(time.perf_counter() - start)
    return min(found)


def template(groups: int) -> str:
    """About 43 bytes per group."""
    return "".join(f"some words {{red{n}|green{n}|blue}} and more, " for n in range(groups))


def speed() -> None:
    print(f"{'template':<28}{'here':>12}{'dynamicprompts':>18}{'ratio':>10}")
    for groups in (100, 1000):
        source = template(groups)
        ours = best(lambda source=source: count(parse_body(source)))  # type: ignore[misc]
        theirs = _dynamicprompts(source)
        name = f"{len(source):,} bytes, {groups} groups"
        print(f"{name:<28}{ours * 1e3:>9.1f} ms{theirs * 1e3:>15.1f} ms{theirs / ours:>9.0f}x")
    for name, source in (
        ("10,000 options", "{" + "|".join(f"option{n}" for n in range(10_000)) + "}"),
        ("5,000 lines, 1,000 groups", "a line of text\n" * 4000 + "a {b|c} line\n" * 1000),
        ("20,000 x {a|", "{a|" * 20_000),
        ('20,000 x {"a": ', '{"a": ' * 20_000),
    ):
        print(f"{name:<28}{best(lambda source=source: count(parse_body(source))) * 1e3:>9.1f} ms")  # type: ignore[misc]
    tree = parse_body(" ".join("{" + "|".join("abcdefghij") + "}" for _ in range(30)))
    context = Context()
    count(tree, context)
    seconds = best(lambda: choose(tree, index=10**30 - 1, ctx=context))
    print(f"{'one of 10^30 prompts':<28}{seconds * 1e3:>9.2f} ms")


def _dynamicprompts(source: str) -> float:
    """Seconds to one random prompt: it has no count, and its combinatorial mode recurses once per group."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dynamicprompts.generators import RandomPromptGenerator

        return best(lambda: list(RandomPromptGenerator().generate(source, 1)), 1)


def real_files(folders: list[Path]) -> Iterator[Path]:
    """Up to ``PER_SUFFIX`` files of each kind, in a fixed order."""
    for suffix in SUFFIXES:
        found = (path for folder in folders for path in sorted(folder.rglob(f"*{suffix}")) if path.is_file())
        yield from islice((path for path in found if path.stat().st_size <= LARGEST), PER_SUFFIX)


def safety(folders: list[Path]) -> None:
    seen: Counter[str] = Counter()
    jinja: Counter[str] = Counter()
    changed: list[tuple[Path, Tree]] = []
    for path in real_files(folders):
        try:
            source = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        seen[path.suffix] += 1
        tree = parse_body(source)
        jinja[path.suffix] += tree.has_jinja
        plain = parse_body(source, jinja=False)
        for reading in (tree, plain):
            if reading.groups and choose(reading).text != source:
                changed.append((path, reading))
                break
    print(f"\n{sum(seen.values())} real files as prompts: {len(changed)} changed by patterns")
    print("read:          " + ", ".join(f"{suffix} {number}" for suffix, number in seen.items()))
    print("Jinja's marks: " + ", ".join(f"{suffix} {number}" for suffix, number in jinja.items() if number))
    for path, tree in changed:
        for group in tree.groups[:3]:
            text = tree.source[group.start : group.end]
            print(f"  {path.name}:{tree.lines.place(group.start)[0]}: {text[:90]!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="more folders to take files from")
    given = parser.parse_args()
    paths = sysconfig.get_paths()
    speed()
    sys.stdout.flush()
    safety([*given.folders, Path(paths["stdlib"]), Path(paths["purelib"])])


if __name__ == "__main__":
    main()
