"""Execution objects (syncdoc-jupyter §15, "Execution object")."""

import asyncio

import pytest

from cocalc_jupyter_ext.kernels.standalone.errors import ExecutionRepeatedError
from cocalc_jupyter_ext.kernels.standalone.execution import Execution, is_done


def text(content, name="stdout"):
    return {"msg_type": "stream", "content": {"name": name, "text": content}, "metadata": {}}


async def read(execution):
    return [message async for message in execution]


async def test_it_gives_its_messages_and_then_the_last_item() -> None:
    execution = Execution("1")
    execution.begin()
    execution.push(text("a"))
    reading = asyncio.create_task(read(execution))
    await asyncio.sleep(0)
    execution.push(text("b"))
    execution.finish()

    assert await reading == [text("a"), text("b"), {"done": True}]


async def test_its_states_are_init_running_done() -> None:
    execution = Execution("1")
    states = [execution.state]
    execution.begin()
    states.append(execution.state)
    execution.finish()

    assert [*states, execution.state] == ["init", "running", "done"]


async def test_one_dropped_because_an_earlier_one_failed_gives_only_the_last_item() -> None:
    execution = Execution("1")
    execution.finish()

    assert await read(execution) == [{"done": True}]


async def test_a_cancelled_one_just_ends() -> None:
    execution = Execution("1")
    execution.begin()
    execution.close()

    assert await read(execution) == []
    assert execution.state == "closed"


async def test_running_one_twice_is_an_error() -> None:
    execution = Execution("1")
    execution.begin()

    with pytest.raises(ExecutionRepeatedError):
        execution.begin()


async def test_reading_one_twice_is_an_error() -> None:
    execution = Execution("1")
    execution.finish()
    await read(execution)

    with pytest.raises(ExecutionRepeatedError, match="Call execute_code again"):
        await read(execution)


async def test_the_reason_of_its_end_comes_after_its_messages() -> None:
    execution = Execution("1")
    execution.begin()
    execution.push(text("last words"))
    execution.close(RuntimeError("the kernel is gone"))
    messages = aiter(execution)

    assert await anext(messages) == text("last words")
    with pytest.raises(RuntimeError, match="the kernel is gone"):
        await anext(messages)
    with pytest.raises(RuntimeError, match="the kernel is gone"):
        await execution.wait()


async def test_nothing_comes_after_the_end() -> None:
    execution = Execution("1")
    execution.finish()
    execution.push(text("late"))
    execution.close(RuntimeError("late"))

    assert await read(execution) == [{"done": True}]
    assert execution.error is None


async def test_the_code_is_trimmed() -> None:
    """Input is trimmed of surrounding white space (§4.2)."""
    assert Execution("\n  1 + 1 \n\n").code == "1 + 1"


async def test_outputs_that_nobody_reads_are_bounded_and_counted() -> None:
    execution = Execution("1", max_unread_chars=3_000)
    execution.begin()
    for _ in range(100):
        execution.push(text("x" * 500))
    execution.push({"msg_type": "error", "content": {"ename": "E"}, "metadata": {}})
    execution.finish()

    *kept, error, notice, last = await read(execution)
    assert kept == [text("x" * 500)] * 3
    assert error["content"] == {"ename": "E"}
    assert "[97 outputs were left out" in notice["content"]["text"]
    assert is_done(last)
    (left_out,) = execution.overflow.outputs()
    assert (left_out["name"], left_out["text"]) == ("stdout", "x" * 500 * 97)


async def test_other_outputs_that_are_left_out_are_kept_too() -> None:
    execution = Execution("1", max_unread_chars=0)
    execution.begin()
    data = {"data": {"text/plain": "5"}}
    execution.push({"msg_type": "execute_result", "content": data, "metadata": {}})

    assert execution.overflow.outputs() == [{"output_type": "execute_result", **data}]


async def test_what_is_read_makes_room() -> None:
    execution = Execution("1", max_unread_chars=2_000)
    execution.begin()
    messages = aiter(execution)
    for number in range(100):
        execution.push(text(f"{number}" * 100))
        assert (await anext(messages))["content"]["text"] == f"{number}" * 100
    execution.finish()

    assert is_done(await anext(messages))


async def test_cancelling_asks_the_one_who_runs_it() -> None:
    execution = Execution("1")
    asked = []
    execution.on_cancel = asked.append
    execution.cancel()

    assert asked == [execution]
