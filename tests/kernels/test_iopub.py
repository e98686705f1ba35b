import asyncio
import threading
import time
from contextlib import asynccontextmanager

import pytest
import zmq
from jupyter_client.session import Session

from cocalc_jupyter_ext.kernels import iopub
from cocalc_jupyter_ext.kernels.channels import new_session
from cocalc_jupyter_ext.kernels.iopub import IopubReader
from cocalc_jupyter_ext.kernels.large_outputs import LARGE_BYTES, MAX_TEXT_BYTES

from ..support.waiting import until

KEY = b"key"


class Publisher:
    """The output channel of a kernel: publishes what it is told, as fast as it can."""

    def __init__(self):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.session = Session(key=KEY)
        self.ours = {"msg_id": "request", "session": "", "msg_type": "execute_request"}

    @property
    def info(self):
        return {
            "transport": "tcp",
            "ip": "127.0.0.1",
            "key": KEY,
            "signature_scheme": "hmac-sha256",
            **{f"{name}_port": self.port for name in ("shell", "iopub", "stdin", "control", "hb")},
        }

    def wait_for_subscriber(self):
        assert self.socket.recv() == b"\x01"

    def publish(self, kind, content, parent=None, topic=None):
        parent = {"header": parent or self.ours}
        self.session.send(self.socket, kind, content, parent=parent, ident=topic)

    def close(self):
        self.context.destroy(linger=0)


@pytest.fixture
def publisher():
    publisher = Publisher()
    yield publisher
    publisher.close()


@asynccontextmanager
async def connected(publisher, **options):
    """Connect a reader; give it, and events that are set when it has or has heard something."""
    session = new_session("x")
    publisher.ours["session"] = session.session
    arrived, heard = asyncio.Event(), asyncio.Event()
    reader = IopubReader(
        publisher.info, session, on_messages=arrived.set, on_heard=heard.set, **options
    )
    try:
        await asyncio.to_thread(publisher.wait_for_subscriber)
        yield reader, arrived, heard
    finally:
        await asyncio.to_thread(reader.close)


@pytest.fixture
async def reading(publisher):
    async with connected(publisher) as reading:
        yield reading


async def collect(reader, arrived, done):
    """Take messages until ``done`` is true of all of them."""
    messages = []
    async with asyncio.timeout(30):
        while not done(messages):
            await arrived.wait()
            arrived.clear()
            messages += reader.take()
    return messages


def ended(messages):
    return bool(messages) and messages[-1].content.get("execution_state") == "idle"


async def test_nothing_is_lost_while_the_event_loop_is_blocked(publisher, reading):
    reader, arrived, _ = reading
    for number in range(30_000):
        publisher.publish("stream", {"name": "stdout", "text": f"{number}\n"})
    publisher.publish("status", {"execution_state": "idle"})
    *texts, status = await collect(reader, arrived, ended)
    printed = "".join(message.content["text"] for message in texts)
    assert printed == "".join(f"{n}\n" for n in range(30_000))
    assert (status.kind, status.parent_id) == ("status", "request")


async def test_messages_of_other_sessions_are_left_out_except_updates_of_displays(
    publisher, reading
):
    reader, arrived, _ = reading
    other = {"msg_id": "other", "session": "browser", "msg_type": "execute_request"}
    publisher.publish("stream", {"name": "stdout", "text": "x"}, other)
    publisher.publish("update_display_data", {"data": {}}, other)
    publisher.publish("status", {"execution_state": "idle"})
    messages = await collect(reader, arrived, ended)
    assert [m.kind for m in messages] == ["update_display_data", "status"]


@pytest.mark.parametrize("asked", ["kernel_info_request", "comm_info_request", "complete_request"])
async def test_an_output_that_no_question_can_cause_is_of_the_code_that_ran_last(
    publisher, reading, asked
):
    reader, arrived, _ = reading
    question = {"msg_id": "question", "session": "browser", "msg_type": asked}
    publisher.publish("status", {"execution_state": "busy"})
    publisher.publish("status", {"execution_state": "busy"}, question)
    publisher.publish("stream", {"name": "stdout", "text": "x"}, question)
    publisher.publish("status", {"execution_state": "idle"})
    _, printed, _ = await collect(reader, arrived, ended)
    assert (printed.kind, printed.parent_id) == ("stream", "request")


async def test_an_output_after_code_of_another_session_is_left_out(publisher, reading):
    reader, arrived, _ = reading
    other = {"msg_id": "other", "session": "browser", "msg_type": "execute_request"}
    question = {"msg_id": "question", "session": "browser", "msg_type": "kernel_info_request"}
    publisher.publish("status", {"execution_state": "busy"})
    publisher.publish("status", {"execution_state": "busy"}, other)
    publisher.publish("stream", {"name": "stdout", "text": "x"}, question)
    publisher.publish("status", {"execution_state": "idle"})
    assert [m.kind for m in await collect(reader, arrived, ended)] == ["status", "status"]


async def test_a_message_with_a_wrong_signature_is_skipped(publisher, reading, caplog):
    reader, arrived, _ = reading
    publisher.session.key = b"wrong"
    publisher.publish("stream", {"name": "stdout", "text": "forged"})
    publisher.session.key = KEY
    publisher.publish("status", {"execution_state": "idle"})
    messages = await collect(reader, arrived, ended)
    assert [m.kind for m in messages] == ["status"]
    assert "cannot be read" in caplog.text


async def test_the_first_message_of_anybody_shows_that_the_channel_is_connected(publisher, reading):
    _, _, heard = reading
    assert not heard.is_set()
    publisher.publish("status", {"execution_state": "busy"}, {"session": "browser"})
    await asyncio.wait_for(heard.wait(), 60)


async def test_a_backlog_full_of_what_counts_makes_the_thread_wait_and_loses_nothing(publisher):
    async with connected(publisher, max_backlog_bytes=10_000) as (reader, arrived, _):
        for number in range(500):
            publisher.publish("comm_msg", {"data": {"text/plain": f"{number}" * 100}})
        publisher.publish("status", {"execution_state": "idle"})
        messages = await collect(reader, arrived, ended)
    assert len(messages) == 501


async def test_displays_without_end_are_read_to_their_end_in_bounded_memory(publisher):
    """Whoever waits for room lets them pile up in the socket, which has no bound."""
    async with connected(publisher, max_backlog_bytes=1_000_000) as (reader, _, _):
        for number in range(300):
            picture = f"{number}" + "." * 2 * LARGE_BYTES
            publisher.publish("display_data", {"data": {"image/png": picture}})
        publisher.publish("status", {"execution_state": "idle"}, topic=b"status")
        await until(lambda: reader.status_topic == b"status")
        gap, *displays, status = reader.take()

    left_out = 300 - len(displays)
    assert gap.content["text"].startswith(f"[{left_out} outputs are not shown")
    assert sum(len(each.content["data"]["image/png"]) for each in displays) < 1_000_000
    assert displays[-1].content["data"]["image/png"].startswith("299.")
    assert status.kind == "status"


async def test_of_a_text_without_end_only_the_ends_are_read(publisher, reading):
    reader, arrived, _ = reading
    text = "a" * MAX_TEXT_BYTES + "b" * MAX_TEXT_BYTES
    publisher.publish("stream", {"name": "stdout", "text": text})
    publisher.publish("status", {"execution_state": "idle"})
    printed, _ = await collect(reader, arrived, ended)

    shown = printed.content["text"]
    assert (shown[:3], shown[-3:]) == ("aaa", "bbb")
    assert f"[{MAX_TEXT_BYTES} bytes are not shown.]" in shown


async def test_an_output_that_is_too_large_is_named_instead(publisher, reading, monkeypatch):
    monkeypatch.setattr(iopub, "MAX_OUTPUT_BYTES", 1_000_000)
    reader, arrived, _ = reading
    publisher.publish("execute_result", {"data": {"text/plain": "q" * 3_000_000}})
    publisher.publish("status", {"execution_state": "idle"})
    printed, _ = await collect(reader, arrived, ended)

    assert printed.content == {
        "name": "stderr",
        "text": "[An output of 3 MB is too large to be shown.]\n",
    }


async def test_messages_of_comms_come_only_to_those_who_want_them(publisher):
    captures = {"method": "update", "state": {"msg_id": "request"}}
    async with connected(publisher, wants_comms=False) as (reader, arrived, _):
        publisher.publish("comm_msg", {"comm_id": "slider", "data": {"state": {"value": 1}}})
        publisher.publish("comm_msg", {"comm_id": "output", "data": captures})
        publisher.publish("status", {"execution_state": "idle"})
        messages = await collect(reader, arrived, ended)

    assert [message.content.get("comm_id") for message in messages] == ["output", None]


async def test_closing_ends_the_thread_and_may_be_repeated(publisher):
    reader = IopubReader(
        publisher.info, new_session("x"), on_messages=lambda: None, on_heard=lambda: None
    )
    assert any(thread.name == "kernel iopub" for thread in threading.enumerate())
    reader.close()
    reader.close()
    assert not any(thread.name == "kernel iopub" for thread in threading.enumerate())


async def test_closing_does_not_wait_for_a_kernel_that_is_gone(publisher, reading):
    """It is called on the event loop, which must not stand still for everybody."""
    reader, _, heard = reading
    publisher.publish("status", {"execution_state": "busy"})
    await asyncio.wait_for(heard.wait(), 60)
    publisher.close()
    before = time.monotonic()
    reader.close()
    assert time.monotonic() - before < 0.5


async def test_a_message_that_is_none_is_skipped_and_reading_goes_on(publisher, reading, caplog):
    reader, arrived, _ = reading
    session, socket = publisher.session, publisher.socket
    socket.send_multipart([b"", b"<IDS|MSG>", b"too few parts"])
    session.send_raw(socket, [b"{}", b"{}", b"{}", b"{}"])
    deep = b"[" * 200_000 + b"]" * 200_000
    header, parent = b'{"msg_type": "stream"}', session.pack(publisher.ours)
    session.send_raw(socket, [header, parent, b"{}", deep])
    session.send_raw(socket, [header, parent, b"{}", b"[1]"])
    session.send_raw(socket, [header, parent, b"3", b"{}"])
    publisher.publish("status", {"execution_state": "idle"})
    messages = await collect(reader, arrived, ended)
    assert [m.kind for m in messages] == ["status"]
    assert caplog.text.count("cannot be read") == 5


async def test_metadata_and_buffers_come_along(publisher, reading):
    reader, arrived, _ = reading
    publisher.session.send(
        publisher.socket,
        "comm_msg",
        {"comm_id": "c"},
        parent={"header": publisher.ours},
        metadata={"version": "2"},
        buffers=[b"one", b"two"],
    )
    (message,) = await collect(reader, arrived, lambda found: len(found) == 1)
    assert message.metadata == {"version": "2"}
    assert message.buffers == (b"one", b"two")
