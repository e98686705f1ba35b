"""What the extension promises as a whole."""

import httpx
import pytest

from ..support.notebooks import write_notebook
from ..support.servers import JupyterServer


async def test_the_parts_are_mounted_beside_the_stock_api(server: JupyterServer) -> None:
    for path in ("api/status", "api/contents", "api/kernelspecs", "api/me"):
        assert (await server.request("GET", path)).status_code == 200
    assert "cocalc_jupyter_ext | extension was successfully loaded" in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "api/collaboration/session/private.ipynb"),
        ("PUT", "api/collaboration/fork/x"),
        ("GET", "api/collaboration/timeline/x"),
        ("PUT", "api/collaboration/undo_redo/x"),
        ("POST", "cocalc/api/notebooks/json:notebook:x/run"),
        ("GET", "cocalc/api/runs/x"),
        ("POST", "cocalc/api/runs/x/input"),
        ("POST", "cocalc/api/members/revoke"),
        ("GET", "api/collaboration/room/JupyterLab:globalAwareness"),
        ("GET", "conat/?EIO=4&transport=websocket"),
    ],
)
async def test_a_stranger_is_refused_whatever_the_request(
    server: JupyterServer, method: str, path: str
) -> None:
    """A matching pair of XSRF cookie and header is no proof of anything: anybody can make one."""
    write_notebook(server.work / "private.ipynb", "secret")
    websocket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = {"X-XSRFToken": "x", "Cookie": "_xsrf=x", "Sec-WebSocket-Key": "eA==", **websocket}

    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.request(method, path, headers=headers, json={})

    assert answer.status_code == 403
    assert "private" not in answer.text
