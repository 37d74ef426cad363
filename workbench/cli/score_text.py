"""A scoring in the forms that people and other programs read. A rate always comes with its interval."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from workbench.compare.stats import mean_text
from workbench.display import display_line

if TYPE_CHECKING:
    from workbench.cli.out import Console
    from workbench.compare.check import CheckResult
    from workbench.compare.score import Scored, Summary
    from workbench.compare.stats import Rate

WORDS: Mapping[bool | None, str] = {True: "pass", False: "FAIL", None: "not made"}
# What XML 1.0 cannot hold.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(form: str, rows: Sequence[Scored], summary: Summary, title: str, console: Console) -> None:
    """One of the formats of ``workbench score`` to stdout."""
    match form:
        case "json":
            console.out.json(as_data(rows, summary), indent=2)
        case "csv":
            console.out.text(as_csv(rows))
        case "junit":
            console.out.text(as_junit(rows, title))
        case "md":
            console.out.text(as_markdown(rows, summary))
        case _:
            console.out.table(_run_table(rows))
            console.out.line("")
            console.out.table(_rate_table(summary))


def _run_table(rows: Sequence[Scored]) -> list[list[str]]:
    table = [["RUN", "CELL", "VERDICT", "SCORE", "CHECKS"]]
    for row in rows:
        verdict = WORDS[row.verdict.passed] + (f" (rated {row.rating})" if row.rating else "")
        table.append([row.run, _cell(row), verdict, f"{row.verdict.value:.2f}", _told(row.results)])
    return table


def _cell(row: Scored) -> str:
    return display_line(", ".join(f"{axis}={value}" for axis, value in row.cell.items()), 40)


def _told(results: Sequence[CheckResult]) -> str:
    """What failed and why, else how many passed."""
    bad = [f"{result.name}: {result.error or result.detail}" for result in results if not result.passed]
    return "; ".join(bad) if bad else f"{len(results)} of {len(results)}"


def _rate_table(summary: Summary) -> list[list[str]]:
    table = [["WHAT", "PASSED (95 %)"], ["all", str(summary.verdicts)]]
    table += [[f"check {name}", str(rate)] for name, rate in summary.checks.items()]
    for axis, values in summary.axes.items():
        table += [[f"{axis} = {value}", str(rate)] for value, rate in values.items()]
    if summary.value is not None:
        table.append(["score, mean ± sd", mean_text(summary.value, 2)])
    return table


def as_data(rows: Sequence[Scored], summary: Summary) -> dict[str, object]:
    """Everything, with the bounds of each rate."""
    from workbench.service.scoring import marks_of

    def rate(found: Rate) -> dict[str, object]:
        low, high = found.interval
        return {"passes": found.passes, "n": found.n, "unknown": found.unknown, "low": low, "high": high}

    return {
        "summary": {
            "all": rate(summary.verdicts),
            "checks": {name: rate(found) for name, found in summary.checks.items()},
            "axes": {
                axis: {value: rate(found) for value, found in values.items()} for axis, values in summary.axes.items()
            },
            "rated": summary.rated,
        },
        "runs": [data | {"cell": dict(row.cell)} for data, row in zip(marks_of(rows)["run"], rows, strict=True)],
    }


def as_csv(rows: Sequence[Scored]) -> str:
    """A line for each check of each run; for a run that is only rated one line without a check."""
    axes = list(dict.fromkeys(axis for row in rows for axis in row.cell))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", *axes, "verdict", "rating", "check", "passed", "score", "detail", "error"])
    for row in rows:
        head = [row.run, *(row.cell.get(axis, "") for axis in axes), WORDS[row.verdict.passed], row.rating or ""]
        for item in row.results:
            writer.writerow([*head, item.name, WORDS[item.passed], f"{item.score:.4f}", item.detail, item.error])
        if not row.results:
            writer.writerow([*head, "", "", "", "", ""])
    return out.getvalue()


def as_junit(rows: Sequence[Scored], title: str) -> str:
    """One test case for each check of each run. A rating goes before the checks and is one case of its own."""
    suite = Element("testsuite", name=_xml(title))
    failures = errors = tests = 0
    for row in rows:
        place = _xml(_cell(row) or row.run)
        if row.rating:
            tests += 1
            case = SubElement(suite, "testcase", classname=place, name=_xml(f"{row.run} rating"))
            if not row.verdict.passed:
                failures += 1
                SubElement(case, "failure", message=f"rated {row.rating} of 5")
            continue
        for item in row.results:
            tests += 1
            case = SubElement(suite, "testcase", classname=place, name=_xml(f"{row.run} {item.name}"))
            if item.passed is None:
                errors += 1
                SubElement(case, "error", message=_xml(item.error))
            elif not item.passed:
                failures += 1
                SubElement(case, "failure", message=_xml(item.detail))
    for name, count in (("tests", tests), ("failures", failures), ("errors", errors)):
        suite.set(name, str(count))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def as_markdown(rows: Sequence[Scored], summary: Summary) -> str:
    tables = (_run_table(rows), _rate_table(summary))
    return "\n\n".join(_markdown(table) for table in tables) + "\n"


def _markdown(table: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(re.sub(r"([\\|`*_<>\[\]])", r"\\\1", display_line(cell)) for cell in cells) + " |"

    head, *rest = table
    return "\n".join([line([cell.lower() for cell in head]), "|" + "---|" * len(head), *map(line, rest)])
