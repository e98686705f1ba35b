"""Kernels of other languages: run by scripts, moved out of the pool, run once.

syncdoc-jupyter §13, "Kernels": change-directory code escapes quotes; the folder changes.
"""

import asyncio
import json
import time
from contextlib import suppress

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from cocalc_jupyter_ext.kernels.kernel_queries import ask_kernel
from cocalc_jupyter_ext.kernels.pool.keys import PoolKey, is_pooled
from cocalc_jupyter_ext.kernels.pool.warm_kernel import launch_warm_kernel
from cocalc_jupyter_ext.kernels.standalone.errors import KernelDiedError
from cocalc_jupyter_ext.kernels.standalone.kernel import kernel
from cocalc_jupyter_ext.kernels.stateless.request import Limits, Request, ulimit_of
from cocalc_jupyter_ext.kernels.stateless.single_use import SingleUseKernel

from ..support.other_kernels import SPECS, install_kernels

PRINT_FOLDER = {"bash": "pwd", "deno": "console.log(Deno.cwd())"}
PRINT_VARIABLE = {
    "bash": 'echo "$COCALC_JUPYTER_FILENAME"',
    "deno": 'console.log(Deno.env.get("COCALC_JUPYTER_FILENAME"))',
}
WAIT = {"bash": "sleep 60", "deno": "await new Promise(done => setTimeout(done, 60000))"}
SUM = {"bash": "echo $((2+3))", "deno": "2+3"}
NASTY = "b'\"$x.ipynb"
NASTY_SHELL = "b'\\\"\\$x.ipynb"
LANGUAGES = {name: str(spec["language"]) for name, spec in SPECS.items()}

pytestmark = pytest.mark.parametrize("name", list(SPECS))


@pytest.fixture(autouse=True)
def installed(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", install_kernels(tmp_path_factory.mktemp("jupyter")))


def printed(messages):
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")


async def test_it_runs_code_in_the_notebooks_folder_and_can_be_moved(name, tmp_path) -> None:
    folder = tmp_path / 'it\'s a "folder" $HOME'
    folder.mkdir()
    async with kernel(name, str(tmp_path / "a.ipynb")) as other:
        assert printed(await other.run_code(PRINT_FOLDER[name])).strip() == str(tmp_path)
        await other.chdir(str(folder))
        assert printed(await other.run_code(PRINT_FOLDER[name])).strip() == str(folder)
        with pytest.raises(NotADirectoryError):
            await other.chdir(str(tmp_path / "missing"))
        assert printed(await other.run_code(PRINT_VARIABLE[name])).strip() == other.path
        language = (await other.kernel_info())["language_info"]["name"]
        assert language == LANGUAGES[name]
        assert (await other.complete("ec" if name == "bash" else "Den"))["matches"]


async def test_a_pooled_one_is_moved_to_the_notebook(name, tmp_path) -> None:
    assert is_pooled(name, LANGUAGES[name])
    warm = await launch_warm_kernel(PoolKey(name), KernelSpecManager(), cwd=tmp_path)
    folder = tmp_path / "it's"
    folder.mkdir()
    try:
        await warm.move(str(folder), {"COCALC_JUPYTER_FILENAME": NASTY})
        check = {
            "bash": f"""[ "$PWD" = "{folder}" ] &&
                [ "$COCALC_JUPYTER_FILENAME" = "{NASTY_SHELL}" ]""",
            "deno": f"""if (Deno.cwd() !== "{folder}" ||
                Deno.env.get("COCALC_JUPYTER_FILENAME") !== {json.dumps(NASTY)}) throw "no" """,
        }
        reply = await ask_kernel(
            warm.connection_info, lambda client: client.execute(check[name]), 10
        )
        assert reply["status"] == "ok"
    finally:
        await warm.end()


async def test_it_runs_once_and_a_time_limit_ends_it(name) -> None:
    single = await SingleUseKernel.start(name, ulimit_of(LANGUAGES[name]))
    try:
        now = time.time() * 1000
        (output,) = await single.run(Request(name, SUM[name]), now)
        assert "5" in str(output)
        limits = Limits(timeout_ms_per_cell=100)
        async with asyncio.timeout(60):
            # An interrupt stops it, or else the kernel is ended.
            with suppress(KernelDiedError):
                await single.run(Request(name, WAIT[name], limits=limits), now)
    finally:
        await single.close()
