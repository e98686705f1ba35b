"""Real Jupyter servers for tests: one process each, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from .ports import free_port

__all__ = ["TOKEN", "JupyterServer"]

TOKEN = "test-token"
START_TIMEOUT_S = 60
# Lab's own server parts only cost time where no browser is involved.
EXTENSIONS = {
    "cocalc_jupyter_ext": True,
    "jupyterlab": False,
    "jupyter_lsp": False,
    "notebook_shim": False,
}


@dataclass
class JupyterServer:
    """A ``jupyter server`` with our extension; files are in ``folder/work``.

    ``config`` is the text of its configuration file; ``has_lab`` also serves JupyterLab's pages.
    It may be started again after it was stopped or killed, at the same address and with the same
    data. As a context manager it runs from the beginning of the block to its end.
    """

    folder: Path
    config: str = ""
    extra_args: Sequence[str] = ()
    has_lab: bool = False
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def work(self) -> Path:
        """The folder that the server serves."""
        return self.folder / "work"

    @property
    def url(self) -> str:
        """The base address, with a slash at the end."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        """Everything that the server printed so far."""
        path = self.folder / "server.log"
        return path.read_text() if path.exists() else ""

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.work.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config" / "jupyter_server_config.py"
        config.parent.mkdir(exist_ok=True)
        config.write_text(self.config)
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(), cwd=self.folder, env=self._environment(), stdout=log, stderr=log
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Ask the process to end, as an orderly shutdown does, and wait for it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process without any chance to write something."""
        self._end(signal.SIGKILL)

    async def request(
        self, method: str, path: str, *, token: str = TOKEN, **options: Any
    ) -> httpx.Response:
        """Make an HTTP request as the user of the token."""
        headers = {"Authorization": f"token {token}"} | options.pop("headers", {})
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            return await client.request(method, path, headers=headers, **options)

    async def session(
        self, path: str, *, file_format: str, file_type: str, token: str = TOKEN
    ) -> dict[str, str]:
        """Make the session request of the stock front end."""
        response = await self.request(
            "PUT",
            f"api/collaboration/session/{quote(path, safe='')}",
            content=json.dumps({"format": file_format, "type": file_type}),
            token=token,
        )
        response.raise_for_status()
        return dict(response.json())

    def socket_url(self, path: str, token: str = TOKEN) -> str:
        """Return the websocket address of a path, with the token."""
        mark = "&" if "?" in path else "?"
        return f"ws://127.0.0.1:{self.port}/{path}{mark}token={token}"

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "jupyter",
            "server",
            "--allow-root",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            # Otherwise a server without our extension answers, and tests fail far from the cause.
            "--ServerApp.reraise_server_extension_failures=True",
            f"--ServerApp.root_dir={self.work}",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.jpserver_extensions={EXTENSIONS | {'jupyterlab': self.has_lab}}",
            *self.extra_args,
        ]

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "HOME": str(self.folder),
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                httpx.get(f"{self.url}api", timeout=1).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        self.kill()
        raise AssertionError(f"the server did not start:\n{self.log}")

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait(timeout=30)
