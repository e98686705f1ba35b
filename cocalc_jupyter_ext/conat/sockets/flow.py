"""Both directions of one socket: what is written arrives once and in order (conat-core §14.5).

A flow is open while its socket is ready. What is written while it is shut waits; what the
peer has not acknowledged when it opens again is offered again by its last packet, and the
peer asks for the rest. Acknowledgements are coalesced: one is under way at a time, and it
always tells the latest number.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

from ..client.reconnect import retry_delays
from ..client.subscription import Message
from ..errors import ConatError, Disconnected
from .commands import (
    NO_DATA,
    Control,
    Emitted,
    Missing,
    packets_from_wire,
    packets_to_wire,
)
from .errors import SocketReset
from .resend import ResendTimer
from .sequence import Packet, Receiver, Sender
from .tasks import Tasks

__all__ = ["Flow", "FlowListener", "Peer"]

_log = logging.getLogger(__name__)

RETRY_START_S: Final = 0.5
RETRY_MAX_S: Final = 15.0
MAX_ASKED: Final = 200


class Peer(Protocol):
    """The way to the other end."""

    def publish(self, packet: Packet) -> None:
        """Send a packet; raises ConatError, Disconnected among them."""
        ...  # pragma: no cover - a protocol has no body

    async def ask(self, control: Control) -> Message:
        """Send a control and return the answer; raises ConatError."""
        ...  # pragma: no cover - a protocol has no body


class FlowListener(Protocol):
    """Who owns a flow."""

    def on_packet(self, packet: Packet) -> None:
        """Take the next packet."""
        ...  # pragma: no cover - a protocol has no body

    def on_progress(self) -> None:
        """Note that the peer has acknowledged something."""
        ...  # pragma: no cover - a protocol has no body

    def on_reset(self, error: SocketReset) -> None:
        """Note that something is lost for good."""
        ...  # pragma: no cover - a protocol has no body

    def unread(self) -> int:
        """Return how many of the packets handed on nobody has read yet."""
        ...  # pragma: no cover - a protocol has no body


class Flow:
    """The state of both directions, and what keeps them going."""

    def __init__(self, peer: Peer, listener: FlowListener, tasks: Tasks, max_queue: int) -> None:
        self.sender = Sender(max_queue)
        self.receiver = Receiver(max_queue)
        self._peer = peer
        self._listener = listener
        self._tasks = tasks
        self._timer = ResendTimer(self.sender, self._offer_again)
        self._is_open = False
        self._reported_seq = 0
        self._must_report = False

    def open(self) -> None:
        """Begin to send and to acknowledge."""
        self._is_open = True
        self._offer_again()
        self._timer.restart()
        self._must_report = self.receiver.emitted_seq > 0
        self.report()
        self._recover()

    def shut(self) -> None:
        """Stop sending; everything is kept."""
        self._is_open = False
        self._timer.stop()
        self._tasks.cancel("report", "recover")

    def write(self, raw: bytes, headers: Mapping[str, Any]) -> None:
        """Keep a message under its number, and send it if the flow is open; raises SocketFull."""
        self.sender.add(raw, headers)
        if self._is_open:
            self._publish_waiting()
            self._timer.watch()

    def receive(self, packet: Packet) -> None:
        """Take a packet of the peer, in any order and as often as it comes."""
        if self.receiver.is_duplicate(packet.seq):
            self._must_report = True  # its acknowledgement may have been lost
        for each in self.receiver.receive(packet):
            self._listener.on_packet(each)
        self.report()
        self._recover()

    def answer(self, control: Control) -> tuple[object, dict[str, str] | None]:
        """Return the data and the headers of the answer to a control of the peer."""
        if isinstance(control, Emitted):
            if self.sender.acknowledge(control.seq):
                self._listener.on_progress()
            return control.to_wire(), None
        packets = self.sender.recall(control.seqs)
        return (None, dict(NO_DATA)) if packets is None else (packets_to_wire(packets), None)

    # Acknowledgements

    def report(self) -> None:
        """Begin to acknowledge what was read, unless that is under way."""
        if self._is_open and self._has_report and "report" not in self._tasks:
            self._tasks.spawn("report", self._report())

    @property
    def reportable_seq(self) -> int:
        """The last number that was handed on and read."""
        return self.receiver.emitted_seq - self._listener.unread()

    @property
    def _has_report(self) -> bool:
        return self._must_report or self.reportable_seq > self._reported_seq

    async def _report(self) -> None:
        delays = retry_delays(RETRY_START_S, RETRY_MAX_S)
        while self._has_report:
            self._must_report = False
            seq = max(self.reportable_seq, self._reported_seq)
            try:
                await self._peer.ask(Emitted(seq))
            except ConatError as error:
                _log.debug("an acknowledgement failed and is repeated: %s", error)
                self._must_report = True
                await asyncio.sleep(next(delays))
            else:
                self._reported_seq = seq

    # Gaps

    def _recover(self) -> None:
        if self._is_open and "recover" not in self._tasks and self.receiver.missing(1):
            self._tasks.spawn("recover", self._fetch_missing())

    async def _fetch_missing(self) -> None:
        delays = retry_delays(RETRY_START_S, RETRY_MAX_S)
        while seqs := self.receiver.missing(MAX_ASKED):
            try:
                self._take(seqs, await self._peer.ask(Missing(tuple(seqs))))
            except SocketReset as error:
                self._listener.on_reset(error)
                return
            except ConatError as error:
                _log.debug("missing messages did not come and are asked for again: %s", error)
            if self.receiver.missing(MAX_ASKED) == seqs:
                await asyncio.sleep(next(delays))

    def _take(self, seqs: list[int], answer: Message) -> None:
        """Take the answer to a request for missing packets; raises SocketReset if it is in vain."""
        if answer.headers == NO_DATA:
            # Packets that arrived meanwhile are not held any more, and not needed either.
            if all(self.receiver.lacks(seq) for seq in seqs):
                raise SocketReset(f"message {seqs[0]} is lost: the peer does not have it any more")
            return
        for packet in packets_from_wire(answer.data):
            self.receive(packet)

    # Sending

    def _publish_waiting(self) -> None:
        while (packet := self.sender.next_unpublished) is not None:
            if not self._publish(packet):
                return

    def _offer_again(self) -> None:
        """Send what was never sent, or else the last packet: it makes the peer ask for others."""
        if self.sender.next_unpublished is not None:
            self._publish_waiting()
        elif self.sender.last is not None:
            self._publish(self.sender.last)

    def _publish(self, packet: Packet) -> bool:
        try:
            self._peer.publish(packet)
        except Disconnected:
            return False  # the end of the connection is about to be told
        except ConatError as error:
            _log.warning("message %d waits, because it cannot be sent: %s", packet.seq, error)
            return False
        self.sender.mark_published(packet)
        return True
