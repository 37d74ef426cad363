"""The use cases; the only door through which the command line and the app reach the core.

Importing this is cheap: Jinja, asyncio and the engine layer are loaded by the calls that need them, so that
``workbench render`` starts fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.config import Config, load_config
from workbench.error import UsageError, WorkbenchError
from workbench.workspace import Workspace, find_workspace, models_dirs

if TYPE_CHECKING:
    from workbench.engine.shelf import ModelEntry
    from workbench.sandbox import Renderer
    from workbench.service.pool import EnginePool
    from workbench.service.run import RunHandle, RunSpec
    from workbench.session.store import SessionStore
    from workbench.template.document import TemplateDocument
    from workbench.template.prepared import Prepared
    from workbench.template.render import Rendered, TemplateRenderer
    from workbench.template.slot import Slot
    from workbench.template.tree import Tree

__all__ = ["RunHandle", "RunSpec", "TemplateInfo", "Workbench", "open_workbench"]


def __getattr__(name: str) -> Any:
    if name in ("RunSpec", "RunHandle"):
        from workbench.service import run

        return getattr(run, name)
    raise AttributeError(name)


@dataclass(frozen=True)
class TemplateInfo:
    """A row of the template list. ``problem`` is the header's error, if it has one; the file is listed all the same."""

    name: str
    path: Path
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    problem: str = ""


def open_workbench(
    workspace: str | Path | None = None, *, model_dirs: Sequence[str | Path] = (), renderer: Renderer | None = None
) -> Workbench:
    """The workbench of ``workspace`` (None: found by environment and folder) with its settings loaded.

    ``renderer`` is one that was started before, if it was; it is closed with the workbench.
    """
    found = find_workspace(workspace)
    folders = [Path(item) for item in model_dirs]
    return Workbench(found, load_config(found), model_dirs=folders, renderer=renderer)


class Workbench:
    """Everything the faces can do. Calls that may block for long say so; they are safe in a thread."""

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        *,
        model_dirs: Sequence[Path] = (),
        renderer: Renderer | None = None,
    ) -> None:
        self.workspace = workspace
        self.config = config
        self._model_dirs = tuple(model_dirs)
        self._renderer = renderer
        self._template_renderer: TemplateRenderer | None = None
        self._pool: EnginePool | None = None
        self._store: SessionStore | None = None
        self._closed = False

    # -- templates ---------------------------------------------------------------------------------------------

    def templates(self) -> list[TemplateInfo]:
        """All templates of the workspace by name; partials and wildcards are not listed."""
        from workbench.template.document import load_document

        root = self.workspace.templates
        infos = []
        for path in sorted(root.rglob("*.j2")):
            name = path.relative_to(root).as_posix()
            if name.startswith(("partials/", "wildcards/")) or "/." in f"/{name}":
                continue
            try:
                header = load_document(path, root=root).header
            except (WorkbenchError, OSError) as error:
                infos.append(TemplateInfo(name, path, problem=str(error)))
                continue
            infos.append(TemplateInfo(name, path, header.title, header.description, tuple(header.tags)))
        return infos

    def load_template(self, name: str) -> TemplateDocument:
        """By name within ``templates/``, with or without ``.j2``, or by path. Raises UsageError with near matches."""
        from workbench.template.document import load_document

        root = self.workspace.templates
        for candidate in (Path(name), root / name, root / f"{name}.j2", self.workspace.root / name):
            if candidate.is_file():
                return load_document(candidate, root=root)
        raise self._no_template(name)

    def _no_template(self, name: str) -> UsageError:
        import difflib

        names = [info.name for info in self.templates()]
        stems = {item.removesuffix(".j2"): item for item in names}
        wanted = Path(name).name.removesuffix(".j2")
        near = difflib.get_close_matches(wanted, stems, n=1, cutoff=0.5)
        if near:
            hint = f"Did you mean {stems[near[0]]!r}?"
        elif names:
            hint = "There are: " + ", ".join(names)
        else:
            hint = f"There is no template in {self.workspace.templates}; 'workbench init DIR' makes a starter set."
        return UsageError(f"there is no template {name!r}", hint=hint)

    @property
    def _templates_renderer(self) -> TemplateRenderer:
        from workbench.template.render import TemplateRenderer

        if self._template_renderer is None:
            self._template_renderer = TemplateRenderer(self.renderer, self.workspace.templates)
        return self._template_renderer

    @property
    def renderer(self) -> Renderer:
        """The bounded worker; started by its first use. Raises UsageError after ``close``."""
        self._refuse_closed()
        if self._renderer is None:
            from workbench.sandbox import Renderer

            self._renderer = Renderer()
        return self._renderer

    def slots(self, document: TemplateDocument, variables: Mapping[str, Any]) -> list[Slot]:
        """What the template needs, bound or not. Blocking, bounded. Raises TemplateError."""
        return self._templates_renderer.slots(document, variables)

    def tree(self, document: TemplateDocument, bound: set[str]) -> Tree:
        """The body as the pattern reader sees it, for colours and remarks; ``bound`` names the slots with a value."""
        return self._templates_renderer.tree(document, bound)

    def list_names(self) -> list[str]:
        """The wildcard lists of the workspace. Blocking."""
        from workbench.template.wildcard import WildcardFolder

        return list(WildcardFolder(self.workspace.wildcards).names())

    def prepare(
        self,
        document: TemplateDocument,
        variables: Mapping[str, Any],
        *,
        preview: bool = False,
        seed: int = 0,
        complete: bool = True,
    ) -> Prepared:
        """The template with its values: count its prompts, render any. Blocking, bounded. Raises TemplateError.

        ``complete`` False lets slots be unset, for counting.
        """
        renderer = self._templates_renderer
        return renderer.prepare(document, variables, preview=preview, seed=seed, complete=complete)

    def render(self, document: TemplateDocument, variables: Mapping[str, Any], *, preview: bool = False) -> Rendered:
        """The first prompt. Blocking, bounded by the preview's or the run's limits. Raises TemplateError."""
        return self._templates_renderer.render(document, variables, preview=preview)

    # -- models ------------------------------------------------------------------------------------------------

    @property
    def model_folders(self) -> list[Path]:
        """Where models are looked for: flags, ``WORKBENCH_MODELS``, settings, the user's data folder."""
        return models_dirs([*self._model_dirs, *(Path(item).expanduser() for item in self.config.models)])

    def models(self) -> list[ModelEntry]:
        """Every model file with its header, memory needs and engine; broken ones with their reason. Blocking."""
        from workbench.engine.shelf import list_models

        return list_models(self.model_folders)

    def find_model(self, name: str = "") -> ModelEntry:
        """The file of the named model, or of the default one. Raises ModelError that says how to get one."""
        from workbench.engine.server_models import named_server
        from workbench.engine.shelf import find_model
        from workbench.error import ModelError

        name = name or self.config.model
        try:
            return find_model(name, self.model_folders)
        except ModelError as missing:
            if (target := named_server(self.config, name)) is None:
                raise
            raise ModelError(
                f"{name} is a model of the server {target.server.name}, there is no file of it here",
                hint="`workbench models list` tells what the server says of it.",
            ) from missing

    # -- runs --------------------------------------------------------------------------------------------------

    @property
    def store(self) -> SessionStore:
        if self._store is None:
            from workbench.session.store import SessionStore

            self._store = SessionStore(self.workspace)
        return self._store

    @property
    def pool(self) -> EnginePool:
        self._refuse_closed()
        if self._pool is None:
            from workbench.service.pool import EnginePool

            self._pool = EnginePool()
        return self._pool

    def _refuse_closed(self) -> None:
        # Work in a thread may outlive the app for a moment; it must not start what nobody would end.
        if self._closed:
            raise UsageError("the workbench was closed")

    def start_run(self, spec: RunSpec) -> RunHandle:
        """A run, ready to be iterated by ``events()``; nothing has happened yet."""
        from workbench.service.run import RunHandle

        return RunHandle(self, spec)

    async def close(self) -> None:
        """Unload engines and end the worker, for good; safe to call twice."""
        import asyncio

        self._closed = True
        renderer, self._renderer, self._template_renderer = self._renderer, None, None
        if self._pool is not None:
            await self._pool.close()
            self._pool = None
        if renderer is not None:
            # It waits for a render that goes on, for seconds perhaps.
            await asyncio.to_thread(renderer.close)
