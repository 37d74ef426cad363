"""What the model shelf shows: rows and sentences for files, servers and what can be fetched. Nothing here draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.engine.catalog import CATALOG
from workbench.engine.catalog_file import ListedModel
from workbench.engine.fetch_http import bare_url
from workbench.engine.gguf_types import GgufHeader, Kind
from workbench.engine.header_rows import header_rows
from workbench.engine.loadable import engine_of
from workbench.engine.measured import measured_memory
from workbench.engine.memory import automatic_context, estimate, size_text
from workbench.engine.server_models import ServerModel
from workbench.engine.shelf import ModelEntry, names_apart
from workbench.tui.fetching import Job, catalog_job, listed_job
from workbench.tui.listview import Row

# In the engine's column, for files that cannot be used: whole ones of another kind are not broken.
KINDS: Mapping[Kind, str] = {
    "model": "no engine",
    "embedding": "embedding",
    "adapter": "adapter",
    "projector": "projector",
    "vocabulary": "vocabulary",
    "split": "part",
    "legacy": "old format",
    "foreign": "no model",
    "missing": "unreadable",
    "broken": "broken",
}


@dataclass
class Shelf:
    """Everything there is to choose from; ``servers`` None while they are being asked, ``left`` fetches that did not
    come to their end.
    """

    entries: Sequence[ModelEntry] = ()
    servers: Sequence[ServerModel] | None = ()
    listed: Sequence[ListedModel] = ()
    free: int = 0
    jobs: Mapping[str, Job] = field(default_factory=dict)
    left: Mapping[str, Job] = field(default_factory=dict)

    def entry(self, key: str) -> ModelEntry | None:
        return next((item for item in self.entries if key == f"have:{item.path}"), None)

    def server(self, key: str) -> ServerModel | None:
        return next((item for item in self.servers or () if key == f"srv:{item.name}"), None)

    def rows(self) -> list[Row]:
        """Files that run, models of servers, what can be fetched, and what cannot be used, in this order."""
        names = names_apart(self.entries)
        out = [_file_row(entry, names[entry.path]) for entry in self.entries if not entry.problem]
        if self.servers is None:
            out.append(Row("asking", ("asking the servers …", "", "", "server"), muted=True))
        out += [_server_row(row) for row in self.servers or ()]
        files = {entry.path.name for entry in self.entries}
        jobs: dict[str, Job] = {}
        for item in CATALOG.values():
            if item.file not in files:
                job = jobs[f"get:{item.id}"] = catalog_job(item)
                out.append(Row(job.id, (item.id, "", size_text(item.bytes), self._state(job)), muted=True))
        for model in self.listed:
            job = listed_job(model)
            if model.source.file not in files and job.id not in jobs:
                jobs[job.id] = job
                out.append(Row(job.id, (model.id, model.quant, size_text(job.bytes), self._state(job)), muted=True))
        for job in self.left.values():
            if job.name not in files and job.id not in jobs:
                jobs[job.id] = job
                size = size_text(job.bytes) if job.bytes else ""
                out.append(Row(job.id, (job.name, "", size, self._state(job)), muted=True))
        self.jobs = jobs
        return out + [_file_row(entry, names[entry.path]) for entry in self.entries if entry.problem]

    def _state(self, job: Job) -> str:
        return "unfinished" if job.id in self.left else "fetch"

    def detail(self, key: str) -> str:
        """Some lines about the row of ``key``."""
        entry, server = self.entry(key), self.server(key)
        if entry is not None:
            return self._file(entry)
        if server is not None:
            return _server(server)
        if key.startswith("get:"):
            item = CATALOG[key.removeprefix("get:")]
            return f"Enter or g fetches it. {item.description}\nLicence: {item.licence}"
        model = next((item for item in self.listed if listed_job(item).id == key), None)
        if model is None and key in self.left:
            return f"Enter or g goes on with {self.left[key].name}, from {bare_url(key.removeprefix('url:'))}"
        if model is None:
            return ""
        ram = f" Its list says: {model.ram_gb} GB of memory." if model.ram_gb else ""
        checked = "" if model.source.sha256 else " Checked by MD5 only, which finds damage but no ill will."
        return f"Enter or g fetches it from {model.source.url}\n{model.description}{ram}{checked}"

    def _file(self, entry: ModelEntry) -> str:
        size = size_text(entry.header.file_bytes)
        if entry.problem:
            return f"{entry.path} ({size})\nIt cannot be used: {entry.problem}"
        need = entry.estimate
        lines = [f"{entry.path} ({size}); needs {size_text(need.total)}, {size_text(self.free)} of memory are free"]
        if warning := need.warning(self.free):
            lines.append(warning)
        engine, reason = engine_of(entry)
        lines.append(f"{engine}: {reason}")
        lines += [f"{item.engine}: {item.reason}" for item in entry.verdict.choices if item.engine != engine]
        return "\n".join(lines)


def _file_row(entry: ModelEntry, name: str) -> Row:
    need = "" if entry.problem else size_text(entry.estimate.total)
    cells = (name, entry.header.quant, need, KINDS[entry.header.kind] if entry.problem else engine_of(entry)[0])
    return Row(f"have:{entry.path}", cells, muted=bool(entry.problem))


def _server_row(row: ServerModel) -> Row:
    if row.problem:
        return Row(f"srv:{row.name}", (f"{row.server}: {row.problem}", "", "", "offline"), muted=True)
    context = f"{row.n_ctx:,} ctx" if row.n_ctx else ""
    return Row(f"srv:{row.name}", (row.name, "", context, "server"))


def _server(row: ServerModel) -> str:
    if row.problem:
        return f"{row.server} at {row.url}: {row.problem}\n{row.hint}"
    more = f" Also called {', '.join(row.aliases)}." if row.aliases else ""
    return f"{row.id} on {row.server} ({row.software or 'server'}) at {row.url}.{more}\nWhat is sent goes there."


def inspect_text(entry: ModelEntry, rendered: str, fault: str = "") -> str:
    """All that a file says of itself and what each engine makes of it; ``rendered`` is its chat template at work, or
    ``fault`` what is wrong with that.
    """
    header, lines = entry.header, [str(entry.path), ""]
    if entry.problem:
        lines += [f"It cannot be used: {entry.problem}", ""]
    lines += [f"{item.engine}: {'yes' if item.can else 'no'}: {item.reason}" for item in entry.verdict.choices]
    if fault:
        lines.append(f"but: {fault}")
    lines += ["", *_memory_lines(entry), ""]
    lines += [f"{name:18} {words}" for name, words in header_rows(header)]
    metadata = {key: value for key, value in header.metadata.items() if value != header.chat_template}
    lines += ["", "-- metadata --", *(f"{key}: {value}" for key, value in metadata.items())]
    if rendered:
        lines += ["", "-- chat template, as it renders --", rendered]
    if header.chat_template:
        lines += ["", "-- chat template --", header.chat_template]
    elif not header.problem:
        lines += ["", "The file has no chat template: a base model, for raw prompts."]
    return "\n".join(lines)


def _memory_lines(entry: ModelEntry) -> list[str]:
    header: GgufHeader = entry.header
    if header.problem:
        return []
    n_ctx = automatic_context(header)
    lines = [
        f"memory: {item.engine}, context {n_ctx}: estimate {size_text(estimate(header, item.engine, n_ctx).total)}"
        for item in entry.verdict.choices
        if item.can
    ]
    return lines + [
        f"memory: {item.engine}, context {item.n_ctx}: measured {size_text(item.rss)}"
        for item in measured_memory(entry.path)
    ]
