"""What clients make of the answers of a server (conat-sync §1.5)."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import ConatError, RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.persist.client.calls import Calls
from cocalc_jupyter_ext.conat.persist.errors import Rejected, StoreError
from cocalc_jupyter_ext.conat.persist.messages import NewMessage
from cocalc_jupyter_ext.conat.protocol.codec import encode

STORED = {"seq": 1, "time": 5, "encoding": 0, "raw": b"x"}


def answer(value: object = None, headers: dict[str, Any] | None = None) -> Message:
    return Message("_INBOX.x.y", 0, encode(value), headers)


class Server:
    """Answers with what it is given, and keeps the headers it was asked with."""

    def __init__(self, *answers: Message) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    async def request(
        self, value: object = None, *, headers: Mapping[str, Any] | None = None, **_: Any
    ) -> Message:
        self.asked.append(dict(headers or {}))
        return self.answers[0]

    async def request_many(
        self, value: object = None, *, headers: Mapping[str, Any] | None = None, **_: Any
    ) -> AsyncGenerator[Message, None]:
        self.asked.append(dict(headers or {}))
        for each in self.answers:
            yield each


async def all_of(server: Server) -> list[int]:
    return [message.seq async for batch in Calls(server).get_all() for message in batch]


async def test_batches_end_with_the_mark() -> None:
    batch = answer([STORED], {"seq": 0})

    assert await all_of(Server(batch, answer(None, {"seq": 1}))) == [1]


@pytest.mark.parametrize(
    "answers",
    [
        [answer([STORED], {"seq": 1})],
        [answer([STORED], {"seq": 0}), answer(None, {"seq": 2})],
        [answer([STORED], {"seq": 0}), answer([STORED], {"seq": 0})],
        [answer([STORED])],
    ],
)
async def test_a_gap_in_the_answer_has_code_503(answers: list[Message]) -> None:
    """conat-sync §8.4: the counter of getAll; 503, 408 again; 403, 429 final."""
    with pytest.raises(RemoteError) as gap:
        await all_of(Server(*answers))

    assert gap.value.code == 503


async def test_an_answer_without_end_has_code_408() -> None:
    with pytest.raises(RequestTimeout) as timeout:
        await all_of(Server(answer([STORED], {"seq": 0})))

    assert timeout.value.code == 408


async def test_an_error_in_the_answer_is_raised() -> None:
    with pytest.raises(RemoteError, match="closed"):
        await all_of(Server(answer([STORED], {"seq": 0}), answer(None, {"error": "Error: closed"})))


@pytest.mark.parametrize("headers", [None, {}])
async def test_an_answer_without_headers_is_a_miss(headers: dict[str, Any] | None) -> None:
    assert await Calls(Server(answer("value", headers))).get(seq=1) is None


async def test_a_refused_message_is_rejected() -> None:
    server = Server(answer(None, {"error": "Error: max_bytes", "code": "reject"}))

    with pytest.raises(Rejected, match=r"^max_bytes"):
        await Calls(server).set(NewMessage(raw=b"x"))


async def test_only_what_is_set_is_sent() -> None:
    server = Server(answer({"seqs": [1]}))

    await Calls(server).delete(last_seq=0)
    await Calls(server).delete(all=True, timeout_s=1.5)

    assert server.asked == [
        {"cmd": "delete", "last_seq": 0},
        {"cmd": "delete", "all": True, "timeout": 1500},
    ]


@pytest.mark.parametrize("value", [None, "created", [], {"seq": 1}, [{"seq": 1}]])
async def test_nonsense_is_an_error_of_this_fabric(value: object) -> None:
    calls = Calls(Server(answer(value, {"seq": 0})))
    message = NewMessage(raw=b"x")

    with pytest.raises(StoreError):
        await calls.set(message)
    with pytest.raises(ConatError):
        await calls.set_many([message, message])
    with pytest.raises(StoreError):
        await calls.inventory()


async def test_waiting_can_be_cancelled() -> None:
    class Silent(Server):
        async def request(self, value: object = None, **_: Any) -> Message:
            await asyncio.Event().wait()
            raise AssertionError

    asking = asyncio.create_task(Calls(Silent()).keys())
    await asyncio.sleep(0)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
