"""Runs the commands that collaborators ask for (hub-project-api §3.3)."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from ...conat.services.worker_threads import in_thread
from ..concurrency import ConcurrencyLimit
from ..dispatch import ApiError, ApiFunction
from ..processes import Finished, Limits, OnOutput, Process, Start, child_environment
from .jobs import Job, Jobs, job_settings
from .options import SCRIPT, Command, ExecOptions, Lookup, read_options
from .sharing import SharedRuns

__all__ = ["MAX_WAITING", "CommandFailed", "Commands"]

T = TypeVar("T")

MAX_WAITING: Final = 50
"""Calls that wait for a command at once; more would leave no place for other calls."""

_TOLD_STDERR: Final = 1_024


class CommandFailed(ApiError):  # noqa: N818 - its text is of the contract
    """A command ended with a nonzero exit code, which the caller takes for a failure."""

    def __init__(self, title: str, result: Finished) -> None:
        super().__init__(
            f"command '{title[:200]}' exited with nonzero code {result.exit_code} -- "
            f"stderr='{result.stderr[:_TOLD_STDERR]}'"
        )
        self.result = result


class Commands:
    """The commands of one project, whose files are in ``home``; ``close`` ends all of them."""

    def __init__(
        self,
        home: Path,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.home = home
        self._environ = environ
        self._clock = clock
        self.jobs = Jobs(job_settings(environ), clock)
        self._shared: SharedRuns[Finished] = SharedRuns(time.monotonic)
        self._running: set[asyncio.Task[Any]] = set()
        self._is_closed = False
        self._concurrency = ConcurrencyLimit(
            "calls that wait for a command", running=MAX_WAITING, waiting=0
        )

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {"system.exec": self.exec}

    async def exec(self, value: object) -> object:
        """Run a command, start a job, or look at one.

        Raises ApiError for what cannot be run, CommandFailed, KilledCommand, CannotStart.
        """
        options = read_options(value, self.home)
        if isinstance(options, Lookup):
            return await self._look_up(options)
        self._check_open()
        if options.is_async:
            return await self._start_job(options)
        result = await self._blocking(options)
        told: dict[str, Any] = {
            "type": "blocking",
            "stdout": result.stdout,
            "stderr": result.stderr,
            "exit_code": result.exit_code,
        }
        return _with_id(told, options)

    async def close(self) -> None:
        """End everything that runs, and start nothing more; calling it again does nothing."""
        self._is_closed = True
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def begin(self, options: ExecOptions, on_output: OnOutput) -> Job:
        """Start a job in the background; return it once its process is known, or it has failed.

        Raises ApiError while too many are running.
        """
        self._check_open()
        job = self.jobs.make()
        task = self._own(self._job(job, options, on_output), f"job {job.job_id}")
        spawned = asyncio.create_task(job.spawned.wait())
        try:
            await asyncio.wait({task, spawned}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            spawned.cancel()
        return job

    # Calls

    async def _blocking(self, options: ExecOptions) -> Finished:
        async with self._concurrency.slot():
            if options.aggregate is None:
                return await self._own(self._run(options), "a command")
            return await self._shared.call(
                options.share_key,
                options.aggregate,
                lambda: self._own(self._run(options), "a shared command"),
            )

    async def _start_job(self, options: ExecOptions) -> object:
        job = await self.begin(options, lambda _stream, _text: None)
        if options.waits:
            await self._end_of(job)
            return _with_id(job.record(with_stats=options.with_stats), options)
        return _with_id(job.first_record(), options)

    async def _look_up(self, lookup: Lookup) -> object:
        job = self.jobs.get(lookup.job_id)
        if lookup.waits:
            await self._end_of(job)
        return job.record(with_stats=lookup.with_stats)

    async def _end_of(self, job: Job) -> None:
        async with self._concurrency.slot():
            await job.ended.wait()

    # Running

    def _check_open(self) -> None:
        if self._is_closed:
            raise ApiError("the project is being stopped; nothing is started any more")

    async def _run(
        self,
        options: ExecOptions,
        on_output: OnOutput = lambda _stream, _text: None,
        started: Callable[[Process], None] = lambda _process: None,
    ) -> Finished:
        limits = Limits(options.timeout_s, options.max_output)
        async with self._prepared(options) as start:
            process = await Process.start(start, limits, on_output)
            started(process)
            result = await process.finish()
        if options.fails_on_exit and result.exit_code:
            raise CommandFailed(options.command.title, result)
        return result

    @asynccontextmanager
    async def _prepared(self, options: ExecOptions) -> AsyncIterator[Start]:
        env = child_environment(self._environ, **options.env)
        if options.uid is not None:
            env["HOME"] = str(options.home)
        with tempfile.TemporaryDirectory(prefix="cocalc-exec-") as folder:
            argv = await in_thread(_write_script, Path(folder), options)
            title = options.command.title
            yield Start(argv, options.cwd, env, title=title, uid=options.uid, gid=options.gid)

    async def _job(self, job: Job, options: ExecOptions, on_output: OnOutput) -> None:
        measuring: asyncio.Task[None] | None = None

        def started(process: Process) -> None:
            nonlocal measuring
            job.begin(process)
            measuring = asyncio.create_task(self.jobs.measure(job, process.pid))

        try:
            result, failed = await self._run(options, on_output, started), False
        except CommandFailed as error:
            result, failed = Finished("", error.result.stderr, 1), True
        except (ApiError, OSError) as error:
            result, failed = Finished("", str(error), 1), True
        except asyncio.CancelledError:
            self.jobs.end(job, Finished("", "the project was stopped", 1), failed=True)
            raise
        finally:
            if measuring is not None:
                measuring.cancel()
                with suppress(asyncio.CancelledError):
                    await measuring
        self.jobs.end(job, result, failed=failed)

    def _own(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def _with_id(told: dict[str, Any], options: ExecOptions) -> dict[str, Any]:
    return told if options.echo is None else {**told, "id": options.echo}


def _write_script(folder: Path, options: ExecOptions) -> tuple[str, ...]:
    """Return the command line; a script is written to where it says first."""
    command: Command = options.command
    if command.script is None:
        return command.argv
    script = folder / SCRIPT
    script.write_text(command.script, encoding="utf-8")
    if options.uid is not None:  # another user runs it
        folder.chmod(0o711)
        script.chmod(0o644)
    return ("bash", str(script))
