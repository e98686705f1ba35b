"""Code that runs once, in real kernels (syncdoc-jupyter §6.1; §13, "Stateless execution")."""

import asyncio
import time
from pathlib import Path

import pytest
import pytest_asyncio
from jupyter_core.paths import jupyter_runtime_dir

from cocalc_jupyter_ext.kernels.standalone import code_queue
from cocalc_jupyter_ext.kernels.standalone.errors import KernelDiedError
from cocalc_jupyter_ext.kernels.stateless.errors import TotalTimeError
from cocalc_jupyter_ext.kernels.stateless.request import DEFAULT_ULIMIT, Limits, Request
from cocalc_jupyter_ext.kernels.stateless.single_use import SingleUseKernel

shared = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def single():
    """One kernel for the tests that could as well have one each."""
    single = await SingleUseKernel.start("python3", DEFAULT_ULIMIT)
    yield single
    await single.close()


async def run(single, code, **options):
    return await single.run(Request("python3", code, **options), time.time() * 1000)


@shared
async def test_the_result_of_an_expression(single) -> None:
    assert await run(single, "2+3") == [{"data": {"text/plain": "5"}}]


@shared
async def test_what_is_printed(single) -> None:
    assert await run(single, "print(25)") == [{"name": "stdout", "text": "25\n"}]


@shared
async def test_the_history_is_applied_and_its_output_is_thrown_away(single) -> None:
    history = ["x = 1", "print(x)", "x += 1"]

    assert await run(single, "x", history=history) == [{"data": {"text/plain": "2"}}]


@shared
async def test_two_flushes_give_two_messages(single) -> None:
    code = "print(1, flush=True); print(2, flush=True)"

    assert [each["text"] for each in await run(single, code)] == ["1\n", "2\n"]


@shared
async def test_an_exception_gives_a_traceback(single) -> None:
    (output,) = await run(single, "1/0")

    assert output["ename"] == "ZeroDivisionError"
    assert output["traceback"]


@shared
async def test_output_is_truncated_at_the_limit_with_one_notice(single) -> None:
    code = "for i in range(100): display('x' * 100)"  # printed lines may travel together
    *kept, notice = await run(single, code, limits=Limits(max_output_per_cell=1000))

    assert 5 < len(kept) < 10
    assert "1000 characters" in notice["text"][0]


@shared
async def test_comm_messages_are_no_outputs(single) -> None:
    code = "from comm import create_comm; create_comm(target_name='t', data={}); None"

    assert await run(single, code) == []


@shared
async def test_limits_of_the_operating_system_hold(single) -> None:
    code = "import resource as r; [r.getrlimit(n)[0] for n in (r.RLIMIT_NOFILE, r.RLIMIT_CPU)]"

    assert await run(single, code) == [{"data": {"text/plain": "[1000, 30]"}}]


@shared
async def test_it_works_in_a_temporary_folder_until_the_path_says_otherwise(
    single, tmp_path
) -> None:
    (own,) = await run(single, "import os; os.getcwd()")
    assert "cocalc-stateless-" in own["data"]["text/plain"]

    assert await run(single, "os.getcwd()", path=str(tmp_path)) == [
        {"data": {"text/plain": repr(str(tmp_path))}}
    ]


@shared
async def test_a_path_that_is_missing_becomes_stderr_and_the_code_runs(single) -> None:
    said, result = await run(single, "2+3", path="/no/such/folder")

    assert said["name"] == "stderr"
    assert "/no/such/folder" in said["text"]
    assert result == {"data": {"text/plain": "5"}}


@shared
async def test_a_time_limit_that_an_interrupt_can_stop_is_no_error_of_the_call(single) -> None:
    code = "import time; time.sleep(60)"
    (output,) = await run(single, code, limits=Limits(timeout_ms_per_cell=50))

    assert output["ename"] == "KeyboardInterrupt"


@shared
async def test_when_the_total_time_is_used_up_the_call_fails(single) -> None:
    limits = Limits(timeout_ms=1000, start_time=time.time() * 1000 - 2000)

    with pytest.raises(TotalTimeError, match="total time limit of 1 seconds"):
        await run(single, "1", limits=limits)


@shared
@pytest.mark.parametrize(
    ("more", "fails"),
    [
        ({"timeout_ms_per_cell": 60_000}, True),
        ({"timeout_ms_per_cell": 300, "start_time": 0}, True),
        ({"timeout_ms_per_cell": 300}, False),
    ],
)
async def test_code_that_runs_beyond_the_total_time_fails_the_call(single, more, fails) -> None:
    """The total time needs a start, or to be the shorter one, to be told from that of a cell."""
    if "start_time" in more:
        more = {**more, "start_time": time.time() * 1000}
    running = run(single, "time.sleep(60)", limits=Limits(timeout_ms=300, **more))

    if fails:
        with pytest.raises(TotalTimeError, match=r"total time limit of 0\.3 seconds"):
            await running
    else:
        assert (await running)[0]["ename"] == "KeyboardInterrupt"


async def test_a_kernel_has_a_process_until_it_is_killed_and_what_it_runs_fails() -> None:
    """hub-project-api §3.2, listJupyterKernels and stopJupyterKernel; §4.8, its file."""
    made: list[SingleUseKernel] = []
    single = await SingleUseKernel.start("python3", "", made.append)
    try:
        assert made == [single]
        process = single.process
        assert process is not None
        assert (process["pid"] > 1, process["kernel_name"]) == (True, "python3")
        file = Path(process["connectionFile"])
        assert file.is_file()
        assert file.parent == Path(jupyter_runtime_dir())  # §4.8

        running = asyncio.create_task(run(single, "import time; time.sleep(60)"))
        await asyncio.sleep(0)
        await single.kill()
        assert (single.process, single.is_usable) == (None, False)
        async with asyncio.timeout(20):
            with pytest.raises(KernelDiedError, match="SIGKILL"):
                await running
    finally:
        await single.close()


async def test_the_cpu_limit_ends_the_kernel_with_exit_code_137_and_its_folder_is_removed() -> None:
    single = await SingleUseKernel.start("python3", "-t 2")
    folder = Path(single._folder)
    assert folder.is_dir()
    try:
        async with asyncio.timeout(20):
            with pytest.raises(KernelDiedError, match="137"):
                await run(single, "while True: pass")
        assert not single.is_usable
    finally:
        await single.close()
        await single.close()
    assert not folder.exists()


async def test_code_that_ignores_interrupts_is_ended_with_its_kernel(monkeypatch) -> None:
    monkeypatch.setattr(code_queue, "INTERRUPTS_S", (0.05, 0.05, 0.05))
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    single = await SingleUseKernel.start("python3", "")
    try:
        with pytest.raises(KernelDiedError, match="SIGKILL"):
            await run(single, code, limits=Limits(timeout_ms_per_cell=100))
    finally:
        await single.close()


async def test_a_kernel_that_does_not_start_leaves_no_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Exception, match="fortran"):
        await SingleUseKernel.start("fortran", "")

    assert list(tmp_path.iterdir()) == []
