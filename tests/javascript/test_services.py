"""Services: JavaScript calls Python and Python calls JavaScript, through a real server."""

from collections.abc import Mapping
from typing import Any

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import ConatError, RemoteError
from cocalc_jupyter_ext.conat.services import rpc
from cocalc_jupyter_ext.conat.services.service import Service, call
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

from ..support.conat_process import conat_process
from ..support.javascript import run_checks


async def calculate(request: Message) -> object:
    name, arguments = request.data["name"], request.data["args"]
    if name == "fail":
        raise ConatError("no luck")
    return arguments[0] if name == "echo" else sum(arguments)


def add(_request: Message, *numbers: float) -> float:
    return sum(numbers)


def fail(_request: Message) -> None:
    raise ConatError("no luck")


async def test_services_answer_calls_in_both_directions() -> None:
    async with (
        conat_process() as server,
        Client(TornadoTransport(server.address)) as client,
    ):
        service = Service(client, "python.calc", calculate, queue="0")
        await service.start()

        async def call_rpc_back(said: Mapping[str, Any]) -> object:
            try:
                result = await rpc.call(client, said["subject"], said["name"], said["args"])
            except RemoteError as error:
                return {"error": str(error)}
            return {"result": result}

        async def call_back(said: Mapping[str, Any]) -> object:
            try:
                return {"result": await call(client, said["subject"], said["name"], said["args"])}
            except RemoteError as error:
                return {"error": str(error)}

        answers = {"call": call_back, "rpc": call_rpc_back}
        async with rpc.RpcService(client, "python.rpc", {"add": add, "fail": fail}):
            report = await run_checks("services", server.address, answers=answers)
        await service.stop()

    assert report["failed"] == []
    assert len(report["passed"]) == 7
