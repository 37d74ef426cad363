"""Checks of outputs, those included that need more than the text: variables of the run, files, code, a judge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.compare.check import (
    CheckResult,
    CheckSpec,
    Subject,
    bound,
    judged,
    parse_checks,
    run_check,
    score,
    unmade,
)
from workbench.compare.check_json import schema_of
from workbench.compare.check_parse import checked, distinct
from workbench.compare.keys import cell_key, run_key
from workbench.compare.score import Scored
from workbench.error import StorageError, WorkbenchError
from workbench.record import MissingText, missing_texts, sha256_text

if TYPE_CHECKING:
    from workbench.record import RunRequest, RunResult
    from workbench.service import Workbench
    from workbench.session.info import RunInfo, RunRecord


class Scorer:
    """Makes checks for one workbench. ``trust`` says yes, once and for good, to the files that python checks name."""

    def __init__(self, bench: Workbench, *, trust: bool = False) -> None:
        self._bench = bench
        self._trust = trust

    def refuse_unmakeable(self, spec: CheckSpec, subject: Subject) -> None:
        """Raises WorkbenchError for a check that could not be made of any output of this prompt. Blocking."""
        if spec.kind == "python":
            from workbench.service.check_python import trusted_code

            trusted_code(self._bench.workspace, spec, allow=self._trust)
            return
        filled = self._filled(spec, subject)
        if filled.kind == "json-schema":
            checked(replace(filled, value=schema_of(filled.value)))

    async def check(self, specs: Sequence[CheckSpec], subject: Subject) -> tuple[CheckResult, ...]:
        """All checks of one output, in order. Never raises on content: what could not be made says so."""
        return (await self.check_all(specs, [subject]))[0]

    async def check_all(self, specs: Sequence[CheckSpec], subjects: Sequence[Subject]) -> list[tuple[CheckResult, ...]]:
        """The same for many outputs: a function of a file gets them all at once."""
        columns = [await self._column(spec, subjects) for spec in specs]
        return [tuple(column[place] for column in columns) for place in range(len(subjects))]

    async def _column(self, spec: CheckSpec, subjects: Sequence[Subject]) -> list[CheckResult]:
        if spec.kind == "judge":
            return [await self._judge(spec, subject) for subject in subjects]
        return await asyncio.to_thread(self._blocking, spec, subjects)

    def _blocking(self, spec: CheckSpec, subjects: Sequence[Subject]) -> list[CheckResult]:
        if spec.kind == "python":
            from workbench.service.check_python import check_python

            try:
                return check_python(self._bench.workspace, spec, subjects, allow=self._trust)
            except WorkbenchError as error:
                return [unmade(spec, f"{error.message}. {error.hint}".strip()) for _ in subjects]
        return [self._one(spec, subject) for subject in subjects]

    def _one(self, spec: CheckSpec, subject: Subject) -> CheckResult:
        try:
            return run_check(self._filled(spec, subject), subject)
        except WorkbenchError as error:
            return unmade(spec, error.message)

    async def _judge(self, spec: CheckSpec, subject: Subject) -> CheckResult:
        from workbench.service.judging import judge_one

        if isinstance(subject.prompt, MissingText):
            return unmade(spec, subject.prompt)
        try:
            filled = await asyncio.to_thread(self._filled, spec, subject)
            return judged(filled, *await judge_one(self._bench, filled, subject))
        except WorkbenchError as error:
            return unmade(spec, error.message)

    def _filled(self, spec: CheckSpec, subject: Subject) -> CheckSpec:
        """With references to variables rendered in the bounded worker, and a schema's file read."""
        for place, text in missing_texts(subject.variables) if spec.refers else ():
            raise StorageError(f"{place}: {text}", hint=f"Bring back sessions/blobs/…/{text.blob}.")
        if spec.refers:
            from workbench.sandbox import RenderRequest

            def render(text: str) -> str:
                request = RenderRequest(source=text, name=spec.label, variables=subject.variables)
                return self._bench.renderer.render(request).text

            spec = checked(bound(spec, render))
        if spec.kind == "json-schema" and isinstance(spec.value, str) and not spec.value.lstrip().startswith("{"):
            from workbench.service.trust import file_in
            from workbench.textio import read_text

            return replace(spec, value=read_text(file_in(self._bench.workspace, spec.value)), name=spec.label)
        return spec


def subject_of(request: RunRequest, result: RunResult) -> Subject:
    """A run as something to check."""
    return Subject(result.text, request.prompt.plain, request.variables, result.tokens_out, result.finish_reason)


def specs_of(request: RunRequest) -> tuple[CheckSpec, ...]:
    """The checks of the template as it was when the run was made. Raises TemplateError."""
    from workbench.template.document import parse_document

    document = parse_document(request.template.source, path=request.template.path)
    return parse_checks(document.header.checks, file=request.template.path, source=document.source)


async def score_runs(
    scorer: Scorer, runs: Iterable[tuple[RunInfo, RunRecord]], specs: Sequence[CheckSpec] = ()
) -> list[Scored]:
    """Finished runs, scored from their texts alone, in the given order; by their template's checks, then ``specs``.

    A run with neither checks nor a rating is left out. Raises TemplateError when a template's checks are wrong.
    """
    batches: dict[str, tuple[tuple[CheckSpec, ...], list[tuple[RunInfo, RunRecord]]]] = {}
    order: list[str] = []
    for info, record in runs:
        if record.result.status != "finished":
            continue
        order.append(info.id)
        sha256 = record.request.template.sha256
        if sha256 not in batches:
            batches[sha256] = (distinct([*specs_of(record.request), *specs]), [])
        batches[sha256][1].append((info, record))
    found: dict[str, Scored] = {}
    for wanted, members in batches.values():
        subjects = [subject_of(record.request, record.result) for _, record in members]
        for (info, record), results in zip(members, await scorer.check_all(wanted, subjects), strict=True):
            if wanted or info.rating:
                scored = score(results, wanted)
                found[info.id] = Scored(info.id, results, scored, info.rating, cell_of(record.request), draw_of(record))
    return [found[run_id] for run_id in order if run_id in found]


def cell_of(request: RunRequest) -> Mapping[str, Any]:
    """What tells this run from its neighbours: its values in a grid, else its model."""
    axes = request.cell.get("axes")
    return axes if isinstance(axes, Mapping) and axes else {"model": request.model.file}


def draw_of(record: RunRecord) -> str:
    """The same for repeats that drew the same: all that decides the text but the number of the repeat, and the text.

    Empty for a run of an engine that takes no seed.
    """
    request = record.request
    if record.result.repro == "none":
        return ""
    cell = {key: value for key, value in request.cell.items() if key != "repeat"}
    key = run_key(replace(request, cell={}))
    return f"{key} {cell_key(cell)} {sha256_text(record.result.text)}" if key else ""


def marks_of(scored: Sequence[Scored]) -> dict[str, Any]:
    """A scoring as plain data for its file: per run the verdict, and its checks by name."""
    words = {True: "pass", False: "fail", None: "open"}
    return {
        "run": [
            {
                "id": row.run,
                "verdict": words[row.verdict.passed],
                "value": round(row.verdict.value, 6),
                **({"rating": row.rating} if row.rating else {}),
                "check": [
                    {
                        "name": result.name,
                        "kind": result.kind,
                        "verdict": words[result.passed],
                        "score": round(result.score, 6),
                        **{key: text for key in ("detail", "error") if (text := getattr(result, key))},
                    }
                    for result in row.results
                ],
            }
            for row in scored
        ]
    }
