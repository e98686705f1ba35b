"""Sends messages: cut into chunks, checked, confirmed, and waited for (conat-core §9)."""

import asyncio
from dataclasses import dataclass
from typing import Final

from ..errors import ConatError, RemoteError, RequestTimeout
from ..protocol.chunks import chunk_size, split
from ..protocol.messages import Publish, WaitForInterest
from ..types import Clock, Headers, MakeId, MessageId, Subject
from .denials import Denials
from .session import TIMED_OUT, Session
from .statistics import Traffic

__all__ = ["Outgoing", "Publisher"]

ANSWER_NOW_TIMEOUT_S: Final = 10.0
MAX_INTEREST_WAIT_S: Final = 90.0
MIN_TIME_TO_PUBLISH_AGAIN_S: Final = 0.5
SERVER_TIMED_OUT: Final = "Error: timeout"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message with its payload encoded."""

    subject: Subject
    raw: bytes
    encoding: int
    headers: Headers


class Publisher:
    """The outgoing messages of one client."""

    def __init__(
        self, session: Session, denials: Denials, sent: Traffic, *, clock: Clock, make_id: MakeId
    ) -> None:
        self._session = session
        self._denials = denials
        self._sent = sent
        self._clock = clock
        self._make_id = make_id

    def send(self, message: Outgoing) -> None:
        """Send without asking for an answer. Raises Disconnected, or a known refusal."""
        for event in self._chunks(message):
            self._session.send(event)
            self._sent.count(event.chunk)

    async def publish(self, message: Outgoing, timeout_s: float, *, wait: bool) -> int:
        """Send, and return how many receivers the server counted (conat-core §9.3).

        With ``wait``, a message that reached nobody is sent once more as soon as somebody
        has subscribed, if enough time is left.
        """
        deadline_s = self._clock() + timeout_s
        count = await self._publish_once(message, timeout_s)
        left_s = deadline_s - self._clock()
        if count or not wait or left_s <= 0:
            return count
        await self.wait_for_interest(message.subject, left_s)
        left_s = deadline_s - self._clock()
        if left_s <= MIN_TIME_TO_PUBLISH_AGAIN_S:
            return 0
        return await self._publish_once(message, left_s)

    async def wait_for_interest(self, subject: str, timeout_s: float) -> bool:
        """Wait until somebody is subscribed; 0 asks for an answer now."""
        wait_s = min(max(timeout_s, 0.0), MAX_INTEREST_WAIT_S)
        event = WaitForInterest(subject, round(wait_s * 1000))
        try:
            return bool(await self._session.ask(event, wait_s or ANSWER_NOW_TIMEOUT_S))
        except RemoteError as error:
            if str(error) == SERVER_TIMED_OUT:  # the server may notice before we do
                raise RequestTimeout(TIMED_OUT) from error
            raise

    async def _publish_once(self, message: Outgoing, timeout_s: float) -> int:
        """Send all chunks at once and return the largest count (conat-core §4.3)."""
        answers = []
        for event in self._chunks(message):
            answers.append(self._session.ask(event, timeout_s))
            self._sent.count(event.chunk)
        if len(answers) == 1:
            return _count(await answers[0])
        return max(_count(answer) for answer in await asyncio.gather(*answers))

    def _chunks(self, message: Outgoing) -> list[Publish]:
        self._denials.check("pub", message.subject, self._clock())
        info = self._session.info
        chunks = split(
            MessageId(self._make_id()),
            message.raw,
            size_bytes=chunk_size(info.max_payload_bytes if info else None),
            encoding=message.encoding,
            headers=message.headers,
        )
        return [Publish(message.subject, chunk) for chunk in chunks]


def _count(answer: object) -> int:
    count = answer.get("count") if isinstance(answer, dict) else None
    if not isinstance(count, int):
        raise ConatError(f"the server answered a message with {answer!r:.100} instead of a count")
    return count
