"""Why a kernel was lost: it died, or somebody restarted or ended it."""

import asyncio

from .endings import Ending
from .events import Loss
from .kernel import KernelHost
from .settings import RunnerSettings

__all__ = ["cause_of_loss", "died_by_itself", "is_stopping"]


def is_stopping(host: KernelHost, kernel_id: str | None) -> bool:
    """Return whether a kernel is gone, or somebody asked for its end or restart."""
    return kernel_id is not None and (not host.exists(kernel_id) or host.is_stopping(kernel_id))


def died_by_itself(ending: Ending, launches_before: int) -> bool:
    """Return whether a process died, though Jupyter may have found it first and be restarting it.

    What is known of the ``launches_before`` it says nothing about this one.
    """
    return ending.by_itself and ending.launch > launches_before


async def cause_of_loss(host: KernelHost, kernel_id: str, settings: RunnerSettings) -> Loss:
    """Return what becomes of a kernel that somebody stops: waits a while for its restart."""
    loop = asyncio.get_running_loop()
    until = loop.time() + settings.cause_s
    while loop.time() < until:
        if not host.exists(kernel_id):
            return Loss.SHUT_DOWN
        if not host.is_stopping(kernel_id):
            return Loss.RESTARTED
        await asyncio.sleep(settings.batch_s)
    return Loss.SHUT_DOWN
