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
