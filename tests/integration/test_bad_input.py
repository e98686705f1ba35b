"""conat-core §1, §3; SPEC T6, T9, T16, L3, L4, E2. What is wrong, said over real sockets.

Whoever says it gets the error of the contract, or is disconnected with a reason. Somebody
else, who is connected all the time, notices nothing.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport, socket_url

from ..support.conat_server import serve

LIMITS = BrokerLimits(max_batch=100, max_subscriptions_per_client=5)
CHUNK = '["x","m",0,1,0,{"_placeholder":true,"num":0}]'
GARBAGE: list[Any] = [
    *("", "hello", "9", "4", "4x", "42", "42{}", "42[]", "42[1]", "4299", "2probe", "0{}"),
    *("45-[]", "4511-[]", '451-["publish"', "5", "3x", "40{", b"\x00\x01"),
    pytest.param(f"42{'[' * 100_000}", id="deep"),
]


@asynccontextmanager
async def a_server(broker: Broker) -> AsyncIterator[str]:
    """Give the address of a server whose other client lives and hears, also afterwards."""
    async with serve(broker) as address, Client(TornadoTransport(address)) as other:
        heard = await other.subscribe("other")
        states: list[object] = []
        other.states.connect(states.append)
        yield address
        assert states == []
        assert (await other.publish("other", "still here")).count == 1
        assert (await anext(heard)).data == "still here"


@asynccontextmanager
async def a_client(address: str, *, joins: bool = True) -> AsyncIterator[ClientConnection]:
    """Give a bare socket."""
    async with asyncio.timeout(30), websockets.connect(socket_url(address)) as socket:
        assert str(await socket.recv()).startswith("0{")
        if joins:
            await socket.send("40")
            assert str(await socket.recv()).startswith("40{")
            assert str(await socket.recv()).startswith('420["info"')
            await socket.send("430[]")
        yield socket


async def answer_to(socket: ClientConnection, text: str, *attachments: bytes) -> Any:
    """Say something with the number 7; return the answer to it."""
    await socket.send(text)
    for attachment in attachments:
        await socket.send(attachment)
    while True:
        said = await socket.recv()
        if isinstance(said, str) and said.startswith("437"):
            (value,) = json.loads(said[3:])
            return value


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('["subscribe",{"subject":"a..b","queue":"q"}]', "Error: invalid subject"),
        ('["subscribe",{"subject":"","queue":"q"}]', "Error: invalid subject"),
        ('["subscribe",{"subject":7,"queue":"q"}]', "Error: invalid subject"),
        ('["subscribe",{"subject":"a.>.b","queue":"q"}]', "Error: invalid subject"),
        ('["subscribe",{"subject":"x"}]', "Error: queue must be defined"),
        ('["subscribe",{"subject":"x","queue":7}]', "Error: queue must be defined"),
        ('["subscribe",7]', "Error: the argument of 'subscribe' must be an object"),
        ('["subscribe"]', "Error: the argument of 'subscribe' must be an object"),
        ('["subscribe",[null]]', "Error: the argument of 'subscribe' must be an object"),
        ('["unsubscribe","x"]', "Error: the argument of 'unsubscribe' must be an object"),
        ('["wait-for-interest",{"subject":"a..b"}]', "invalid subject"),
        ('["wait-for-interest",{"subject":"a.*"}]', "invalid subject"),
        ('["wait-for-interest",{"subject":"a","timeout":"x"}]', "Error: the timeout must be"),
        ('["wait-for-interest"]', "Error: the argument of 'wait-for-interest' must be an obj"),
        ('["publish",["a"]]', "Error: a message needs the elements id, seq, done, encoding"),
        ('["publish",{}]', "Error: a message needs a subject, and is an array"),
        ('["publish",["a","m",0,1,0,"text"]]', "Error: the payload of a message must be bin"),
        ('["stats",{"recv0":{"messages":"many","bytes":0}}]', "Error: 'stats' needs recv0"),
        ('["nonsense",1]', "Error: unknown event 'nonsense'"),
        ('["__proto__"]', "Error: unknown event '__proto__'"),
        ('["info",{}]', "Error: unknown event 'info'"),
    ],
)
async def test_an_event_that_makes_no_sense_gets_its_error_and_the_connection_stays(
    text: str, answer: str
) -> None:
    broker = Broker(limits=LIMITS)
    async with a_server(broker) as address, a_client(address) as socket:
        refused = await answer_to(socket, f"427{text}")
        assert refused["error"].startswith(answer)
        assert "code" not in refused
        assert await answer_to(socket, '427["subscriptions",null]') == []


async def test_a_message_for_an_invalid_subject_gets_its_error() -> None:
    """conat-core §3.3: invalid subject."""
    async with a_server(Broker()) as address, a_client(address) as socket:
        for subject in ("a..b", "a.*", "a.>", " ", "x" * 16_385, ".".join("x" * 101)):
            chunk = CHUNK.replace('"x"', json.dumps(subject))
            refused = await answer_to(socket, f'451-7["publish",{chunk}]', b"\xc0")
            assert "subject" in refused["error"]


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(101, id="more than the server allows"),
        pytest.param(20_001, id="more than is read"),
    ],
)
async def test_an_oversized_batch_is_refused_as_a_whole(size: int) -> None:
    broker = Broker(limits=LIMITS)
    async with a_server(broker) as address, a_client(address) as socket:
        batch = json.dumps([{"subject": f"s{number}", "queue": "q"} for number in range(size)])
        refused = await answer_to(socket, f'427["subscribe",{batch}]')
        assert "subscriptions fit into one event" in refused["error"]
        assert await answer_to(socket, '427["subscriptions",null]') == []


async def test_subscriptions_beyond_the_limit_are_refused_one_by_one() -> None:
    broker = Broker(limits=LIMITS)
    async with a_server(broker) as address, a_client(address) as socket:
        batch = json.dumps([{"subject": f"s{number}", "queue": "q"} for number in range(7)])
        results = await answer_to(socket, f'427["subscribe",{batch}]')
        assert [result.get("code") for result in results] == [None] * 5 + [429] * 2


@pytest.mark.parametrize("joins", [False, True])
@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_closes_the_connection_with_a_reason(
    joins: bool, garbage: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker()
    async with a_server(broker) as address, a_client(address, joins=joins) as socket:
        await socket.send(garbage)
        await socket.wait_closed()

        assert socket.close_code == 1002
        assert socket.close_reason == "parse error"
        assert len(broker.peers) == 1
    complaints = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(complaints) == 1


async def test_events_before_the_namespace_is_joined_close_the_connection() -> None:
    async with a_server(Broker()) as address, a_client(address, joins=False) as socket:
        await socket.send('420["subscribe",{"subject":"x","queue":"q"}]')
        await socket.wait_closed()

        assert (socket.close_code, socket.close_reason) == (1002, "parse error")


async def test_half_a_packet_ends_with_its_connection() -> None:
    broker = Broker()
    async with a_server(broker) as address:
        async with a_client(address) as socket:
            await socket.send(f'451-7["publish",{CHUNK}]')
            await socket.send('42["subscriptions",null]')
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (1002, "parse error")
        async with a_client(address) as socket:
            await socket.send('459-["publish",[]]')
            for _ in range(3):
                await socket.send(bytes(7_000_000))
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (1002, "parse error")


async def test_half_a_chunked_message_is_delivered_to_nobody_as_a_whole() -> None:
    broker = Broker()
    async with (
        a_server(broker) as address,
        Client(TornadoTransport(address)) as reader,
        a_client(address) as socket,
    ):
        mine = await reader.subscribe("x")
        half = CHUNK.replace("0,1,0", "0,0,0")
        assert await answer_to(socket, f'451-7["publish",{half}]', b"\xa5he") == {"count": 1}
        await socket.close()
        await reader.publish("x", "whole")

        assert (await anext(mine)).data == "whole"


async def test_headers_that_cannot_be_written_again_are_refused() -> None:
    broker = Broker()
    async with a_server(broker) as address, a_client(address) as socket:
        added = await answer_to(socket, '427["subscribe",{"subject":"x","queue":"q"}]')
        assert added == {"status": "added"}
        chunk = f'{CHUNK[:-1]},{{"n":{"9" * 400}}}]'
        refused = await answer_to(socket, f'451-7["publish",{chunk}]', b"\xc0")
        assert refused["error"] == "Error: an integer is too large for a number of 64 bits"


async def test_a_connection_full_of_nonsense_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_server(Broker()) as address, a_client(address) as socket:
        for _ in range(200):
            await socket.send('42["x\\nforged line"]')
        assert await answer_to(socket, '427["subscriptions",null]') == []
    complaints = [each for each in caplog.records if each.levelno >= logging.WARNING]

    assert len(complaints) == 1
    assert "\n" not in complaints[0].getMessage()
