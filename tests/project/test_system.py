"""hub-project-api §3.2."""

import pytest

from cocalc_jupyter_ext.project.catalogue import KNOWN_FUNCTIONS
from cocalc_jupyter_ext.project.dispatch import ApiError, Dispatcher
from cocalc_jupyter_ext.project.system import system_functions

SYSTEM = Dispatcher(system_functions(lambda: 1_700_000_000.1234), KNOWN_FUNCTIONS)


async def test_ping_answers_the_time_in_milliseconds() -> None:
    assert await SYSTEM({"name": "system.ping", "args": []}) == {"now": 1_700_000_000_123}


@pytest.mark.parametrize(
    ("args", "project_id"), [([{"project_id": "p"}], "p"), ([{}], ""), ([], ""), ([None], "")]
)
async def test_test_echoes_the_project(args: list[object], project_id: str) -> None:
    answer = await SYSTEM({"name": "system.test", "args": args})

    assert answer == {"project_id": project_id, "server_time": 1_700_000_000_123}


async def test_test_refuses_what_is_no_object() -> None:
    with pytest.raises(ApiError, match="must be an object"):
        await SYSTEM({"name": "system.test", "args": ["p"]})
