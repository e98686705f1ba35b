import asyncio

from cocalc_jupyter_ext.kernels.events import Loss
from cocalc_jupyter_ext.kernels.kernel_loss import cause_of_loss, is_stopping
from cocalc_jupyter_ext.kernels.settings import RunnerSettings
from tests.support.scripted_kernel import ScriptedHost

FAST = RunnerSettings(cause_s=0.05, batch_s=0.005)


def test_a_kernel_that_is_gone_or_about_to_end_is_stopping():
    host = ScriptedHost()
    assert not is_stopping(host, "k")
    assert not is_stopping(host, None)
    host.stopping = True
    assert is_stopping(host, "k")
    host.stopping, host.known = False, False
    assert is_stopping(host, "k")


async def test_a_kernel_that_stops_is_restarted_or_shut_down():
    host = ScriptedHost()
    host.stopping = True
    assert await cause_of_loss(host, "k", FAST) is Loss.SHUT_DOWN
    asyncio.get_running_loop().call_later(0.01, setattr, host, "stopping", False)
    assert await cause_of_loss(host, "k", FAST) is Loss.RESTARTED
    host.known = False
    assert await cause_of_loss(host, "k", FAST) is Loss.SHUT_DOWN
