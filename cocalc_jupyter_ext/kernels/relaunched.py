"""Learns how a kernel is that Jupyter has started again (syncdoc-jupyter §4.4).

Jupyter Server knows the state of a kernel by its last status message. A process that died amid
code leaves "busy" behind, and the next one says nothing until somebody asks it. Pages of JupyterLab
ask; where none is open, everybody would read "busy" until the next run.
"""

import asyncio
import logging
from typing import Any, Final

from .kernel_queries import ask_kernel

__all__ = ["hear_of_relaunched"]

_log = logging.getLogger(__name__)

_STARTING: Final = "starting"
_IDLE: Final = "idle"
_ANSWERS: Final = 5
"""A kernel that has answered so often is ready, whether its status messages are heard or not."""
_START_S: Final = 60.0
_ASK_S: Final = 2.0
_HEARD_S: Final = 0.1


async def hear_of_relaunched(manager: Any) -> None:
    """Say that the kernel of a manager is starting, and ask it until its state is known.

    Managers that keep no state are left alone; so is a kernel that never answers.
    """
    if not manager.has_trait("execution_state"):
        return
    manager.execution_state = _STARTING
    try:
        async with asyncio.timeout(_START_S):
            for _ in range(_ANSWERS):
                await _answer(manager)
                await asyncio.sleep(_HEARD_S)
                if manager.execution_state != _STARTING:
                    return
    except TimeoutError:
        _log.warning("A kernel that was started again does not answer; it stays 'starting'")
    else:
        manager.execution_state = _IDLE


async def _answer(manager: Any) -> None:
    """Ask until the kernel answers, also at the address that it has by then."""
    while True:
        try:
            info = manager.get_connection_info()
            await ask_kernel(info, lambda client: client.kernel_info(), _ASK_S)
        except TimeoutError:
            continue
        return
