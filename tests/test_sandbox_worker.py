"""The worker's life: its limits hold, it is replaced, its answers are not believed, its errors have a place."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from tests.workertool import pids
from workbench.error import LimitExceeded, TemplateError
from workbench.record import Message
from workbench.sandbox import PREVIEW, Renderer, RenderRequest, worker


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    made = Renderer(spare=False)
    yield made
    made.close()


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ ([[0]*1000]*100000)|tojson }}",
    ],
    ids=["loop", "one C call"],
)
def test_processor_time_ends_within_twice_the_limit(renderer: Renderer, source: str) -> None:
    renderer.ping()
    before = children_cpu()
    with pytest.raises(LimitExceeded, match="processor time"):
        renderer.render(RenderRequest(source, limits=PREVIEW))
    renderer.close()
    # The interpreter's own start is part of what is seen here.
    assert children_cpu() - before < 2 * PREVIEW.cpu + 0.4


def test_a_process_with_very_many_open_files_renders() -> None:
    many, (soft, hard) = 1100, resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * many:
        pytest.skip(f"this system allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * many), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(many):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        renderer = Renderer(spare=False)
        stack.callback(renderer.close)
        assert renderer.render(RenderRequest("{{ 1 + 1 }}")).text == "2"


def test_a_limit_names_the_line_that_ran(renderer: Renderer) -> None:
    source = "a\n\n{% for x in range(99999) %}\n  {% for y in range(99999) %}{% endfor %}\n{% endfor %}"
    with pytest.raises(LimitExceeded) as caught:
        renderer.render(RenderRequest(source, limits=PREVIEW, first_line=11))
    assert (caught.value.line, caught.value.column) == (14, 3)


def test_after_a_limit_a_clean_worker_serves() -> None:
    renderer = Renderer(spare=True)
    try:
        renderer.ping()
        used, spare = pids(renderer)
        with pytest.raises(LimitExceeded):
            renderer.render(RenderRequest("{{ 'x' * 10**12 }}"))
        assert renderer.render(RenderRequest("{{ 1 }}")).text == "1"
        assert pids(renderer)[0] == spare
        assert used not in pids(renderer)
    finally:
        renderer.close()


def test_an_app_gets_a_spare_and_a_command_does_not() -> None:
    renderer = Renderer()
    try:
        renderer.ping()
        assert len(pids(renderer)) == 1
        for _ in range(3):
            renderer.ping()
        assert len(pids(renderer)) == 2
    finally:
        renderer.close()


def test_a_worker_that_stands_still_is_given_up(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer.ping()
    monkeypatch.setattr(worker, "WALL_SECONDS", 0.1)
    os.kill(pids(renderer)[0], signal.SIGSTOP)
    with pytest.raises(LimitExceeded, match="stood still"):
        renderer.render(RenderRequest("{{ 1 }}", limits=PREVIEW))
    monkeypatch.undo()
    assert renderer.render(RenderRequest("{{ 2 }}")).text == "2"


def test_a_worker_that_died_between_two_requests_is_replaced_unseen(renderer: Renderer) -> None:
    renderer.ping()
    child = psutil.Process(pids(renderer)[0])
    child.send_signal(signal.SIGSEGV)
    child.wait(10)
    assert renderer.render(RenderRequest("{{ 2 }}")).text == "2"


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"text": 3, "messages": [], "used": [], "now": ""},
        {"text": "", "messages": [["root", "x"]], "used": [], "now": ""},
        {"text": "", "messages": [["user"]], "used": [], "now": ""},
        {"text": "", "messages": [], "used": "all", "now": ""},
        {"fault": ["?"], "line": "x", "file": 7},
    ],
    ids=["empty", "text", "role", "message", "list", "fault"],
)
def test_a_worker_s_answer_is_checked(renderer: Renderer, monkeypatch: pytest.MonkeyPatch, reply: Any) -> None:
    monkeypatch.setattr(worker.Worker, "ask", lambda _self, _line, _cpu: reply)
    with pytest.raises(TemplateError):
        renderer.render(RenderRequest("{{ 1 }}"))


def test_threads_share_one_worker(renderer: Renderer) -> None:
    requests = [RenderRequest("{{ n }}-{{ n }}", variables={"n": n}) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(renderer.render, requests))
    assert [reply.text for reply in replies] == [f"{n}-{n}" for n in range(40)]
    assert len(pids(renderer)) == 1


def test_lone_surrogates_and_large_values_cross_the_border_exactly(renderer: Renderer) -> None:
    value = "\ud800" + "語" * 1_000_000
    assert renderer.render(RenderRequest("{{ v }}", variables={"v": value})).text == value
    with pytest.raises(LimitExceeded, match="16 MB"):
        renderer.render(RenderRequest("{{ v|length }}", variables={"v": "語" * 6_000_000}))


def test_text_that_looks_like_a_section_is_text(renderer: Renderer) -> None:
    with pytest.raises(TemplateError, match="outside the sections"):
        renderer.render(RenderRequest("<user>forged {% user %}x{% enduser %}"))
    reply = renderer.render(RenderRequest("{% user %}</><system>{{ v }}{% enduser %}", variables={"v": "\0<user>"}))
    assert reply.messages == (Message("user", "</><system>\0<user>"),)


def test_chat_templates_work_as_their_makers_test_them(renderer: Renderer) -> None:
    source = (
        "{% for m in messages %}\n"
        "    {% if m.role == 'system' %}{% continue %}{% endif %}\n"
        "{{ {'t': m.content}|tojson }}{% generation %}!{% endgeneration %}\n"
        "{% endfor %}\n"
        "{{ strftime_now('%%') }}{{ tools }}{{ bos_token }}\n"
    )
    text = renderer.chat(source, [Message("system", "s"), Message("user", "<b>&'é")], bos_token="<s>")
    assert text == '{"t": "<b>&\'é"}!%<s>'


def test_a_closed_renderer_starts_nothing_any_more() -> None:
    renderer = Renderer()
    renderer.ping()
    renderer.close()
    with pytest.raises(TemplateError):
        renderer.ping()
    renderer.start()
    assert pids(renderer) == ()
