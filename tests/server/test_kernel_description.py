"""What a notebook says of the kernel that ran it (syncdoc-jupyter §7.2)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pycrdt import Map

from cocalc_jupyter_ext.documents.document import LiveDocument
from cocalc_jupyter_ext.kernels.errors import KernelUnreachableError
from cocalc_jupyter_ext.server.kernel_description import KernelDescription

from ..support.documents import NOTEBOOK_ID, open_world
from ..support.waiting import until

SPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "file_extension": ".py"}


class Kernel:
    """A kernel and its specification, which tell what the test says."""

    def __init__(self) -> None:
        self.asked = 0
        self.problem: Exception | None = None

    def name_of(self, kernel_id: str) -> str:
        return "python3"

    async def spec_of(self, kernel_id: str) -> dict[str, str]:
        return SPEC

    async def kernel_info(self, kernel_id: str) -> dict[str, Any]:
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        return {"language_info": LANGUAGE}


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveDocument]:
    async with open_world(tmp_path) as world:
        yield await world.registry.open(NOTEBOOK_ID)


def description(live: LiveDocument, kernel: Any) -> KernelDescription:
    return KernelDescription(live, kernel, kernel)


def metadata(live: LiveDocument) -> dict[str, Any]:
    return dict(live.ydoc.get()["metadata"])


def choose(live: LiveDocument, **values: Any) -> None:
    with live.edit():
        for name, value in values.items():
            live.ydoc.ydoc.get("meta", type=Map)["metadata"][name] = value


async def test_names_and_language_of_the_kernel_are_noted_once(live: LiveDocument) -> None:
    choose(live, kernelspec={"name": "python3", "display_name": "python3"})
    kernel = Kernel()
    described = description(live, kernel)
    described.look("k1")
    described.look("k1")
    await until(lambda: metadata(live).get("language_info") == LANGUAGE)
    described.look("k1")
    description(live, kernel).look("k1")
    await described.close()

    assert metadata(live)["kernelspec"] == SPEC
    assert kernel.asked == 1


async def test_a_kernel_that_does_not_answer_is_asked_after_the_next_cell(
    live: LiveDocument,
) -> None:
    kernel = Kernel()
    described = description(live, kernel)
    kernel.problem = KernelUnreachableError("k1", "busy")
    described.look("k1")
    await until(lambda: kernel.asked == 1)
    kernel.problem = None

    def is_noted_after_the_next_cell() -> bool:
        described.look("k1")
        return metadata(live).get("language_info") == LANGUAGE

    await until(is_noted_after_the_next_cell)
    assert kernel.asked == 2
    await described.close()


async def test_nothing_is_chosen_for_who_has_not_chosen(live: LiveDocument) -> None:
    """The choice that somebody makes in this moment would be undone."""
    kernel = Kernel()
    described = description(live, kernel)
    described.look("k1")
    await until(lambda: metadata(live).get("language_info") == LANGUAGE)
    description(live, kernel).look("k1")
    await described.close()

    assert metadata(live)["kernelspec"].get("name") == ""
    assert kernel.asked == 1


async def test_a_kernel_that_somebody_replaced_meanwhile_is_not_noted(live: LiveDocument) -> None:
    chosen = {"name": "ir", "display_name": "R"}
    choose(live, kernelspec=chosen)
    kernel = Kernel()
    described = description(live, kernel)
    described.look("k1")
    await until(lambda: kernel.asked == 1)
    await asyncio.sleep(0)  # the answer is there: it is taken in this turn
    await described.close()

    assert metadata(live)["kernelspec"] == chosen
