"""Asking a kernel something that is not a run."""

import asyncio
import signal

import pytest

from cocalc_jupyter_ext.kernels.errors import KernelNotFoundError, KernelUnreachableError
from cocalc_jupyter_ext.kernels.kernel_queries import KernelQueries

from ..support.local_kernels import local_kernels


async def test_a_kernel_says_what_it_is_completes_and_explains() -> None:
    async with local_kernels() as kernels:
        kernel_id = await kernels.start()
        queries = KernelQueries(kernels, timeout_s=60)

        info = await queries.kernel_info(kernel_id)
        completed = await queries.complete(kernel_id, "pri", 3)
        explained = await queries.inspect(kernel_id, "print", 5, 0)

        assert info["language_info"]["name"] == "python"
        assert "print" in completed["matches"]
        assert explained["found"]


async def test_an_unknown_kernel_and_one_that_does_not_answer_are_errors() -> None:
    async with local_kernels() as kernels:
        kernel_id = await kernels.start()

        with pytest.raises(KernelNotFoundError):
            await KernelQueries(kernels).kernel_info("unknown")
        with pytest.raises(
            KernelUnreachableError, match=r"within 1e-06 s, perhaps because it is busy\."
        ):
            await KernelQueries(kernels, timeout_s=0.000001).kernel_info(kernel_id)


async def test_a_question_ends_when_its_kernel_does() -> None:
    """syncdoc-jupyter §4.9: nobody waits ten seconds for the answer of a kernel that is gone."""
    async with local_kernels() as kernels:
        kernel_id = await kernels.start()
        queries = KernelQueries(kernels, timeout_s=600)
        await queries.kernel_info(kernel_id)
        await kernels.signal(kernel_id, signal.SIGSTOP)

        asking = asyncio.create_task(queries.complete(kernel_id, "pri", 3))
        await kernels.signal(kernel_id, signal.SIGKILL)

        async with asyncio.timeout(30):
            with pytest.raises(KernelUnreachableError, match="it has ended"):
                await asking
