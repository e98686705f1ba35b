"""No sequence of frames harms anybody but the connection it comes on.

The recorded conversations are cut, shuffled, doubled and changed, in their bytes and in their
values, and are said to a server and to a client. Nothing may raise; what a connection can make
a broker remember is bounded; others go on as if nothing had happened. The seed is in the
test's name; a seed that ever fails is added to the list.
"""

import asyncio
import json
import logging
import random
from typing import Any, Final

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.protocol.connection import (
    ClientConnection,
    Ended,
    ServerConnection,
)
from cocalc_jupyter_ext.conat.protocol.engineio import Handshake
from cocalc_jupyter_ext.conat.protocol.socketio import Frame
from cocalc_jupyter_ext.conat.types import User

from ..support import virtual_time
from ..support.conat_peers import WireClient
from ..support.vectors import SCENARIOS, load, messages

SEEDS: Final = range(50)
CONNECTIONS: Final = 8
MESSAGES: Final = 120
LIMITS: Final = BrokerLimits(
    max_subscriptions_per_client=20, max_interest_waits_per_client=20, max_batch=50
)
LARGE: Final = {"chunked-3mb", "chunked-20mb-default"}
"""Left out: they are slow, and their frames differ from others in nothing but size."""

ODD_VALUES: Final[list[Any]] = [
    None,
    True,
    -1,
    0.5,
    2**53,
    10**400,
    1e308,
    float("inf"),
    "",
    "a..b",
    ">",
    "a.>",
    "info",
    "disconnect",
    "\ud800",
    "\u0000\n",
    "__proto__",
    "x" * 20_000,
    ".".join("x" * 200),
    [],
    {},
    [[]] * 60,
    {"subject": "x", "queue": "q"},
    {"error": "x"},
    json.loads("[" * 60 + "]" * 60),
]

PLACEHOLDERS: Final = [{"_placeholder": True, "num": 0}, {"_placeholder": True, "num": 10**9}]

Message = tuple[Frame, ...]


def recorded(*, from_client: bool) -> list[Message]:
    """Return all messages that one side ever said."""
    conversations = [load(scenario) for scenario in SCENARIOS if scenario not in LARGE]
    return [
        message
        for conversation in conversations
        for connection in sorted({each.connection for each in conversation.frames})
        for message in messages(conversation.of(connection, from_client=from_client))
    ]


class Mutator:
    """Changes messages at random."""

    def __init__(self, seed: int, *, from_client: bool) -> None:
        self.random = random.Random(seed)
        self._corpus = [
            message
            for message in recorded(from_client=from_client)
            if str(message[0]).startswith(("42", "43", "45"))
        ]
        # What breaks the framing ends a connection, so half of the seeds do it seldom.
        self._roughness = 0.2 if seed % 2 else 0.01

    def message(self) -> Message:
        """Return a recorded message, as it was or changed."""
        message = self.random.choice(self._corpus)
        if self.random.random() < self._roughness:
            return self.random.choice((self._text, self._order, self._noise, self._other))(message)
        return self._value(message) if self.random.random() < 0.7 else message

    def _value(self, message: Message) -> Message:
        """Put odd values somewhere into the arguments."""
        text = str(message[0])
        begin = text.index("[")
        value = json.loads(text[begin:])
        is_event = not text.startswith("43")
        for at in range(is_event, len(value)):
            value[at] = self._with_odd_value(value[at])
        changed = json.dumps(value, ensure_ascii=self.random.random() < 0.5)
        return (text[:begin] + changed.replace("Infinity", "1e999"), *message[1:])

    def _with_odd_value(self, value: Any) -> Any:
        if not isinstance(value, list | dict) or not value or self.random.random() < 0.2:
            return self.random.choice(ODD_VALUES if self.random.random() < 0.99 else PLACEHOLDERS)
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = self.random.choice(keys)
        value[key] = self._with_odd_value(value[key])
        return value

    def _text(self, message: Message) -> Message:
        """Change, drop or double some characters."""
        text = str(message[0])
        at = self.random.randrange(len(text) + 1)
        end = min(len(text), at + self.random.randrange(1, 6))
        new = self.random.choice(["", text[at:end] * 2, "9", '"', "{", "-", "1-", ",", "\x00"])
        return (text[:at] + new + text[end:], *message[1:])

    def _order(self, message: Message) -> Message:
        """Lose or move some frames of a message."""
        frames = [frame for frame in message if self.random.random() < 0.8]
        self.random.shuffle(frames)
        return tuple(frames)

    def _other(self, message: Message) -> Message:
        """Say something else that the carrier knows."""
        others = ("", "0{}", "1", "2", "3", "40", "41", "5", "6", "40/admin,", "44{}", '42["x"]')
        return (self.random.choice(others),)

    def _noise(self, message: Message) -> Message:
        """Replace a message by anything."""
        size = self.random.randrange(200)
        noise = self.random.randbytes(size)
        return (noise if self.random.random() < 0.5 else noise.decode("latin-1"),)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_survives_what_any_client_sends(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        failures: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: failures.append(context))
        broker = Broker(limits=LIMITS, clock=loop.time)
        other, tap = await healthy(broker, "healthy.subject"), await healthy(broker, ">")
        others = set(broker.stats())
        mutator = Mutator(seed, from_client=True)
        for _ in range(CONNECTIONS):
            attacker = WireClient(broker, authenticate=somebody)
            if mutator.random.random() < 0.9:
                await attacker.say("40")
            await attack(attacker, mutator, broker)
            attacker.session.carrier_closed()
            await virtual_time.settle()
            assert set(broker.stats()) == others
        await still_healthy(other)
        assert can_be_read(tap.frames)
        await asyncio.sleep(130)
        await broker.stop()

        assert failures == []
        assert complaints(caplog) <= 2 * CONNECTIONS

    virtual_time.run(check())
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def somebody() -> User | None:
    return User("account", "attacker")


async def healthy(broker: Broker, pattern: str) -> WireClient:
    """Return a client that does nothing wrong, and is subscribed to this."""
    client = WireClient(broker)
    await client.say("40")
    await client.say(f'420["subscribe",{{"subject":"{pattern}","queue":"q"}}]')
    await virtual_time.settle()
    return client


def can_be_read(frames: list[Frame]) -> bool:
    """Tell whether a client keeps its connection, whatever a server passes on to it."""
    client = ClientConnection()
    for frame in frames:
        client.receive(frame, 0)
    return not client.is_closing and len(client.events_received()) > 1


async def attack(attacker: WireClient, mutator: Mutator, broker: Broker) -> None:
    """Say many messages, until the connection is lost over them."""
    for _ in range(MESSAGES):
        for frame in mutator.message():
            async with asyncio.timeout(10):
                await attacker.say(frame)
        await virtual_time.settle()
        for stats in broker.stats().values():
            assert stats.subscriptions <= LIMITS.max_subscriptions_per_client
        state = broker._state
        assert len(state.waiters) <= LIMITS.max_interest_waits_per_client
        assert len(state.assignments) <= MESSAGES * 20
        if attacker.closed is not None:
            assert attacker.closed[0] in (1000, 1002)
            assert attacker.closed[1]
            return


async def still_healthy(client: WireClient) -> None:
    """See that a client is connected, and still gets its messages."""
    await client.say('451-1["publish",["healthy.subject","m",0,1,0,{"_placeholder":true,"num":0}]]')
    await client.say(b"\xc0")

    assert client.closed is None
    assert client.frames[-1] == '431[{"count":1}]'


def complaints(caplog: pytest.LogCaptureFixture) -> int:
    """Count what was logged: one line for what is refused, and one for the end, each time."""
    return len([each for each in caplog.records if each.levelno >= logging.WARNING])


@pytest.mark.parametrize("seed", SEEDS)
def test_neither_side_of_a_connection_ever_raises(seed: int) -> None:
    for from_client in (True, False):
        mutator = Mutator(2 * seed, from_client=from_client)
        side = ServerConnection(Handshake("e"), "s", 0) if from_client else joined_client()
        if isinstance(side, ServerConnection):
            side.receive("40", 0)
        for _ in range(MESSAGES * 5):
            for frame in mutator.message():
                side.receive(frame, 0)
        events = side.events_received()

        assert len(events) > 1
        assert len([each for each in events if isinstance(each, Ended)]) == side.is_closing


def joined_client() -> ClientConnection:
    client = ClientConnection()
    client.receive(
        '0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":9}', 0
    )
    client.receive('40{"sid":"s"}', 0)
    return client
