"""The app in a browser: nothing without the token, nothing from another page, and the first screen in Chromium."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.clitool import cli
from workbench.error import ExitCode
from workbench.workspace import init_workspace

SECONDS = 40.0


@asynccontextmanager
async def serving(space: Path) -> AsyncIterator[tuple[str, str]]:
    """The address and the token of a server that is ended by SIGINT afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workbench", "--workspace", str(space), "serve", "--port", "0",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "WORKBENCH_ENGINE": "scripted"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), SECONDS)).decode().strip()
        address, _, token = line.partition("/?token=")
        assert len(token) >= 32, line
        yield address, token
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        out, talk = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == ExitCode.OK, talk.decode()
    assert out == b""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return init_workspace(tmp_path / "space").root


def connections(answer: aiohttp.ClientResponse) -> str:
    """Where the page may connect to."""
    (found,) = re.findall(r"connect-src ([^;]*)", answer.headers["Content-Security-Policy"])
    return str(found)


async def test_nothing_is_given_without_the_token_and_the_first_screen_with_it(space: Path) -> None:
    async with serving(space) as (address, token), aiohttp.ClientSession() as stranger:
        for path in ("/", "/ws", "/static/js/textual.js", "/download/x", f"/?token={token[:-1]}", "/?token="):
            async with stranger.get(address + path) as answer:
                assert answer.status == 403, path
                assert token not in await answer.text()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as friend:
            async with friend.get(f"{address}/?token={token}") as answer:
                assert answer.status == 200
                assert str(answer.url) == f"{address}/"
                assert "httponly" in answer.history[0].headers["Set-Cookie"].lower()
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert connections(answer) == f"'self' ws://{answer.url.authority} wss://{answer.url.authority}"
                assert token not in await answer.text()
            # Names that others may lead here, and what is no name at all.
            for host in ("a;script-src *", "evil.example", "127.0.0.1.evil.example"):
                async with friend.get(address, headers={"Host": host}) as answer:
                    assert answer.status == 403
            async with friend.get(address, headers={"Host": "localhost:9"}) as answer:
                assert answer.status == 200
            for origin in ("http://127.0.0.1:1", address.replace("http:", "https:"), ""):
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    await friend.ws_connect(f"{address}/ws", headers={"Origin": origin} if origin else {})
            async with friend.ws_connect(f"{address}/ws?width=80&height=24", headers={"Origin": address}) as stream:
                received = ""
                while "F5" not in received:
                    message = await stream.receive(SECONDS)
                    assert message.type is aiohttp.WSMsgType.BINARY, message
                    received += message.data.decode("utf-8", "replace")


def test_an_address_that_others_reach_needs_a_word(space: Path) -> None:
    done = cli("serve", "--host", "0.0.0.0", cwd=space)
    assert done.returncode == ExitCode.USAGE
    assert b"--public" in done.stderr
    assert cli("serve", "--port", "x", cwd=space).returncode == ExitCode.USAGE


class Browser:
    """A headless Chromium's one page, by its DevTools protocol.

    ``screen`` is all that the app sent to it, ``asked`` what it loads.
    """

    def __init__(self, stream: aiohttp.ClientWebSocketResponse) -> None:
        self.screen = ""
        self.asked: list[str] = []
        self._stream = stream
        self._calls = 0

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a method, with the events before it taken in."""
        self._calls += 1
        await self._stream.send_json({"id": self._calls, "method": method, "params": params})
        while (message := await self._next()).get("id") != self._calls:
            pass
        assert "error" not in message, message
        return dict(message["result"])

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not wanted():
                await self._next()

    async def press(self, key: str, code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._stream.receive_json()
        params = message.get("params", {})
        if message.get("method") == "Network.webSocketFrameReceived":
            frame = params["response"]
            if frame["opcode"] == 2:
                self.screen += base64.b64decode(frame["payloadData"]).decode("utf-8", "replace")
        elif message.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        return message


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(SECONDS):
            while b"DevTools listening" not in (line := await process.stderr.readline()):
                assert line, "Chromium did not start"
        where = line.decode().strip().rpartition("ws://")[2].partition("/")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{where}/json/list") as answer:
                pages = json.loads(await answer.text())
            page = next(item for item in pages if item["type"] == "page")
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as stream:
                yield Browser(stream)
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), SECONDS)


@pytest.mark.chromium
async def test_chromium_shows_the_app_and_its_keys_arrive(space: Path, tmp_path: Path) -> None:
    async with serving(space) as (address, token), browser(tmp_path / "profile") as page:
        await page.call("Network.enable")
        await page.call("Page.enable")
        await page.call("Page.navigate", url=f"{address}/?token={token}")
        await page.until(lambda: "city" in page.screen and "F5" in page.screen)
        await page.call("Runtime.evaluate", expression='document.querySelector(".xterm-helper-textarea").focus()')
        await page.press("F8", 119)
        await page.until(lambda: "Models (name" in page.screen)
        shown = await page.call("Runtime.evaluate", expression="document.body.className + ' ' + location.href")
        assert "-first-byte" in shown["result"]["value"]
        assert token not in shown["result"]["value"]
        assert all(url.startswith((address, "data:", "blob:")) or "fonts.googleapis" in url for url in page.asked)
