"""Asking a kernel something that is not a run: completions, documentation, what it is.

Each question opens a connection of its own and closes it, so that nobody's questions mix with
the runner's messages. A kernel answers when it is idle; the wait is bounded, and over when the
kernel is.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from jupyter_client.asynchronous.client import AsyncKernelClient

from .channels import ConnectionInfo
from .errors import KernelUnreachableError
from .kernel import KernelHost

__all__ = ["Ask", "KernelQueries", "ask_kernel"]

DEFAULT_TIMEOUT_S: Final = 60.0
"""As long as a kernel may take to start. Who asks gives up earlier, if at all (§4.9: 10 s)."""
_LOOK_S: Final = 0.5

Ask: TypeAlias = Callable[[AsyncKernelClient], str]
"""Sends a request over the shell channel and returns its id."""


class KernelQueries:
    """Asks the kernels of a host.

    Every method raises ``KernelNotFoundError`` for an unknown kernel, and
    ``KernelUnreachableError`` when there is no answer in time, or the kernel ends.
    """

    def __init__(self, host: KernelHost, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._host = host
        self._timeout_s = timeout_s

    async def kernel_info(self, kernel_id: str) -> dict[str, Any]:
        """Return the content of the kernel's ``kernel_info_reply``."""
        return await self._ask(kernel_id, lambda client: client.kernel_info())

    async def complete(self, kernel_id: str, code: str, cursor_pos: int) -> dict[str, Any]:
        """Return the content of ``complete_reply``; positions count code points."""
        return await self._ask(kernel_id, lambda client: client.complete(code, cursor_pos))

    async def inspect(
        self, kernel_id: str, code: str, cursor_pos: int, detail_level: int
    ) -> dict[str, Any]:
        """Return the content of ``inspect_reply``."""
        return await self._ask(
            kernel_id, lambda client: client.inspect(code, cursor_pos, detail_level)
        )

    async def _ask(self, kernel_id: str, ask: Ask) -> dict[str, Any]:
        info = await self._host.connection_info(kernel_id)
        asking = asyncio.create_task(ask_kernel(info, ask, self._timeout_s), name="asking a kernel")
        try:
            while not (await asyncio.wait({asking}, timeout=_LOOK_S))[0]:
                if self._host.is_stopping(kernel_id) or not await self._host.is_alive(kernel_id):
                    raise KernelUnreachableError(kernel_id, "it has ended")
            return asking.result()
        except TimeoutError as error:
            problem = (
                f"it has not answered within {self._timeout_s:g} s, perhaps because it is busy"
            )
            raise KernelUnreachableError(kernel_id, problem) from error
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


async def ask_kernel(info: ConnectionInfo, ask: Ask, timeout_s: float) -> dict[str, Any]:
    """Ask over a connection of its own; return the content of the reply.

    Raises ``TimeoutError``.
    """
    client = AsyncKernelClient()
    client.load_connection_info(info)
    client.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)  # noqa: S604 - the channel of that name
    try:
        async with asyncio.timeout(timeout_s):
            return await _answer(client, ask(client))
    finally:
        client.stop_channels()


async def _answer(client: AsyncKernelClient, request_id: str) -> dict[str, Any]:
    while True:
        message = await client.get_shell_msg()
        if message["parent_header"].get("msg_id") == request_id:
            return dict(message["content"])
