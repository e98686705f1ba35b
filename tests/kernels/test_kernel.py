"""Links to real kernels."""

import asyncio

import pytest

from cocalc_jupyter_ext.kernels.errors import KernelNotFoundError, KernelUnreachableError
from cocalc_jupyter_ext.kernels.kernel import KernelTimes, connect
from tests.support.local_kernels import local_kernels


class Listener:
    """Collects what happens on a link."""

    def __init__(self):
        self.replies = asyncio.Queue()
        self.questions = asyncio.Queue()
        self.messages = asyncio.Event()
        self.disconnected = asyncio.Event()

    def on_reply(self, message):
        self.replies.put_nowait(message)

    def on_input_request(self, message):
        self.questions.put_nowait(message)

    def on_messages(self):
        self.messages.set()

    def on_disconnected(self):
        self.disconnected.set()


@pytest.fixture
async def kernels():
    async with local_kernels() as kernels:
        yield kernels


@pytest.fixture
def listener():
    return Listener()


async def open_link(kernels, kernel_id, listener, **times):
    return await connect(
        kernels,
        kernel_id,
        listener,
        times=KernelTimes(**times),
        new_id=lambda: "x",
        now=asyncio.get_running_loop().time,
    )


async def reply_to(listener, request_id):
    async with asyncio.timeout(60):
        while True:
            message = await listener.replies.get()
            if message["parent_header"]["msg_id"] == request_id:
                return message


async def test_a_kernel_that_just_started_loses_nothing_of_the_first_request(kernels, listener):
    link = await open_link(kernels, await kernels.start(), listener)
    request = link.execute("print('first')", "cell")
    reply = await reply_to(listener, request)
    assert reply["content"]["status"] == "ok"
    messages = []
    async with asyncio.timeout(60):
        while not any(m.content.get("execution_state") == "idle" for m in messages):
            await listener.messages.wait()
            listener.messages.clear()
            messages += [m for m in link.take() if m.parent_id == request]
    assert [m.content["text"] for m in messages if m.kind == "stream"] == ["first\n"]
    await link.close()


async def test_questions_are_heard_and_answered(kernels, listener):
    link = await open_link(kernels, await kernels.start(), listener)
    request = link.execute("assert input('Name: ') == 'Ada'", "cell")
    question = await asyncio.wait_for(listener.questions.get(), 60)
    assert question["content"]["prompt"] == "Name: "
    link.answer(question, "Ada")
    assert (await reply_to(listener, request))["content"]["status"] == "ok"
    await link.close()


async def test_the_end_of_the_process_is_noticed_at_once(kernels, listener):
    kernel_id = await kernels.start()
    link = await open_link(kernels, kernel_id, listener)
    await kernels.kill(kernel_id)
    await asyncio.wait_for(listener.disconnected.wait(), 60)
    await link.close()


async def test_a_busy_kernel_can_be_connected_to(kernels, listener):
    kernel_id = await kernels.start()
    first = await open_link(kernels, kernel_id, listener)
    first.execute("import time; time.sleep(60)", "cell")
    second = await asyncio.wait_for(open_link(kernels, kernel_id, Listener()), 60)
    await second.close()
    await first.close()


async def test_a_kernel_that_is_restarted_meanwhile_is_followed(kernels, listener):
    kernel_id = await kernels.start()
    await kernels.kill(kernel_id)
    connecting = asyncio.create_task(open_link(kernels, kernel_id, listener))
    await kernels.manager.restart_kernel(kernel_id, now=True)
    link = await asyncio.wait_for(connecting, 60)
    request = link.execute("1", "cell")
    assert (await reply_to(listener, request))["content"]["status"] == "ok"
    await link.close()


async def test_a_kernel_that_stays_dead_is_an_error(kernels, listener):
    kernel_id = await kernels.start()
    await kernels.kill(kernel_id)
    with pytest.raises(KernelUnreachableError, match="its process has ended"):
        await open_link(kernels, kernel_id, listener, ping_s=0.05, dead_s=0.3)


async def test_a_kernel_that_stays_silent_is_an_error(kernels, listener):
    kernel_id = await kernels.start()
    await open_and_close(kernels, kernel_id)
    await kernels.manager.get_kernel(kernel_id).signal_kernel(19)  # SIGSTOP
    try:
        with pytest.raises(KernelUnreachableError, match="did not answer for 0 s"):
            await open_link(kernels, kernel_id, listener, ping_s=0.05, connect_s=0.3)
    finally:
        await kernels.manager.get_kernel(kernel_id).signal_kernel(18)  # SIGCONT


async def open_and_close(kernels, kernel_id):
    await (await open_link(kernels, kernel_id, Listener())).close()


async def test_an_unknown_kernel_is_an_error(kernels, listener):
    with pytest.raises(KernelNotFoundError, match="Start a kernel"):
        await open_link(kernels, "unknown", listener)


async def test_closing_may_be_repeated_and_ends_all_reports(kernels, listener):
    kernel_id = await kernels.start()
    link = await open_link(kernels, kernel_id, listener)
    await link.close()
    await link.close()
    await kernels.kill(kernel_id)
    assert not listener.disconnected.is_set()
