"""What the proxy costs: each measure once direct, once through each proxy that is installed.

Run with ``python bench/proxy.py``. The target, the proxies and this client are processes of their
own. ``configurable-http-proxy`` takes part when its command is in ``PATH``. Ratios are to direct;
above 1 is slower for times and faster for rates.
"""

import asyncio
import contextlib
import os
import shutil
import statistics
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
from aiohttp import web

from tests.support.ports import free_port

MIB = 1024 * 1024
LOCAL = "127.0.0.1"
TOKEN = "bench"
SMALL = b"x" * 200


def make_target() -> web.Application:
    async def ping(_request: web.Request) -> web.Response:
        return web.Response(body=SMALL)

    async def echo(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(max_msg_size=0, compress=False)
        await response.prepare(request)
        async for message in response:
            await response.send_bytes(message.data)
        return response

    async def big(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(bytes(MIB))
        return response

    app = web.Application()
    app.router.add_get("/ping", ping)
    app.router.add_get("/echo", echo)
    app.router.add_get("/big", big)
    return app


async def http_latency_ms(session: aiohttp.ClientSession, url: str) -> float:
    times = []
    for _ in range(1000):
        begun = time.perf_counter()
        async with session.get(f"{url}/ping") as answer:
            await answer.read()
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


async def http_rate(session: aiohttp.ClientSession, url: str) -> float:
    async def worker() -> None:
        for _ in range(100):
            async with session.get(f"{url}/ping") as answer:
                await answer.read()

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(32)))
    return 3200 / (time.perf_counter() - begun)


async def ws_latency_ms(session: aiohttp.ClientSession, url: str) -> float:
    times = []
    async with session.ws_connect(f"{url}/echo") as ws:
        for _ in range(2000):
            begun = time.perf_counter()
            await ws.send_bytes(SMALL)
            await ws.receive_bytes()
            times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


async def ws_rate(session: aiohttp.ClientSession, url: str) -> float:
    count = 20_000
    async with session.ws_connect(f"{url}/echo") as ws:

        async def send() -> None:
            for _ in range(count):
                await ws.send_bytes(SMALL)

        begun = time.perf_counter()
        sending = asyncio.ensure_future(send())
        for _ in range(count):
            await ws.receive_bytes()
        await sending
        return count / (time.perf_counter() - begun)


async def ws_large_ms(session: aiohttp.ClientSession, url: str) -> float:
    times = []
    message = bytes(8 * MIB)
    async with session.ws_connect(f"{url}/echo", max_msg_size=0) as ws:
        for _ in range(10):
            begun = time.perf_counter()
            await ws.send_bytes(message)
            await ws.receive_bytes()
            times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


async def download_rate(session: aiohttp.ClientSession, url: str) -> float:
    begun = time.perf_counter()
    async with session.get(f"{url}/big") as answer:
        async for _ in answer.content.iter_any():
            pass
    return 200 / (time.perf_counter() - begun)


Measure = Callable[[aiohttp.ClientSession, str], Awaitable[float]]
MEASURES: dict[str, Measure] = {
    "HTTP round trip, ms": http_latency_ms,
    "HTTP requests/s, 32 at once": http_rate,
    "ws round trip, ms": ws_latency_ms,
    "ws messages/s each way": ws_rate,
    "ws 8 MiB there and back, ms": ws_large_ms,
    "download, MiB/s": download_rate,
}


@contextlib.asynccontextmanager
async def running(port: int, *command: str) -> AsyncIterator[Process]:
    env = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": TOKEN}
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while not await accepts(port):  # noqa: ASYNC110 - another process has no event here
                await asyncio.sleep(0.05)
        yield process
    finally:
        process.terminate()
        await process.wait()


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOCAL, port)
    except OSError:
        return False
    writer.close()
    return True


@contextlib.asynccontextmanager
async def proxy(command: list[str], target_port: int) -> AsyncIterator[str]:
    port, api_port = free_port(), free_port()
    options = ["--ip", LOCAL, "--port", str(port), "--api-ip", LOCAL, "--api-port", str(api_port)]
    async with running(port, *command, *options), aiohttp.ClientSession() as session:
        async with session.post(
            f"http://{LOCAL}:{api_port}/api/routes/",
            json={"target": f"http://{LOCAL}:{target_port}"},
            headers={"Authorization": f"token {TOKEN}"},
        ) as answer:
            answer.raise_for_status()
        yield f"http://{LOCAL}:{port}"


async def measure_all(url: str) -> dict[str, float]:
    results = {}
    async with aiohttp.ClientSession() as session:
        for name, measure in MEASURES.items():
            results[name] = await measure(session, url)
    return results


async def main() -> None:
    target_port = free_port()
    proxies = {"cocalc": [sys.executable, "-m", "cocalc_hub_ext.proxy"]}
    if node := shutil.which("configurable-http-proxy"):
        proxies["configurable-http-proxy"] = [node]
    async with running(target_port, sys.executable, __file__, "--target", str(target_port)):
        results = {"direct": await measure_all(f"http://{LOCAL}:{target_port}")}
        for name, command in proxies.items():
            async with proxy(command, target_port) as url:
                results[name] = await measure_all(url)
    print_table(results)


def print_table(results: dict[str, dict[str, float]]) -> None:
    print(f"{'':30}" + "".join(f"{name:>28}" for name in results))
    for measure, direct in results["direct"].items():
        cells = [
            f"{values[measure]:>18.2f} (x{values[measure] / direct:6.2f})"
            for values in results.values()
        ]
        print(f"{measure:30}" + "".join(f"{cell:>28}" for cell in cells))


if __name__ == "__main__":
    if "--target" in sys.argv:
        web.run_app(make_target(), host=LOCAL, port=int(sys.argv[-1]), print=None)
    else:
        asyncio.run(main())
