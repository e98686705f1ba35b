"""Programs that the project runs for somebody: in their own group, bounded in time and output.

When the time is over, or nobody waits any more, the whole group gets SIGKILL. What a program that
ended by itself has left running in the background goes on, as in a terminal, and its output is
awaited no longer than a moment.
"""

import asyncio
import codecs
import errno
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .dispatch import ApiError

__all__ = [
    "MAX_OUTPUT",
    "CannotStart",
    "Finished",
    "KilledCommand",
    "Limits",
    "Process",
    "Start",
    "child_environment",
    "run",
    "search_path",
]

MAX_OUTPUT: Final = 10_000_000
"""Characters that are kept of each stream, whatever a caller allows."""

_LINGER_S: Final = 0.5
"""For how long after a program's end its output is awaited, which children may still hold."""

_CHUNK: Final = 65_536
_DROPPED: Final = frozenset({"DEBUG", "DEBUG_CONSOLE", "NODE_ENV", "DEBUG_FILE"})
# They let their holder act as the server towards others; no program of a user needs that.
_SECRETS: Final = frozenset(
    {
        "JUPYTER_TOKEN",
        "JPY_API_TOKEN",
        "JUPYTERHUB_API_TOKEN",
        "CONFIGPROXY_AUTH_TOKEN",
        "CONAT_COOKIE",
        "CONAT_TOKEN",
        "CONAT_SYSTEM_PASSWORD",
        "CONAT_HUB_PASSWORD",
    }
)


class KilledCommand(ApiError):  # noqa: N818 - the error text of the contract begins so
    """A program took too long and was ended with everything it had started."""

    def __init__(self, command: str, timeout_s: float) -> None:
        super().__init__(f"killed command '{command[:200]}': it took longer than {timeout_s:g} s")
        self.command = command
        self.timeout_s = timeout_s


class CannotStart(ApiError):  # noqa: N818 - says what is wrong, as its neighbours do
    """A program cannot be started; ``code`` is the name of the system's error."""

    def __init__(self, command: str, code: str, reason: str) -> None:
        super().__init__(f"cannot start '{command[:200]}': {code}: {reason}")
        self.command = command
        self.code = code


@dataclass(frozen=True, slots=True)
class Start:
    """How a program is started; ``stdin`` is sent to it, without it there is nothing to read.

    ``title`` is what it is called in errors.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdin: str | None = None
    title: str = ""
    uid: int | None = None
    gid: int | None = None

    @property
    def name(self) -> str:
        """What the program is called in errors."""
        return self.title or self.argv[0]


@dataclass(frozen=True, slots=True)
class Limits:
    """``timeout_s`` 0 is no limit; ``max_output`` is in characters, of each stream."""

    timeout_s: float = 60.0
    max_output: int = MAX_OUTPUT


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program said; ``exit_code`` is 0 for one that was ended by a signal from outside."""

    stdout: str
    stderr: str
    exit_code: int


def child_environment(environ: Mapping[str, str], **more: str) -> dict[str, str]:
    """Return the environment of programs (hub-project-api §3.3), without the server's secrets."""
    kept = {name: value for name, value in environ.items() if name not in _DROPPED | _SECRETS}
    return {**kept, **more}


def search_path(environ: Mapping[str, str], home: Path) -> str:
    """Return where programs are looked for: first in the user's own folders (§4.11)."""
    own = [str(home / "bin"), str(home / ".local" / "bin")]
    return os.pathsep.join([*own, environ.get("PATH", os.defpath)])


@dataclass(slots=True)
class _Kept:
    """The beginning of a stream; what comes after ``limit`` characters is dropped."""

    limit: int
    text: list[str] = field(default_factory=list)
    length: int = 0
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )

    def take(self, data: bytes, *, is_last: bool = False) -> str:
        """Keep what fits of the next bytes, and return it."""
        text = self.decoder.decode(data, is_last)[: max(0, self.limit - self.length)]
        self.text.append(text)
        self.length += len(text)
        return text

    def result(self) -> str:
        text = "".join(self.text)
        if self.length < self.limit:
            return text
        return f"{text} (truncated at {self.limit} characters)"


OnOutput = Callable[[str, str], None]
"""Is told the name of the stream and the next of its text."""


class Process:
    """A running program; whoever starts it waits for it, or ends it with ``kill``."""

    def __init__(
        self, start: Start, limits: Limits, child: asyncio.subprocess.Process, on_output: OnOutput
    ) -> None:
        self._start = start
        self._limits = limits
        self._child = child
        self._on_output = on_output
        limit = min(limits.max_output, MAX_OUTPUT)
        self._kept = {"stdout": _Kept(limit), "stderr": _Kept(limit)}

    @classmethod
    async def start(
        cls, start: Start, limits: Limits, on_output: OnOutput = lambda _stream, _text: None
    ) -> "Process":
        """Start a program; raises CannotStart."""
        try:
            child = await asyncio.create_subprocess_exec(
                *start.argv,
                cwd=start.cwd,
                env=dict(start.env),
                stdin=asyncio.subprocess.DEVNULL
                if start.stdin is None
                else asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                user=start.uid,
                group=start.gid,
                extra_groups=None if start.uid is None else [],
            )
        except OSError as error:
            name = _error_name(error)
            raise CannotStart(start.name, name, error.strerror or str(error)) from error
        except ValueError as error:
            raise CannotStart(start.name, "EINVAL", str(error)) from error
        return cls(start, limits, child, on_output)

    @property
    def pid(self) -> int:
        """The process, which is also the group of all that it starts."""
        return self._child.pid

    def so_far(self, stream: str) -> str:
        """Return what came on ``stdout`` or ``stderr`` until now."""
        return self._kept[stream].result()

    async def finish(self) -> Finished:
        """Wait until the program has ended; raises KilledCommand when its time is over.

        When this is cancelled, the program and all that it started are ended.
        """
        timeout_s = self._limits.timeout_s
        try:
            async with asyncio.timeout(timeout_s or None):
                await self._communicate()
        except TimeoutError as error:
            raise KilledCommand(self._start.name, timeout_s) from error
        finally:
            await self._end()
        code = self._child.returncode or 0
        return Finished(self.so_far("stdout"), self.so_far("stderr"), max(code, 0))

    def kill(self) -> None:
        """End the program and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _communicate(self) -> None:
        child = self._child
        tasks = [
            asyncio.create_task(self._read("stdout", child.stdout)),
            asyncio.create_task(self._read("stderr", child.stderr)),
        ]
        feeding = asyncio.create_task(self._feed())
        try:
            await child.wait()
            await asyncio.wait(tasks, timeout=_LINGER_S)
        finally:
            for task in (*tasks, feeding):
                task.cancel()
            await asyncio.gather(*tasks, feeding, return_exceptions=True)

    async def _feed(self) -> None:
        if self._start.stdin is None or self._child.stdin is None:
            return
        # A program that does not want all of its input may end before it has read it.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._child.stdin.write(self._start.stdin.encode())
            await self._child.stdin.drain()
        self._child.stdin.close()

    async def _read(self, name: str, stream: asyncio.StreamReader | None) -> None:
        kept = self._kept[name]
        while stream is not None and (data := await stream.read(_CHUNK)):
            if text := kept.take(data):
                self._on_output(name, text)
        if text := kept.take(b"", is_last=True):
            self._on_output(name, text)

    async def _end(self) -> None:
        if self._child.returncode is None:
            self.kill()
            await asyncio.shield(self._child.wait())
        transport = getattr(self._child, "_transport", None)  # asyncio closes pipes only through it
        if transport is not None:
            transport.close()


def _error_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "EIO")


async def run(start: Start, limits: Limits) -> Finished:
    """Run a program to its end; raises CannotStart, KilledCommand."""
    return await (await Process.start(start, limits)).finish()
