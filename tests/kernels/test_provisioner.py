"""Processes of kernels (syncdoc-jupyter §4.5, §4.8)."""

import asyncio
import json

import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager

from cocalc_jupyter_ext.kernels.endings import Ending
from cocalc_jupyter_ext.kernels.standalone.host import LocalKernels


@pytest.fixture
async def shell_kernels(tmp_path):
    """Kernels that are shell scripts: started in milliseconds, and silent."""

    def install(name, script, **spec):
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        argv = ["sh", "-c", script, "{connection_file}"]
        (folder / "kernel.json").write_text(
            json.dumps({"argv": argv, "display_name": name, "language": "sh", **spec})
        )

    opened = []

    def kernels(**options):
        specs = KernelSpecManager(kernel_dirs=[str(tmp_path / "kernels")])
        opened.append(LocalKernels(specs=specs, **options))
        return opened[-1]

    kernels.install = install
    yield kernels
    for each in opened:
        await each.close()


async def ended(host, kernel_id):
    async with asyncio.timeout(60):
        while await host.is_alive(kernel_id):
            await asyncio.sleep(0.01)
    return await host.ending(kernel_id)


async def start(host, name, tmp_path, **env):
    return await host.start(name, path="a.ipynb", cwd=str(tmp_path / "new" / "cwd"), env=env)


async def test_exit_code_and_last_words_are_remembered(shell_kernels, tmp_path) -> None:
    shell_kernels.install("x", "echo last words >&2; exit 7")
    host = shell_kernels()

    assert await ended(host, await start(host, "x", tmp_path)) == Ending(7, "last words\n")


async def test_a_kernel_that_floods_its_streams_does_not_fill_the_log(
    shell_kernels, tmp_path, capfd
) -> None:
    shell_kernels.install("x", "yes words | head -c 5000000 | tee /dev/stderr")
    host = shell_kernels()
    await ended(host, await start(host, "x", tmp_path))

    out, err = capfd.readouterr()
    assert 900_000 < len(out) < 1_200_000
    assert 900_000 < len(err) < 1_200_000


async def test_environment_and_folder_are_those_of_the_contract(shell_kernels, tmp_path) -> None:
    shell_kernels.install(
        "x",
        'echo "$PWD|$DEBUG|$FROM_SPEC|$GIVEN|$COCALC_JUPYTER_FILENAME" >&2',
        env={"FROM_SPEC": "s"},
    )
    host = shell_kernels()
    ending = await ended(host, await start(host, "x", tmp_path, DEBUG="1", GIVEN="g"))

    assert ending.stderr == f"{tmp_path}/new/cwd||s|g|a.ipynb\n"


async def test_limits_hold_and_the_cpu_limit_ends_the_kernel_with_code_137(
    shell_kernels, tmp_path
) -> None:
    """§13, "Stateless execution": CPU limit by ulimit kills the kernel with exit code 137."""
    shell_kernels.install("x", "while :; do :; done")
    host = shell_kernels(ulimit="-t 1")
    ending = await ended(host, await start(host, "x", tmp_path))

    assert ending.shell_exit_code == 137


async def test_a_program_that_is_missing_is_an_error_and_closing_still_works(
    shell_kernels, tmp_path
) -> None:
    shell_kernels.install("x", "", argv=["/no/such/program"])
    host = shell_kernels()

    with pytest.raises(FileNotFoundError, match="/no/such/program"):
        await start(host, "x", tmp_path)
    await host.close()


async def test_each_kernel_has_a_process_group_of_its_own(shell_kernels, tmp_path) -> None:
    shell_kernels.install("x", "sleep 60 & wait")
    host = shell_kernels()
    kernel_id = await start(host, "x", tmp_path)
    await host.signal(kernel_id, 15)

    assert (await ended(host, kernel_id)).exit_code == -15


async def test_how_the_previous_process_ended_is_known_while_the_next_one_runs(
    shell_kernels, tmp_path
) -> None:
    """A kernel that died may be restarted before somebody asks why it died."""
    shell_kernels.install("x", "echo first >&2; sleep 60")
    host = shell_kernels()
    kernel_id = await start(host, "x", tmp_path)
    assert await host.ending(kernel_id) == Ending(None)
    await host.signal(kernel_id, 9)
    died = await ended(host, kernel_id)
    manager = host._local.get_kernel(kernel_id)
    await manager.start_kernel(**manager._launch_args)

    assert await host.is_alive(kernel_id)
    assert await host.ending(kernel_id) == died == Ending(-9, "first\n")


@pytest.mark.parametrize("dies", [True, False])
async def test_it_is_known_whether_a_process_was_gone_before_jupyter_ended_it(
    shell_kernels, tmp_path, dies
) -> None:
    """Jupyter may find a dead kernel, and restart it, before anybody asks why it died."""
    shell_kernels.install("x", "sleep 60")
    host = shell_kernels()
    kernel_id = await start(host, "x", tmp_path)
    if dies:
        await host.signal(kernel_id, 9)
        await ended(host, kernel_id)
    await host._local.get_kernel(kernel_id).provisioner.kill(restart=True)

    assert (await ended(host, kernel_id)).by_itself is dies


async def test_python_kernels_of_this_environment_print_promptly(tmp_path) -> None:
    host = LocalKernels()
    try:
        kernel_id = await start(host, "python3", tmp_path)
        command = psutil.Process(host.pid(kernel_id)).cmdline()
    finally:
        await host.close()

    assert any(word.endswith("PromptOutStream") for word in command)
