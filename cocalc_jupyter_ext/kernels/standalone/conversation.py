"""Runs one execution at a time on an open link, and asks questions beside it.

The shell that turns what a link reports into the messages of executions. It knows nothing of
starting or ending kernels.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from ...conat.signals import Signal
from ..backlog import IopubMessage
from ..kernel import KernelLink
from .execution import Execution, Message, Stdin
from .progress import Grace, Progress

__all__ = ["Conversation"]

_log = logging.getLogger(__name__)
_COMMS: Final = frozenset({"comm_open", "comm_msg", "comm_close"})


class Conversation:
    """Implements ``KernelListener`` for one link at a time.

    ``on_lost`` is called when the link's process has closed its end.
    """

    def __init__(self, grace: Grace, on_lost: Callable[[], object]) -> None:
        self.shell: Signal[[Message]] = Signal("shell")
        self.iopub: Signal[[Message]] = Signal("iopub")
        self.stdin: Signal[[Message]] = Signal("stdin")
        self._on_lost = on_lost
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._link: KernelLink | None = None
        self._late_s = 0.0
        self._current: tuple[Execution, Progress] | None = None
        self._changed = asyncio.Event()
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    def use(self, link: KernelLink, late_s: float = 0.0) -> None:
        """Talk over this link from now on; its kernel's outputs may be late by so much."""
        self._link = link
        self._late_s = late_s
        self.on_messages()

    async def run(self, execution: Execution) -> bool:
        """Run code to its end, which someone else may bring about too; return whether it failed."""
        link = self._open_link()
        execution.begin()
        request_id = link.execute(
            execution.code,
            execution.id,
            allow_stdin=execution.stdin is not None,
            silent=execution.silent,
        )
        progress = Progress(request_id, heard_at=self._loop.time())
        self._current = (execution, progress)
        try:
            await self._until_over(execution, progress)
            if self._late_s and progress.is_over:
                await asyncio.sleep(self._late_s)
        finally:
            self._current = None
            await self._stop_answering()
        return progress.failed

    async def ask(self, kind: str, content: dict[str, Any], timeout_s: float) -> Message:
        """Ask over the shell channel and return the content of the reply.

        Raises ``TimeoutError``, ``ConnectionError`` when the kernel is gone meanwhile.
        """
        request_id = self._open_link().ask(kind, content)
        answer: asyncio.Future[Message] = self._loop.create_future()
        self._answers[request_id] = answer
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        finally:
            del self._answers[request_id]

    async def close(self) -> None:
        """Release the link; what waits for an answer is told. Idempotent."""
        link, self._link = self._link, None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError("The kernel ended."))
        await self._stop_answering()
        if link is not None:
            await link.close()

    # What the link reports

    def on_reply(self, message: dict[str, Any]) -> None:
        """Take a reply: the end of the code, or an answer."""
        told = _told(message)
        self.shell.emit(told)
        parent_id = message["parent_header"].get("msg_id")
        answer = self._answers.get(str(parent_id))
        if answer is not None and not answer.done():
            answer.set_result(dict(message["content"]))
        if self._current is None or self._current[1].request_id != parent_id:
            return
        execution, progress = self._current
        status = str(message["content"].get("status"))
        if status == "ok":
            execution.push(told)
        progress.replied(self._loop.time(), status)
        self._changed.set()

    def on_messages(self) -> None:
        """Take what the kernel published."""
        if self._link is not None:
            for message in self._link.take():
                self._take(message)

    def on_input_request(self, message: dict[str, Any]) -> None:
        """Have a question of the running code answered; those of others are not ours."""
        self.stdin.emit(_told(message))
        if self._current is None:
            return
        execution, progress = self._current
        if message["parent_header"].get("msg_id") != progress.request_id:
            return
        if execution.stdin is not None:
            answering = asyncio.create_task(self._answer(message, execution.stdin), name="stdin")
            self._answering.add(answering)
            answering.add_done_callback(self._answering.discard)

    def on_disconnected(self) -> None:
        """Pass on that the process has closed its end."""
        self._on_lost()

    def _open_link(self) -> KernelLink:
        if self._link is None:
            raise ConnectionError("The kernel ended.")
        return self._link

    def _take(self, message: IopubMessage) -> None:
        told: Message = {
            "msg_type": message.kind,
            "content": message.content,
            "metadata": message.metadata,
        }
        if message.buffers:
            told["buffers"] = list(message.buffers)
        self.iopub.emit(told)
        if self._current is None or self._current[1].request_id != message.parent_id:
            return
        execution, progress = self._current
        if message.kind not in _COMMS:
            execution.push(told)
        idle = message.kind == "status" and message.content.get("execution_state") == "idle"
        progress.heard(self._loop.time(), is_idle=idle)
        self._changed.set()

    async def _until_over(self, execution: Execution, progress: Progress) -> None:
        ended = asyncio.create_task(execution.ended(), name="ended by somebody")
        waiting: set[asyncio.Task[Any]] = {ended}
        try:
            while not (progress.is_over or ended.done()):
                left_s = progress.wait_s(self._loop.time(), self._grace)
                if left_s is not None and left_s <= 0:
                    _log.warning("A kernel did not report that code was over; its reply ended it")
                    return
                self._changed.clear()
                changed = asyncio.create_task(self._changed.wait(), name="progress")
                waiting.add(changed)
                await asyncio.wait(waiting, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                waiting.discard(changed)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _answer(self, request: dict[str, Any], stdin: Stdin) -> None:
        content = request["content"]
        try:
            text = await stdin(str(content.get("prompt", "")), bool(content.get("password")))
        except Exception as error:  # noqa: BLE001 - the contract: the code gets its text
            text = str(error)
        if self._link is not None:
            self._link.answer(request, text)

    async def _stop_answering(self) -> None:
        for answering in self._answering:
            answering.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)


def _told(message: dict[str, Any]) -> Message:
    told = {
        "msg_type": message["header"]["msg_type"],
        "content": message["content"],
        "metadata": message["metadata"],
    }
    if message.get("buffers"):
        told["buffers"] = [bytes(buffer) for buffer in message["buffers"]]
    return told
