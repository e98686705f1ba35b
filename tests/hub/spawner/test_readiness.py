import asyncio

import pytest
from aiohttp import web

from cocalc_hub_ext.spawner.readiness import ServerDiedError, ServerSilentError, wait_until_ready

from ...support.ports import free_port
from ..proxy.worlds import LOCAL, RawTarget, serve_app

UNIT_S = 0.05


def answering(*statuses: int) -> web.Application:
    remaining = list(statuses)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=remaining.pop(0) if len(remaining) > 1 else remaining[0])

    app = web.Application()
    app.router.add_get("/api", answer)
    return app


@pytest.mark.parametrize("statuses", [(200,), (403,), (302,), (503, 500, 200)])
async def test_any_answer_that_is_not_a_failure_is_ready(statuses: tuple[int, ...]) -> None:
    async with serve_app(answering(*statuses)) as port:
        await wait_until_ready(
            f"http://{LOCAL}:{port}/api", lambda: None, interval_s=0.01, timeout_s=5
        )


async def test_a_server_that_comes_up_late_is_found() -> None:
    port = free_port()
    waiting = asyncio.ensure_future(
        wait_until_ready(f"http://{LOCAL}:{port}/api", lambda: None, interval_s=0.01, timeout_s=5)
    )
    runner = web.AppRunner(answering(200), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, LOCAL, port).start()
    await waiting
    await runner.cleanup()


async def test_a_process_that_ended_is_noticed_at_once() -> None:
    with pytest.raises(ServerDiedError, match="ended with exit code 3") as caught:
        await wait_until_ready(
            f"http://{LOCAL}:{free_port()}/api", lambda: 3, interval_s=60, timeout_s=60
        )
    assert caught.value.exit_code == 3


async def test_a_server_that_stays_silent_is_given_up() -> None:
    with pytest.raises(ServerSilentError, match="did not answer within"):
        await wait_until_ready(
            f"http://{LOCAL}:{free_port()}/api",
            lambda: None,
            interval_s=0.01,
            timeout_s=2 * UNIT_S,
        )


async def test_a_server_that_accepts_and_never_answers_is_given_up() -> None:
    async def swallow(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with RawTarget(swallow).serving() as target:
        with pytest.raises(ServerSilentError):
            await wait_until_ready(
                f"http://{LOCAL}:{target.port}/api",
                lambda: None,
                interval_s=0.01,
                timeout_s=2 * UNIT_S,
            )
