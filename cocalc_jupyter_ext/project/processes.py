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
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Self

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
    """How a program is started; ``title`` is what it is called in errors."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
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
    """A running program; whoever starts it waits for it with ``finish``."""

    def __init__(
        self,
        start: Start,
        limits: Limits,
        child: asyncio.subprocess.Process,
        outputs: "list[_Output]",
    ) -> None:
        self._start = start
        self._limits = limits
        self._child = child
        self._outputs = {output.name: output for output in outputs}

    @classmethod
    async def start(
        cls, start: Start, limits: Limits, on_output: OnOutput = lambda _stream, _text: None
    ) -> Self:
        """Start a program; raises CannotStart."""
        limit = min(limits.max_output, MAX_OUTPUT)
        with ExitStack() as opened:
            pipes = [_pipe(opened) for _ in _STREAMS]
            child = await _spawn(start, *(write for _, write in pipes))
            outputs = [
                _Output(name, os.fdopen(os.dup(read), "rb", buffering=0), _Kept(limit), on_output)
                for name, (read, _) in zip(_STREAMS, pipes, strict=True)
            ]
        return cls(start, limits, child, outputs)

    @property
    def pid(self) -> int:
        """The process, which is also the group of all that it starts."""
        return self._child.pid

    def so_far(self, stream: str) -> str:
        """Return what came on ``stdout`` or ``stderr`` until now."""
        return self._outputs[stream].kept.result()

    async def finish(self) -> Finished:
        """Wait until the program has ended; raises KilledCommand when its time is over.

        When this is cancelled, the program and all that it started are ended.
        """
        timeout_s = self._limits.timeout_s
        reading = [asyncio.create_task(output.read()) for output in self._outputs.values()]
        try:
            async with asyncio.timeout(timeout_s or None):
                await self._child.wait()
            await asyncio.wait(reading, timeout=_LINGER_S)
        except TimeoutError as error:
            raise KilledCommand(self._start.name, timeout_s) from error
        finally:
            await self._end(reading)
        code = self._child.returncode or 0
        return Finished(self.so_far("stdout"), self.so_far("stderr"), max(code, 0))

    async def _end(self, reading: "list[asyncio.Task[None]]") -> None:
        if self._child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            await asyncio.shield(self._child.wait())
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        for output in self._outputs.values():
            output.pipe.close()  # also of a task that was cancelled before its first step


_STREAMS: Final = ("stdout", "stderr")


@dataclass(slots=True)
class _Output:
    """One stream of a program.

    The pipes are our own: those of asyncio would make waiting for the program wait for all that
    it leaves in the background.
    """

    name: str
    pipe: BinaryIO
    kept: _Kept
    on_output: OnOutput

    async def read(self) -> None:
        """Read to the end, or until this is cancelled; then the pipe is closed."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: protocol, self.pipe)
        try:
            while data := await reader.read(_CHUNK):
                self._take(data)
        finally:
            transport.close()
        self._take(b"", is_last=True)

    def _take(self, data: bytes, *, is_last: bool = False) -> None:
        if text := self.kept.take(data, is_last=is_last):
            self.on_output(self.name, text)


def _pipe(opened: ExitStack) -> tuple[int, int]:
    """Return the two ends of a pipe, which are closed with the stack."""
    read, write = os.pipe()
    opened.callback(os.close, read)
    opened.callback(os.close, write)
    return read, write


async def _spawn(start: Start, stdout: int, stderr: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *start.argv,
            cwd=start.cwd,
            env=dict(start.env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            user=start.uid,
            group=start.gid,
            extra_groups=None if start.uid is None else [],
        )
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "EIO")
        raise CannotStart(start.name, name, error.strerror or str(error)) from error
    except ValueError as error:
        raise CannotStart(start.name, "EINVAL", str(error)) from error


async def run(start: Start, limits: Limits) -> Finished:
    """Run a program to its end; raises CannotStart, KilledCommand."""
    return await (await Process.start(start, limits)).finish()
