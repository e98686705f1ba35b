"""A hub with nothing of ours but the proxy and the spawner, in a process of its own.

``run_hub`` writes a configuration into ``folder``, starts ``jupyterhub`` on it, and ends it with
everything that it started. A service named ``tester`` may do everything through the REST API.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from .ports import free_port

__all__ = [
    "ROOT",
    "TOKEN",
    "MinimalHub",
    "hub_process",
    "kill_leftovers",
    "run_hub",
    "write_config",
]

ROOT = Path(__file__).parent.parent.parent
TOKEN = "token-of-the-tester"
START_S = 30
STOP_S = 30

_CONFIG = """
from pathlib import Path
from cocalc_hub_ext.proxy import configure as proxy
from cocalc_hub_ext.spawner import configure as spawner

c = get_config()
c.JupyterHub.proxy_class = "cocalc_hub_ext.proxy.proxy.CoCalcProxy"
proxy.configure(c)
spawner.configure(c, projects_root=Path("projects"))
c.JupyterHub.bind_url = "{url}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{{"name": "tester", "api_token": "{token}"}}]
scopes = ["admin:users", "admin:servers", "access:servers", "proxy", "list:users", "shutdown"]
c.JupyterHub.load_roles = [{{"name": "tester", "services": ["tester"], "scopes": scopes}}]
{extra}
"""


@dataclass
class MinimalHub:
    """A running hub; ``url`` has no slash at its end."""

    url: str
    folder: Path
    process: Process
    session: aiohttp.ClientSession

    @property
    def log(self) -> str:
        """What the hub and its proxy wrote so far."""
        return (self.folder / "hub.log").read_text()

    @property
    def proxy(self) -> psutil.Process | None:
        """The process of the hub's proxy."""
        children = psutil.Process(self.process.pid).children()
        found = [each for each in children if "cocalc_hub_ext.proxy" in _command_line(each)]
        return found[0] if found else None

    async def api(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Ask the hub's REST API as the tester; return status and JSON (None without)."""
        headers = {"Authorization": f"token {TOKEN}"}
        url = f"{self.url}/hub/api/{path}"
        async with self.session.request(method, url, headers=headers, **options) as answer:
            return answer.status, await answer.json() if await answer.read() else None

    async def stop(self) -> None:
        """End the hub as an administrator does."""
        await _end(self.process, signal.SIGTERM)

    async def kill(self) -> None:
        """End the hub with no chance to clean up."""
        await _end(self.process, signal.SIGKILL)


def write_config(folder: Path, url: str, extra: str = "") -> Path:
    """Write the configuration file of a hub at ``url``; ``extra`` is added at its end."""
    folder.mkdir(exist_ok=True)
    path = folder / "jupyterhub_config.py"
    path.write_text(_CONFIG.format(url=url, hub_port=free_port(), token=TOKEN, extra=extra))
    return path


async def hub_process(folder: Path, **environment: str) -> Process:
    """Start ``jupyterhub`` on the configuration in ``folder``; ``hub.log`` is this run's output."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    with (folder / "hub.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("jupyterhub")),
            cwd=folder,
            env=own | {"PYTHONPATH": str(ROOT)} | environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
        )


@contextlib.asynccontextmanager
async def run_hub(
    folder: Path, url: str, extra: str = "", **environment: str
) -> AsyncIterator[MinimalHub]:
    """Run a hub at ``url`` (no slash at its end) until the block ends; projects may run on."""
    write_config(folder, url, extra)
    process = await hub_process(folder, **environment)
    # The certificate of a test is nobody's; who the hub is is not what these tests are about.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        hub = MinimalHub(url, folder, process, session)
        try:
            await _wait_until_ready(hub)
            yield hub
        finally:
            await hub.stop()


def kill_leftovers(folder: Path) -> None:
    """Kill every process whose environment names ``folder``."""
    mark = os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


async def _wait_until_ready(hub: MinimalHub) -> None:
    async with asyncio.timeout(START_S):
        while "JupyterHub is now running" not in hub.log:
            assert hub.process.returncode is None, hub.log
            await asyncio.sleep(0.05)


async def _end(process: Process, number: int) -> None:
    if process.returncode is None:
        process.send_signal(number)
    await asyncio.wait_for(process.wait(), STOP_S)


def _command_line(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
