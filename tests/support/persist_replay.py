"""What a recorded client of a persist service said, said again to ours.

Identifiers of sockets and inboxes are chosen by clients, so they stay as they are. What a
client said in answer to the recorded server's own questions (pings, acknowledgements) is left
out: ours asks under other names.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.protocol.codec import decode, from_json
from cocalc_jupyter_ext.conat.protocol.socketio import Frame

from .conat_peers import WireClient
from .vectors import Conversation, messages

__all__ = ["Heard", "heard_by", "replay"]

TIMEOUT_S = 20
_ASKED = re.compile(r"4(?:2|5\d+-)(\d+)\[")


@dataclass
class Heard:
    """What the clients of a conversation got.

    ``replies`` holds, for each request, headers and values; ``events`` all events of the
    changefeeds, by socket; ``errors`` what was written without a value.
    """

    replies: dict[str, list[tuple[Any, Any]]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    counters: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    errors: list[Any] = field(default_factory=list)


def heard_by(frames: list[Frame]) -> Heard:
    """Sort out what a server sent."""
    heard = Heard()
    for subject, headers, value in _deliveries(frames):
        if subject.startswith("_INBOX"):
            heard.replies[subject].append((headers, value))
        elif "CN-SocketSeq" in (headers or {}):
            _take_data(heard, subject, headers, value)
    return heard


def _take_data(heard: Heard, subject: str, headers: dict[str, Any], value: Any) -> None:
    rest = {name: each for name, each in headers.items() if name != "CN-SocketSeq"}
    if value is None:
        heard.errors.append(rest)
    else:
        heard.events[subject] += value
        heard.counters[subject].append(rest["seq"])


def _deliveries(frames: list[Frame]) -> Iterator[tuple[str, Any, Any]]:
    for text, *attachments in messages(frames):
        if isinstance(text, str) and text.startswith("451-["):
            _, delivery = from_json(text[4:])
            _id, _seq, _done, encoding, _bytes, *headers = delivery["data"]
            raw = attachments[0]
            assert isinstance(raw, bytes)
            yield delivery["subject"], headers[0] if headers else None, decode(raw, encoding)


async def replay(conversation: Conversation, broker: Broker) -> tuple[Heard, Heard]:
    """Let the recorded clients speak to a broker; return what they got then, and now.

    The next message is said when everything that answered the last one has come.
    """
    numbers = sorted({each.connection for each in conversation.frames})
    clients = {number: WireClient(broker) for number in numbers}
    then = heard_by(_said(conversation, numbers))
    for number, message, heard in _by_clients(conversation):
        await _until_heard(clients, heard)
        reply = _reply_subject(message)
        if _is_answer(message, reply):
            then.replies.pop(reply, None)
            continue
        for frame in message:
            await clients[number].say(frame)
        await _until_acknowledged(clients[number], message)
        if reply in then.replies:
            await _until_replied(clients, reply, len(then.replies[reply]))
    await _until_heard(clients, then)
    return then, _all(clients)


def _said(conversation: Conversation, numbers: list[int]) -> list[Frame]:
    return [frame for number in numbers for frame in conversation.of(number, from_client=False)]


def _by_clients(conversation: Conversation) -> Iterator[tuple[int, tuple[Frame, ...], Heard]]:
    """Yield the messages of all clients, and what their server had sent until then."""
    waiting: dict[int, list[Frame]] = defaultdict(list)
    sent: dict[int, list[Frame]] = defaultdict(list)
    for each in conversation.frames:
        if not each.is_from_client:
            sent[each.connection].append(each.frame)
            continue
        frames = waiting[each.connection]
        frames.append(each.frame)
        is_announced = isinstance(frames[0], str) and frames[0].startswith("45")
        if len(frames) == 1 + is_announced:
            yield each.connection, tuple(frames), _heard_by_all(sent)
            frames.clear()


def _reply_subject(message: tuple[Frame, ...]) -> str:
    text = message[0]
    if not isinstance(text, str) or not text.startswith("451-"):
        return ""
    event = from_json(text[text.index("[") :])
    headers = event[1][6] if len(event[1]) > 6 else None
    return str((headers or {}).get("CN-Reply", ""))


def _is_answer(message: tuple[Frame, ...], reply: str) -> bool:
    text = str(message[0])
    return (not reply and '"_INBOX' in text and "publish" in text) or '"CN-SocketCmd":"socket"' in (
        text
    )


def _heard_by_all(sent: Mapping[int, list[Frame]]) -> Heard:
    return heard_by([frame for frames in sent.values() for frame in _whole(frames)])


def _whole(frames: list[Frame]) -> list[Frame]:
    """Leave out a text at the end whose attachment is still to come."""
    announces = bool(frames) and isinstance(frames[-1], str) and frames[-1].startswith("45")
    return frames[:-1] if announces else frames


def _all(clients: dict[int, WireClient]) -> Heard:
    return _heard_by_all({number: client.frames for number, client in clients.items()})


def _total(heard: Heard) -> tuple[int, int]:
    return sum(map(len, heard.events.values())), len(heard.errors)


async def _until_acknowledged(client: WireClient, message: tuple[Frame, ...]) -> None:
    """Wait as clients do: what is said next may need that this had its effect."""
    asked = _ASKED.match(str(message[0]))
    if asked:
        await _until(lambda: any(str(each).startswith(f"43{asked[1]}[") for each in client.frames))


async def _until_replied(clients: dict[int, WireClient], reply: str, count: int) -> None:
    await _until(lambda: len(_all(clients).replies.get(reply, [])) >= count)


async def _until_heard(clients: dict[int, WireClient], then: Heard) -> None:
    wanted = _total(then)
    await _until(lambda: _total(_all(clients)) >= wanted)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not holds():
            await asyncio.sleep(0.001)
