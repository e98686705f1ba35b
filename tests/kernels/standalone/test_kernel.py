"""Kernels of scripts (syncdoc-jupyter §4, §15; §13, "Kernels")."""

import asyncio
import json
import os
from pathlib import Path

import pytest
import pytest_asyncio

from cocalc_jupyter_ext.kernels.errors import KernelSpecNotFoundError, NoKernelChosenError
from cocalc_jupyter_ext.kernels.standalone.errors import KernelClosedError, KernelDiedError
from cocalc_jupyter_ext.kernels.standalone.execution import Execution, is_done
from cocalc_jupyter_ext.kernels.standalone.host import LocalKernels
from cocalc_jupyter_ext.kernels.standalone.kernel import Kernel, kernel

shared = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def python(tmp_path_factory):
    """One kernel for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("python")
    async with kernel("python3", str(folder / "new" / "a.ipynb")) as python:
        yield python


async def printed(python, code, **options):
    messages = await python.run_code(code, **options)
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")


def error_of(messages):
    return next(m["content"] for m in messages if m["msg_type"] == "error")


@shared
async def test_code_spawns_the_kernel_and_its_pid_is_the_reported_one(python) -> None:
    assert await printed(python, "import os; print(os.getpid())") == f"{python.pid}\n"
    assert python.state == "running"


@shared
async def test_the_messages_of_an_expression_come_in_order(python) -> None:
    """Busy, echoed input with its count, result; the reply and the last item end it."""
    items = [item async for item in python.execute_code("2 + 3")]
    # The reply comes over another connection than everything else.
    replies = [item for item in items if item.get("msg_type") == "execute_reply"]
    busy, code, result, idle, done = (item for item in items if item not in replies)

    assert (busy["msg_type"], busy["content"]) == ("status", {"execution_state": "busy"})
    assert (code["msg_type"], code["content"]["code"]) == ("execute_input", "2 + 3")
    assert (result["msg_type"], result["content"]["data"]) == (
        "execute_result",
        {"text/plain": "5"},
    )
    assert (idle["msg_type"], idle["content"]) == ("status", {"execution_state": "idle"})
    assert is_done(done)
    assert len(replies) == 1


@shared
async def test_variables_persist_between_executions(python) -> None:
    await python.run_code("kept = 7 * 6")

    assert await printed(python, "print(kept)") == "42\n"


@shared
async def test_waiting_for_the_end_gives_all_messages(python) -> None:
    execution = python.execute_code("print(1)")
    await execution.wait()

    assert execution.state == "done"
    assert is_done([item async for item in execution][-1])


@shared
async def test_an_error_is_told_and_drops_what_waits_but_not_what_comes_later(python) -> None:
    failing, waiting = python.execute_code("1/0"), python.execute_code("print('no')")

    assert error_of([item async for item in failing if not is_done(item)])["ename"] == (
        "ZeroDivisionError"
    )
    assert [item async for item in waiting] == [{"done": True}]
    assert await printed(python, "print('yes')") == "yes\n"


@shared
async def test_two_flushes_give_two_messages(python) -> None:
    code = "import sys; print(1, flush=True); print(2, flush=True)"
    messages = await python.run_code(code)

    assert [m["content"]["text"] for m in messages if m["msg_type"] == "stream"] == ["1\n", "2\n"]


@shared
async def test_the_folder_is_that_of_the_notebook_and_is_made_if_it_is_missing(python) -> None:
    """Relative names are those of the notebook's folder (§4.8)."""
    assert python.path is not None
    assert await printed(python, "import os; print(os.getcwd())") == (
        f"{Path(python.path).parent}\n"
    )


@shared
async def test_the_environment_is_that_of_the_contract(python) -> None:
    """§4.8: renderer of plots, names of the kernel and of the notebook."""
    names = ["PLOTLY_RENDERER", "COCALC_JUPYTER_KERNELNAME", "COCALC_JUPYTER_FILENAME"]
    said = await printed(python, f"import os; print([os.environ.get(n) for n in {names}])")

    assert said == f"{['colab', 'python3', python.path]}\n"


@shared
async def test_changing_the_folder_takes_effect_and_leaves_no_trace(python, tmp_path) -> None:
    before = await printed(python, "print(In.__len__(), sorted(globals()))")
    await python.chdir(str(tmp_path))

    assert await printed(python, "import os as _os; print(_os.getcwd())") == f"{tmp_path}\n"
    after = await printed(python, "print(In.__len__() - 2, sorted(set(globals()) - {'_os'}))")
    assert [w for w in after.split() if "_i" not in w] == [
        w for w in before.split() if "_i" not in w
    ]


@shared
async def test_changing_to_a_folder_that_is_not_there_is_an_error(python, tmp_path) -> None:
    with pytest.raises(NotADirectoryError, match="FileNotFoundError"):
        await python.chdir(str(tmp_path / "missing"))


@shared
async def test_without_an_stdin_handler_reading_input_raises_in_the_kernel(python) -> None:
    messages = await python.run_code("input()")

    assert error_of(messages)["ename"] == "StdinNotImplementedError"


@shared
async def test_an_stdin_handler_gets_prompt_and_password_flag(python) -> None:
    asked = []

    async def answer(prompt, is_password):
        asked.append((prompt, is_password))
        return "Ada"

    code = "import getpass; print(input('Name: ') + getpass.getpass('Word: '))"
    messages = await python.run_code(code, stdin=answer)

    assert asked == [("Name: ", False), ("Word: ", True)]
    assert "AdaAda\n" in [m["content"].get("text") for m in messages]


@shared
async def test_what_an_stdin_handler_raises_is_the_answer(python) -> None:
    async def answer(prompt, is_password):
        raise RuntimeError("nobody is here")

    assert "nobody is here" in await printed(python, "print(input())", stdin=answer)


@shared
async def test_the_kernel_says_what_it_is_completes_and_explains(python) -> None:
    await python.run_code("import textwrap")
    info = await python.kernel_info()

    assert info["language_info"]["name"] == "python"
    assert await python.kernel_info() is info
    assert "print" in (await python.complete("pri"))["matches"]
    short, source = [
        (await python.introspect("textwrap.dedent", 15, level))["data"]["text/plain"]
        for level in (0, 5)
    ]
    assert "Source:" in source
    assert "Source:" not in short
    with pytest.raises(ValueError, match="no code"):
        await python.complete("")


@shared
async def test_an_interrupt_ends_what_runs_and_drops_what_waits(python) -> None:
    running = python.execute_code("import time; print('now', flush=True); time.sleep(60)")
    waiting = python.execute_code("1")
    messages = []
    async for message in running:
        messages.append(message)
        if message.get("msg_type") == "stream":
            await python.signal("SIGINT")

    assert "KeyboardInterrupt" in [m["content"].get("ename") for m in messages[:-1]]
    assert [item async for item in waiting] == []
    with pytest.raises(ValueError, match="SIGFOO"):
        await python.signal("SIGFOO")


@shared
async def test_a_time_limit_interrupts_and_the_kernel_lives_on(python) -> None:
    """A time limit that an interrupt can stop is not an error of the call (§6.1)."""
    messages = await python.run_code("import time; time.sleep(60)", timeout_ms=50)

    assert error_of(messages)["ename"] == "KeyboardInterrupt"
    assert await printed(python, "print('alive')") == "alive\n"


@shared
async def test_what_an_execution_left_out_can_be_asked_for(python, monkeypatch) -> None:
    """§4.6: kept until the cell runs again."""
    monkeypatch.setattr(
        Execution.__init__,
        "__kwdefaults__",
        {**Execution.__init__.__kwdefaults__, "max_unread_chars": 2_000},
    )
    execution = python.execute_code("for i in range(9): print(i, flush=True)", id="c1")
    await execution.wait()
    read = [item async for item in execution]

    shown = "".join(m["content"]["text"] for m in read if m.get("msg_type") == "stream")
    (left_out,) = python.more_output("c1")
    assert "outputs were left out" in shown
    assert shown[0] == "0"
    assert left_out["text"].endswith("7\n8\n")
    await python.run_code("1", id="c1")
    assert python.more_output("c1") == []
    assert python.more_output("unknown") == []


@shared
async def test_the_channels_and_the_usage_can_be_followed(python) -> None:
    heard = {"shell": [], "iopub": [], "usage": asyncio.Queue()}
    ends = [
        python.shell.connect(heard["shell"].append),
        python.iopub.connect(heard["iopub"].append),
        python.usage.connect(heard["usage"].put_nowait),
    ]
    await python.run_code("1")
    usage = await asyncio.wait_for(heard["usage"].get(), 60)
    for end in ends:
        end()

    assert [m["msg_type"] for m in heard["shell"]] == ["execute_reply"]
    assert "execute_result" in [m["msg_type"] for m in heard["iopub"]]
    assert usage.mem > 10


async def test_an_unknown_kernel_fails_with_its_name_in_error_and_event() -> None:
    async with kernel("fortran-77") as missing:
        events = []
        missing.kernel_error.connect(events.append)
        missing.state_changed.connect(events.append)
        with pytest.raises(KernelSpecNotFoundError, match="fortran-77"):
            await missing.run_code("1")

        assert events[:2] == ["spawning", "failed"]
        assert "fortran-77" in events[2]


async def test_a_kernel_that_dies_at_once_fails_with_its_last_words(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "kernels" / "broken"
    folder.mkdir(parents=True)
    argv = ["sh", "-c", "echo No module named x >&2; exit 5"]
    spec = {"argv": argv, "display_name": "Broken", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    async with asyncio.timeout(60), kernel("broken") as broken:
        errors = []
        broken.kernel_error.connect(errors.append)
        for _ in range(2):  # it may be tried again
            with pytest.raises(KernelDiedError, match=r"(?s)exit code 5.*No module named x"):
                await broken.run_code("1")

        assert broken.state == "failed"
        assert len(errors) == 2


async def test_an_object_without_a_name_exists_but_does_not_spawn() -> None:
    async with kernel(path="a.ipynb") as nameless:
        assert nameless.state == "off"
        with pytest.raises(NoKernelChosenError):
            await nameless.spawn()


async def test_the_states_go_from_off_to_closed_and_death_ends_code_with_the_reason() -> None:
    """§4.4, §4.5: exit code and the last part of stderr; a second kernel may then be opened."""
    python = kernel("python3", "/tmp/death.ipynb", cwd="/tmp")
    states = [python.state]
    python.state_changed.connect(states.append)
    closed = asyncio.Event()
    python.running.connect(lambda: states.append("runs"))
    python.closed.connect(closed.set)
    running, waiting = python.execute_code("import os; os._exit(3)"), python.execute_code("1")

    for execution in (running, waiting):
        with pytest.raises(KernelDiedError, match="exit code 3"):
            await execution.wait()
    await asyncio.wait_for(closed.wait(), 60)
    assert states == ["off", "spawning", "starting", "running", "runs", "failed", "closed"]
    with pytest.raises(KernelClosedError):
        python.execute_code("1")
    await python.close()


async def test_closing_while_code_runs_works_and_a_second_kernel_can_have_the_path() -> None:
    """One kernel object per path at a time: a new one closes the one that was there (§15)."""
    first = kernel("python3", "/tmp/same.ipynb")
    running = first.execute_code("print('now', flush=True); import time; time.sleep(60)")
    async for message in running:
        if message["msg_type"] == "stream":
            break
    pid = first.pid
    second = kernel("python3", "/tmp/same.ipynb")

    assert await printed(second, "print(1)") == "1\n"
    assert first.state == "closed"
    assert running.state == "closed"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await second.close()
    await second.close()


async def test_of_several_objects_for_a_path_the_one_that_runs_is_closed() -> None:
    """Also when the one made in between was never started."""
    first = kernel("python3", "/tmp/third.ipynb")
    await first.spawn()
    between = kernel("python3", "/tmp/third.ipynb")
    third = kernel("python3", "/tmp/third.ipynb")
    await third.spawn()

    assert (first.state, between.state, third.state) == ("closed", "off", "running")
    await third.close()
    await between.close()


async def test_closing_while_the_kernel_starts_leaves_nothing_behind() -> None:
    host = LocalKernels()
    closed = Kernel("python3", None, host=host)
    spawning = asyncio.create_task(closed.spawn())
    states = []
    closed.state_changed.connect(states.append)
    while not states:
        await asyncio.sleep(0)
    assert states == ["spawning"]
    await closed.close()

    with pytest.raises(KernelClosedError):
        await spawning
    assert closed.state == "closed"
    assert host._local.list_kernel_ids() == []
    await host.close()
