import asyncio
import threading

import zmq

from cocalc_jupyter_ext.kernels.channels import RUNNER_SESSION_PREFIX, KernelChannels, new_session
from tests.kernels.test_kernel import Listener, reply_to
from tests.support.local_kernels import local_kernels


def test_sessions_of_runners_are_recognised_and_differ():
    one, two = new_session("1"), new_session("2")
    assert one.session != two.session
    assert one.session.startswith(RUNNER_SESSION_PREFIX)


async def test_requests_are_answered_on_their_channels_until_closed():
    async with local_kernels() as kernels:
        listener = Listener()
        info = await kernels.connection_info(await kernels.start())
        channels = KernelChannels(info, new_session("x"), listener)
        channels.ping()
        assert (await listener.replies.get())["header"]["msg_type"] == "kernel_info_reply"
        reply = await reply_to(listener, channels.execute("1/0", "cell"))
        assert reply["content"]["ename"] == "ZeroDivisionError"
        await channels.close()
        await channels.close()


async def test_an_error_does_not_make_the_kernel_refuse_requests_of_others():
    async with local_kernels() as kernels:
        info = await kernels.connection_info(await kernels.start())
        listeners = Listener(), Listener()
        one, two = (
            KernelChannels(info, new_session(str(n)), listener)
            for n, listener in enumerate(listeners)
        )
        failing = one.execute("import time; time.sleep(0.3); 1 / 0", "cell")
        waiting = two.execute("1", "cell")
        assert (await reply_to(listeners[0], failing))["content"]["status"] == "error"
        assert (await reply_to(listeners[1], waiting))["content"]["status"] == "ok"
        await one.close()
        await two.close()


class Echo:
    """Something that answers on every channel before the one who asked has drawn breath."""

    def __init__(self):
        self.context = zmq.Context()
        self.sockets = [self.context.socket(zmq.ROUTER) for _ in range(3)]
        ports = [socket.bind_to_random_port("tcp://127.0.0.1") for socket in self.sockets]
        names = ("shell_port", "control_port", "stdin_port")
        self.info = {
            "transport": "tcp",
            "ip": "127.0.0.1",
            "key": b"key",
            "signature_scheme": "hmac-sha256",
            **dict(zip(names, ports, strict=True)),
        }
        self.session = new_session("echo")
        self.session.key = b"key"
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        shell = self.sockets[0]
        try:
            while True:
                idents, parts = self.session.feed_identities(shell.recv_multipart())
                request = self.session.deserialize(parts)
                self.session.send(shell, "reply", {}, parent=request, ident=idents)
        except zmq.ContextTerminated:
            for socket in self.sockets:
                socket.close(linger=0)

    def close(self):
        self.context.term()
        self.thread.join()


async def test_a_reply_that_arrives_while_something_is_sent_is_noticed():
    """Sending takes notice of arrivals; the reader must learn of them (D14)."""
    echo, listener = Echo(), Listener()
    channels = KernelChannels(echo.info, new_session("x"), listener)
    try:
        await asyncio.wait_for(channels.connected.wait(), 60)
        for _ in range(300):
            requests = {channels.ask("question", {}) for _ in range(20)}
            async with asyncio.timeout(60):
                while requests:
                    message = await listener.replies.get()
                    requests.discard(message["parent_header"]["msg_id"])
    finally:
        await channels.close()
        await asyncio.to_thread(echo.close)


async def test_a_kernel_that_answers_nothing_on_the_control_channel_is_asked_over_the_shell():
    """As that of R; syncdoc-jupyter §4.4: it runs once it says anything."""
    echo, listener = Echo(), Listener()
    channels = KernelChannels(echo.info, new_session("x"), listener)
    answered, heard = asyncio.Event(), asyncio.Event()
    heard.set()
    pinging = asyncio.create_task(channels.ping_until(answered, heard))
    try:
        await asyncio.wait_for(listener.replies.get(), 60)
        assert not pinging.done()
        answered.set()
        await asyncio.wait_for(pinging, 60)
    finally:
        pinging.cancel()
        await channels.close()
        await asyncio.to_thread(echo.close)
