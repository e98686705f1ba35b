"""Messages as CoCalc's own client sees them: through ``socket.io-client``."""

import pytest

from ..support.conat_process import conat_process
from ..support.conat_server import serve
from ..support.javascript import run_checks

CHECKS = 15
PROJECT_CHECKS = 2


async def test_the_javascript_libraries_find_what_the_contract_promises() -> None:
    async with serve() as address:
        report = await run_checks("conformance", address)

    assert report["failed"] == []
    assert len(report["passed"]) == CHECKS


@pytest.mark.parametrize(
    ("arguments", "cookie"),
    [(("--base-path", "/a/b"), ""), (("--cookie-users",), "bench_user=ann")],
)
async def test_the_server_of_its_own_keeps_the_same_promises(
    arguments: tuple[str, ...], cookie: str
) -> None:
    async with conat_process(*arguments) as server:
        report = await run_checks("conformance", server.address, cookie)

    assert report["failed"] == []
    assert len(report["passed"]) == CHECKS


async def test_a_failed_check_is_reported() -> None:
    """The project checks cannot pass where no project is: the report must say so."""
    async with serve() as address:
        report = await run_checks(
            "conformance", address, "", "00000000-0000-4000-8000-000000000000"
        )

    assert len(report["failed"]) == PROJECT_CHECKS
