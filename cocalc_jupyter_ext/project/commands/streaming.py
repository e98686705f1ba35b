"""Commands whose output is sent while it comes (hub-project-api §3.3, "streaming variant").

The command is a job like any other: who stops listening can ask for it with ``async_get``.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.client.subscription import Message
from ...conat.protocol.subjects import project_subject
from ...conat.services.responder import Responder, in_data
from ...conat.types import ProjectId
from ..dispatch import ApiError
from .jobs import Job
from .options import ExecOptions, Lookup, read_options
from .runner import Commands

__all__ = ["ExecStreamService", "stream_subject"]

QUEUE: Final = "q"
MAX_STREAMS: Final = 50
BATCH_S: Final = 0.1


def stream_subject(project_id: ProjectId, compute_server_id: int = 0) -> str:
    """Return where the service answers."""
    return project_subject(project_id, "exec-stream", compute_server_id=compute_server_id)


class ExecStreamService(Responder):
    """Answers each request with replies ``{type, data, seq}``, and an empty one at the end."""

    def __init__(self, client: Client, commands: Commands, project_id: ProjectId) -> None:
        super().__init__(
            client,
            stream_subject(project_id),
            self._stream,
            failure=in_data,
            queue=QUEUE,
            max_concurrent=MAX_STREAMS,
        )
        self._commands = commands
        self._project_id = project_id

    async def _stream(self, request: Message) -> None:
        if request.reply_subject is None:
            return
        options = self._read(request.data)
        listener = _Listener(self._client, request.reply_subject)
        job = await self._commands.begin(options, listener.take)
        job.on_sample = listener.samples.append
        await listener.send("job", job.first_record())
        while not job.ended.is_set():
            await _wait_a_moment(job)
            await listener.flush()
        await listener.flush()  # what came while the last of it was being sent
        await listener.send("done", job.record(with_stats=options.with_stats))

    def _read(self, data: object) -> ExecOptions:
        if not isinstance(data, Mapping) or data.get("project_id") != self._project_id:
            raise ApiError("exec-stream: project_id must be that of this project")
        options = read_options({**data, "async_call": True}, self._commands.home)
        if isinstance(options, Lookup):
            raise ApiError("exec-stream: a job that runs already is asked for by system.exec")
        return options


async def _wait_a_moment(job: Job) -> None:
    try:
        async with asyncio.timeout(BATCH_S):
            await job.ended.wait()
    except TimeoutError:
        return


class _Listener:
    """Who gets the output, in batches, until nobody is there any more."""

    def __init__(self, client: Client, subject: str) -> None:
        self._client = client
        self._subject = subject
        self._seq = 0
        self._batches: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._is_gone = False
        self.samples: list[dict[str, float]] = []

    def take(self, stream: str, text: str) -> None:
        """Keep some output until the next batch."""
        if not self._is_gone:
            self._batches[stream].append(text)

    async def flush(self) -> None:
        """Send what has come."""
        for stream, batch in self._batches.items():
            if batch:
                text = "".join(batch)
                batch.clear()
                await self.send(stream, text)
        while self.samples:
            await self.send("stats", self.samples.pop(0))

    async def send(self, kind: str, data: Any) -> None:
        """Send the next reply, unless nobody listens any more."""
        if self._is_gone:
            return
        message = {"type": kind, "data": data, "seq": self._seq}
        sent = await self._client.publish(self._subject, message, wait_for_interest=self._seq == 0)
        self._seq += 1
        self._is_gone = not sent.count
