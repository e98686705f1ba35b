"""What a real server tells about itself (hub-project-api §3.6, §4.13)."""

import asyncio
import json

from cocalc_jupyter_ext.conat.protocol.subjects import project_subject
from cocalc_jupyter_ext.conat.services import rpc
from cocalc_jupyter_ext.conat.services.service import call

from ..support.cocalc_clients import api_of, client_of, project_id_of
from ..support.servers import JupyterServer


async def test_the_processes_of_the_project_are_told_with_what_they_are(
    server: JupyterServer,
) -> None:
    model = {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    response = await server.request("POST", "api/sessions", content=json.dumps(model))
    response.raise_for_status()
    subject = project_subject(project_id_of(server), "project-info", compute_server_id=0)
    async with client_of(server) as client:
        kernels = await call(client, api_of(server), "system.listJupyterKernels")
        info = await rpc.call(client, subject, "get")

    assert server.process is not None
    processes = info["processes"]
    assert processes[str(server.process.pid)]["cocalc"] == {"type": "project"}
    named = {
        pid: each["cocalc"]["path"]
        for pid, each in processes.items()
        if each.get("cocalc", {}).get("type") == "jupyter"
    }
    assert list(named.values()) == ["a.ipynb"]
    assert named.keys() <= {str(each["pid"]) for each in kernels}
    assert info["uptime"] > 0
    assert info["disk_usage"]["project"]["total"] > 0


async def test_who_listens_is_told_how_the_project_is(server: JupyterServer) -> None:
    subject = project_subject(project_id_of(server), "project-status", compute_server_id=0)
    async with client_of(server) as client:
        version = await call(client, api_of(server), "system.version")
        async with await client.subscribe(subject) as reports, asyncio.timeout(20):
            status = (await anext(reports)).data

    assert set(status) == {"version", "alerts", "usage"}
    assert status["version"] == version
    assert set(status["usage"]) == {
        *("disk_mb", "mem_pct", "mem_tot", "mem_rss", "cpu_pct", "cpu_tot"),
    }
    assert 0 < status["usage"]["mem_rss"] < status["usage"]["mem_tot"]
