"""hub-project-api §3.2."""

import pytest

from cocalc_jupyter_ext._version import __version__
from cocalc_jupyter_ext.project.catalogue import KNOWN_FUNCTIONS
from cocalc_jupyter_ext.project.dispatch import ApiError, Dispatcher
from cocalc_jupyter_ext.project.system import system_functions, version_number

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


@pytest.mark.parametrize(
    ("version", "number"),
    [("0.1.0", 1_000), ("1.2.3", 1_002_003), ("2.0", 2_000_000), ("1.2.0rc3", 1_002_000)],
)
def test_the_number_of_a_version_grows_with_it(version: str, number: int) -> None:
    assert version_number(version) == number


async def test_version_is_that_of_the_package() -> None:
    assert await SYSTEM({"name": "system.version"}) == version_number(__version__)


async def test_closing_a_document_does_nothing() -> None:
    """hub-project-api §3.5."""
    assert await SYSTEM({"name": "sync.close", "args": ["a.ipynb"]}) is None
