"""Ending services of a project (hub-project-api §3.1)."""

import pytest

from cocalc_jupyter_ext.project.catalogue import KNOWN_FUNCTIONS
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.terminating import SERVICES, Terminating


async def test_a_service_is_ended_and_named() -> None:
    ended: list[str] = []
    terminating = Terminating()

    async def end() -> None:
        ended.append("listings")

    terminating.add("listings", end)
    terminate = terminating.functions()["system.terminate"]

    assert set(terminating.functions()) <= KNOWN_FUNCTIONS
    assert await terminate({"service": "listings"}) == {
        "status": "terminated",
        "service": "listings",
    }
    assert ended == ["listings"]
    with pytest.raises(ApiError, match="'api' does not run on this server"):
        await terminate({"service": "api"})


@pytest.mark.parametrize("options", [None, {}, {"service": 5}, {"service": "x"}, "listings"])
async def test_anything_else_is_an_error(options: object) -> None:
    with pytest.raises(ApiError, match=r"system\.terminate"):
        await Terminating().terminate(options)


def test_only_services_with_a_name_on_the_wire_can_be_added() -> None:
    async def end() -> None:
        raise AssertionError

    with pytest.raises(ValueError, match="persist"):
        Terminating().add("persist", end)
    assert SERVICES == ("open-files", "listings", "files:read", "files:write", "api")
