"""Which kernel a notebook has: that of its session, as everybody in Jupyter sees it.

``sessions`` and ``kernels`` are Jupyter Server's session and kernel managers, untyped upstream.
"""

import asyncio
import logging
from typing import Any
from weakref import WeakValueDictionary

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_server.utils import ensure_async

from ..kernels.errors import KernelNotStartedError, KernelSpecNotFoundError
from ..kernels.record_kernel import KernelState
from .kernel_host import ServerKernels

__all__ = ["NotebookKernels"]

_log = logging.getLogger(__name__)

_NOTEBOOK = "notebook"


class NotebookKernels:
    """Finds, starts and ends the kernels of notebooks by their paths."""

    def __init__(self, sessions: Any, kernels: Any) -> None:
        self._sessions = sessions
        self._kernels = kernels
        self._host = ServerKernels(kernels)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._spawning: set[str] = set()

    async def find(self, path: str) -> str | None:
        """Return the kernel of a notebook's session, or None."""
        session = await self._session(path)
        return None if session is None else str(session["kernel"]["id"])

    def name_of(self, kernel_id: str) -> str | None:
        """Return the name of the specification of a kernel, if it is known."""
        if kernel_id not in self._kernels:
            return None
        return getattr(self._kernels.get_kernel(kernel_id), "kernel_name", None)

    async def ensure(self, path: str, kernel_name: str | None) -> str:
        """Return the kernel of a notebook; starts one where there is none.

        It has this name, or is the server's default one. Raises ``KernelSpecNotFoundError``,
        ``KernelNotStartedError``, and what else starting a kernel raises.
        """
        # Of two who ask at once, the second finds the first one's; other notebooks do not wait.
        async with self._changing(path):
            found = await self.find(path)
            if found is not None and self._is_as_wanted(found, kernel_name or None):
                return found
            if found is not None:
                await self._end(path)
            kernel_id = await self._start(path, kernel_name or self._kernels.default_kernel_name)
        _log.info("started a kernel for %s", path)
        return kernel_id

    async def _start(self, path: str, kernel_name: str) -> str:
        self._spawning.add(path)
        try:
            session = await self._sessions.create_session(
                path=path,
                name=path.rpartition("/")[2],
                type=_NOTEBOOK,
                kernel_name=kernel_name,
            )
        except NoSuchKernel as error:
            specs = self._kernels.kernel_spec_manager
            installed = await ensure_async(specs.find_kernel_specs())
            raise KernelSpecNotFoundError(kernel_name, sorted(installed)) from error
        except OSError as error:
            raise KernelNotStartedError(kernel_name, str(error)) from error
        finally:
            self._spawning.discard(path)
        return str(session["kernel"]["id"])

    async def spec_of(self, kernel_id: str) -> dict[str, str]:
        """Return what a notebook's file says of a kernel: names and language (§7.2).

        Raises what looking for kernels raises.
        """
        name = self.name_of(kernel_id)
        spec = await ensure_async(self._kernels.kernel_spec_manager.get_kernel_spec(name))
        return {"display_name": spec.display_name, "language": spec.language, "name": str(name)}

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt a kernel; raises ``KernelNotFoundError``."""
        await self._host.interrupt(kernel_id)

    async def signal(self, kernel_id: str, signum: int) -> None:
        """Send a signal to the kernel and all that it has started.

        Raises ``KernelNotFoundError``.
        """
        await self._host.signal(kernel_id, signum)

    async def end(self, path: str, *, unless_named: str = "") -> None:
        """End a notebook's session and its kernel; who asks for one meanwhile gets another.

        A kernel of the name ``unless_named`` goes on: it is already the one that took its place.
        """
        async with self._changing(path):
            found = await self.find(path)
            if not (unless_named and found and self._is_as_wanted(found, unless_named)):
                await self._end(path)

    async def _end(self, path: str) -> None:
        session = await self._session(path)
        if session is not None:
            await ensure_async(self._sessions.delete_session(session["id"]))

    async def follow_rename(self, old_path: str, new_path: str) -> None:
        """Let a renamed notebook keep its kernel, unless it has got another one.

        Pages of JupyterLab do so themselves, but there may be none.
        """
        async with self._changing(new_path):
            session = await self._session(old_path)
            if session is None or await self._session(new_path) is not None:
                return
            names = {"path": new_path, "name": new_path.rpartition("/")[2]}
            await ensure_async(self._sessions.update_session(session["id"], **names))

    async def restart(self, path: str) -> None:
        """Give a notebook's kernel a new process at once; pages stay connected.

        A notebook without a kernel is left alone. Raises what starting a kernel raises.
        """
        kernel_id = await self.find(path)
        if kernel_id is not None:
            answers = await ensure_async(self._kernels.restart_kernel(kernel_id, now=True))
            # Whoever runs code waits for the kernel's answer; that Jupyter does so too is its own.
            if isinstance(answers, asyncio.Future):
                answers.add_done_callback(_log_failed_restart)

    async def look(self, path: str) -> KernelState:
        """Return how the kernel of a notebook is."""
        kernel_id = await self.find(path)
        if kernel_id is None or kernel_id not in self._kernels:
            is_spawning = path in self._spawning
            return KernelState("spawning", "starting") if is_spawning else KernelState()
        name = self.name_of(kernel_id)
        file = getattr(self._kernels.get_kernel(kernel_id), "connection_file", None)
        state = self._execution_state(kernel_id)
        ended = state != "dead" and not await self._host.is_alive(kernel_id)
        if ended or state in {None, "starting", "restarting"}:
            return KernelState("starting", "starting", name, file)
        return KernelState("ready" if state == "dead" else "running", str(state), name, file)

    def _execution_state(self, kernel_id: str) -> Any:
        return getattr(self._kernels.get_kernel(kernel_id), "execution_state", None)

    def _is_as_wanted(self, kernel_id: str, kernel_name: str | None) -> bool:
        """Return whether a kernel has this name, if one is wanted, and did not die for good."""
        if (
            kernel_name is not None
            and (self.name_of(kernel_id) or "").lower() != kernel_name.lower()
        ):
            return False
        return bool(self._execution_state(kernel_id) != "dead")

    def _changing(self, path: str) -> asyncio.Lock:
        return self._locks.setdefault(path, asyncio.Lock())

    async def _session(self, path: str) -> dict[str, Any] | None:
        if not await ensure_async(self._sessions.session_exists(path)):
            return None
        return dict(await ensure_async(self._sessions.get_session(path=path)))


def _log_failed_restart(answers: asyncio.Future[Any]) -> None:
    if not answers.cancelled() and (error := answers.exception()) is not None:
        _log.warning("a kernel that was restarted does not answer: %s", error)
