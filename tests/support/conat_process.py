"""``conat-server`` and ``conat-persist`` as processes of their own, for tests."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from .ports import free_port

__all__ = ["ConatProcess", "Finished", "PersistProcess", "conat_process", "run_module"]

COMMANDS = "cocalc_jupyter_ext.conat.commands"
START_TIMEOUT_S = 30
END_TIMEOUT_S = 10
SECRETS = ("CONAT_SYSTEM_PASSWORD", "CONAT_HUB_PASSWORD", "CONAT_SERVER", "CONAT_COOKIE")


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return our environment without what would change what commands do."""
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return kept | {"PYTHONUNBUFFERED": "1"} | (extra or {})


class ConatProcess:
    """A server that can be stopped, and started again at the same port."""

    def __init__(self, *arguments: str, port: int = 0, env: dict[str, str] | None = None) -> None:
        self.ready: dict[str, Any] = {}
        self.start_s = 0.0
        self._port = port
        self._arguments = arguments
        self._env = env
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """The URL clients connect to."""
        return str(self.ready["address"])

    async def start(self) -> None:
        """Start the process and wait for its word that it is ready."""
        began_s = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self._command(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(self._env),
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await self._process.stdout.readline()
        self.start_s = time.monotonic() - began_s
        if not line:
            _, errors = await self._process.communicate()
            raise RuntimeError(f"the server did not start: {errors.decode()}")
        self.ready = json.loads(line)

    def _command(self) -> tuple[str, ...]:
        return (f"{COMMANDS}.conat_server", "--port", str(self._port), *self._arguments)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str, float]:
        """Ask the process to end; return code, further output, errors, and the seconds it took."""
        assert self._process is not None
        began_s = time.monotonic()
        if self._process.returncode is None:
            self._process.send_signal(how)
        async with asyncio.timeout(END_TIMEOUT_S):
            output, errors = await self._process.communicate()
        took_s = time.monotonic() - began_s
        assert self._process.returncode is not None
        return self._process.returncode, output.decode(), errors.decode(), took_s

    async def restart(self) -> None:
        """Replace the process by a new one at the same address."""
        self._port = int(self.ready["port"])
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """End the process at once, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


class PersistProcess(ConatProcess):
    """A ``conat-persist``, which serves streams through a server that runs elsewhere."""

    def _command(self) -> tuple[str, ...]:
        return (f"{COMMANDS}.conat_persist", *self._arguments)


@asynccontextmanager
async def conat_process(
    *arguments: str, env: dict[str, str] | None = None
) -> AsyncIterator[ConatProcess]:
    """Give a running server, without persistence unless the arguments name a folder for it."""
    persistence = () if "--data" in arguments else ("--no-persist",)
    server = ConatProcess(*persistence, *arguments, port=free_port(), env=env)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


class Finished:
    """What a command left behind."""

    def __init__(self, code: int | None, output: bytes, errors: bytes) -> None:
        self.code = code
        self.output = output.decode()
        self.errors = errors.decode()


async def run_module(
    name: str, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None
) -> Finished:
    """Run a command of ``conat.commands`` to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"{COMMANDS}.{name}",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(env),
    )
    try:
        async with asyncio.timeout(60):
            output, errors = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return Finished(process.returncode, output, errors)
