"""Reliable sockets between JavaScript and Python, each in both roles (conat-core §14)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.sockets.client_socket import ClientSocket
from cocalc_jupyter_ext.conat.sockets.server_socket import ServerSocket
from cocalc_jupyter_ext.conat.sockets.socket_server import SocketServer
from cocalc_jupyter_ext.conat.sockets.states import SocketState
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

from ..support.conat_process import ConatProcess, conat_process
from ..support.javascript import run_checks

Said = Mapping[str, Any]


class EchoServer:
    """Writes back what it receives; doubles what it is asked."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._server = SocketServer(client, "python.*")
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server.connections.connect(self._connected)
        await self._server.start()

    def _connected(self, socket: ServerSocket) -> None:
        socket.data.connect(lambda value, headers: self._received(socket, value, headers))
        socket.requests.connect(lambda request: self._spawn(self._answer(socket, request)))

    def _received(self, socket: ServerSocket, value: object, headers: dict[str, Any]) -> None:
        if value == "ask me":
            self._spawn(self._ask(socket))
        else:
            socket.write(value, headers=headers or None)

    async def _answer(self, socket: ServerSocket, request: Message) -> None:
        assert isinstance(request.headers, dict)
        headers = {key: value for key, value in request.headers.items() if key != "CN-Reply"}
        await socket.respond(request, request.data * 2, headers=headers or None)

    async def _ask(self, socket: ServerSocket) -> None:
        reply = await socket.request("hello")
        socket.write(reply.data)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def subjects(self, _said: Said) -> object:
        return {"subjects": sorted(each.subject for each in self._server.sockets.values())}

    async def forget(self, _said: Said) -> None:
        """Lose all state, as a process that is replaced does."""
        for socket in list(self._server.sockets.values()):
            self._server._forget(socket)

    async def close(self, _said: Said) -> None:
        await self._server.close()


async def test_javascript_connects_to_sockets_of_python() -> None:
    async with conat_process() as server, Client(TornadoTransport(server.address)) as client:
        echo = EchoServer(client)
        await echo.start()
        answers = {
            "sockets": echo.subjects,
            "forget": echo.forget,
            "close": echo.close,
            "restart": restarting(server),
        }
        report = await run_checks("sockets_as_client", server.address, answers=answers)
        await echo.close({})

    assert report["failed"] == []
    assert len(report["passed"]) == 12


class Visitor:
    """Connects to a server and does what the checks ask for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._socket: ClientSocket | None = None
        self._received: asyncio.Queue[tuple[object, dict[str, Any]]] = asyncio.Queue()

    @property
    def socket(self) -> ClientSocket:
        assert self._socket is not None
        return self._socket

    async def open(self, _said: Said) -> None:
        self._socket = ClientSocket(self._client, "javascript.echo")
        self._received = asyncio.Queue()
        self._socket.data.connect(
            lambda value, headers: self._received.put_nowait((value, headers))
        )
        self._socket.requests.connect(self._answer)
        self._socket.start()
        await self._socket.wait_until_ready()

    def _answer(self, request: Message) -> None:
        self._client.respond_sync(request, f"{request.data}!")

    async def exchange(self, said: Said) -> object:
        for value in said["values"]:
            self.socket.write(value, headers=said.get("headers"))
        received = [await self._received.get() for _ in said["values"]]
        await self.socket.wait_until_drained()
        return {"values": [value for value, _ in received]} | (
            {"headers": received[0][1]} if "headers" in said else {}
        )

    async def receive(self, said: Said) -> object:
        return {"values": [(await self._received.get())[0] for _ in range(said["count"])]}

    async def request(self, said: Said) -> object:
        return {"value": (await self.socket.request(said["value"])).data}

    async def end(self, _said: Said) -> None:
        await self.socket.end()

    async def wait_until_closed(self, _said: Said) -> None:
        closed = asyncio.Event()
        self.socket.states.connect(
            lambda state: closed.set() if state is SocketState.CLOSED else None
        )
        if self.socket.state is not SocketState.CLOSED:
            await closed.wait()


def restarting(server: ConatProcess) -> Any:
    async def restart(_said: Said) -> None:
        await server.restart()

    return restart


async def test_python_connects_to_sockets_of_javascript() -> None:
    async with conat_process() as server, Client(TornadoTransport(server.address)) as client:
        visitor = Visitor(client)
        answers = {
            "open": visitor.open,
            "end": visitor.end,
            "exchange": visitor.exchange,
            "receive": visitor.receive,
            "request": visitor.request,
            "wait until closed": visitor.wait_until_closed,
            "restart": restarting(server),
        }
        report = await run_checks("sockets_as_server", server.address, answers=answers)

    assert report["failed"] == []
    assert len(report["passed"]) == 9
