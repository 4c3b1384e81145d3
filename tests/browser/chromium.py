"""Headless Chromium, driven by its DevTools protocol: as much of it as the tests need."""

from __future__ import annotations

import base64
import itertools
import os
import shutil
import signal
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import trio
from attrs import define, field
from trio_websocket import WebSocketConnection, open_websocket_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--window-size=1280,1000",
)
PATIENCE = 30.0
"""Seconds that the browser may take for anything, on a machine that has other things to do."""


@define(eq=False)
class Page:
    """One page of the browser."""

    socket: WebSocketConnection
    _ids: itertools.count[int] = field(factory=itertools.count)

    async def call(self, method: str, **params: object) -> Any:  # noqa: ANN401 - JSON
        """One command and its result."""
        number = next(self._ids)
        await self.socket.send_message(orjson.dumps({"id": number, "method": method, "params": params}).decode())
        with trio.fail_after(PATIENCE):
            while True:
                message = orjson.loads(await self.socket.get_message())
                if message.get("id") == number:
                    assert "error" not in message, message
                    return message["result"]

    async def go(self, url: str) -> None:
        """Loads this page."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """What this is in the page."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> None:
        """Waits until this is true in the page."""
        with trio.fail_after(PATIENCE):
            while not await self.evaluate(expression):  # noqa: ASYNC110 - nothing tells of it
                await trio.sleep(0.05)

    async def picture(self, file: Path) -> None:
        """Writes what is seen into a file."""
        shot = await self.call("Page.captureScreenshot", format="png")
        await trio.Path(file).write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Page]:
    """A browser of its own, with a fresh profile in this folder. What the block raises comes in a group."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None, "there is no Chromium: apt install chromium"
    profile = folder / "profile"
    command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = await trio.lowlevel.open_process(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0
    )
    try:
        with trio.fail_after(PATIENCE):
            port = await _port(profile)
        async with open_websocket_url(await _first_page(port), max_message_size=64 * 1024 * 1024) as socket:
            yield Page(socket)
    finally:
        with trio.CancelScope(shield=True):
            os.killpg(process.pid, signal.SIGKILL)  # its children are of its group, which we made
            await process.wait()


async def _port(profile: Path) -> int:
    file = trio.Path(profile / "DevToolsActivePort")
    while not await file.exists() or not (text := await file.read_text()).strip():  # noqa: ASYNC110 - nothing tells of it
        await trio.sleep(0.05)
    return int(text.splitlines()[0])


async def _first_page(port: int) -> str:
    """The address of the first page's protocol."""
    from net.client import http_request, tcp

    answer = await http_request(await tcp("127.0.0.1", port)(), "GET", "/json/list")
    found = next(page["id"] for page in answer.json if page["type"] == "page")
    return f"ws://127.0.0.1:{port}/devtools/page/{found}"
