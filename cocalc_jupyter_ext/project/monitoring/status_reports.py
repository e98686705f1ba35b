"""Publishes how a project is, for the pages that show it (hub-project-api §4.13).

Reports go out once a minute, at once when an alert comes or goes, and to a first listener within
seconds. Nothing is looked at while nobody listens.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

from ...conat.client.client import Client
from ...conat.errors import ConatError
from .project_info import Info
from .settings import MonitoringSettings
from .status import StatusWatch

__all__ = ["StatusReports"]

_log = logging.getLogger(__name__)


class Look(Protocol):
    """Looks at the project; ``ProjectInfo.get`` does."""

    def __call__(self) -> Awaitable[Info]:
        """Return what was found."""
        ...


class StatusReports:
    """Publishes on ``subject``. Use as an asynchronous context manager."""

    def __init__(
        self,
        client: Client,
        subject: str,
        look: Look,
        watch: StatusWatch,
        settings: MonitoringSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._subject = subject
        self._look = look
        self._watch = watch
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._told: list[Any] | None = None
        self._told_at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=f"reports on {self._subject}")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._report_if_due()
            except ConatError as error:
                _log.warning("how the project is was not reported: %s", error)
            except Exception:  # noqa: BLE001 - one failure must not end all later reports
                _log.exception("the project could not be looked at; it is tried again")
            await self._sleep(self._settings.scan_interval_s)

    async def _report_if_due(self) -> None:
        if not await self._client.interest(self._subject):
            self._told = None
            self._watch.forget()
            return
        now = self._clock()
        status = self._watch.status(await self._look(), now)
        is_due = now - self._told_at >= self._settings.status_interval_s
        if is_due or status["alerts"] != self._told:
            await self._client.publish(self._subject, status)
            self._told, self._told_at = status["alerts"], now
