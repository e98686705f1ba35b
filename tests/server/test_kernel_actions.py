import asyncio

from jupyter_events import EventLogger

from cocalc_jupyter_ext.server.kernel_actions import SCHEMA, KernelActions


async def emit(events: EventLogger, action: str, kernel_id: str, status: str = "success") -> None:
    data = {"action": action, "kernel_id": kernel_id, "status": status, "msg": "done"}
    events.emit(schema_id=SCHEMA, data=data)
    await events.gather_listeners()


async def test_only_the_action_is_told_and_only_if_it_succeeded() -> None:
    events = EventLogger()
    interrupted: list[str] = []
    started: list[str] = []
    both = [
        KernelActions(events, "interrupt", interrupted.append),
        KernelActions(events, "start", started.append),
    ]
    for actions in both:
        actions.start()
    await emit(events, "interrupt", "k1")
    await emit(events, "interrupt", "k2", "error")
    await emit(events, "start", "k3")

    assert (interrupted, started) == (["k1"], ["k3"])


async def test_nothing_is_told_after_the_end_which_may_come_twice() -> None:
    events = EventLogger()
    started: list[str] = []
    actions = KernelActions(events, "start", started.append)
    actions.start()
    actions.stop()
    actions.stop()
    await emit(events, "start", "k")
    await asyncio.sleep(0)

    assert started == []
