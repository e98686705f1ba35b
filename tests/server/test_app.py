"""What the extension promises as a whole."""

import httpx
import pytest
from traitlets import TraitType

from cocalc_jupyter_ext.documents.history.pruning import Limits
from cocalc_jupyter_ext.server.app import CoCalcExtension

from ..support.notebooks import write_notebook
from ..support.servers import JupyterServer


def own_traits() -> dict[str, TraitType]:  # type: ignore[type-arg]
    return CoCalcExtension.class_own_traits(config=True)


def test_every_setting_is_explained_with_its_default() -> None:
    assert own_traits()
    for name, trait in own_traits().items():
        assert "Default: " in trait.help, name
        assert trait.help.strip().endswith((".", "directory.")), name


def test_every_setting_reaches_the_parts() -> None:
    app = CoCalcExtension(
        document_close_delay_s=1,
        autosave_quiet_s=2,
        autosave_longest_s=3,
        file_poll_s=4,
        log_compact_bytes=50_000,
        log_keep_days=2,
        room_max_message_bytes=6_000,
        room_max_unsent_bytes=7_000,
        room_keep_alive_s=8,
        shutdown_timeout_s=9,
        data_dir="/tmp/x",
        hub_service_name="h",
        history_keep_days=3,
        history_keep_bytes=10_000,
    )

    settings = app._server_settings()

    assert settings.documents.close_delay_s == 1
    assert (settings.documents.autosave.quiet_s, settings.documents.autosave.longest_s) == (2, 3)
    assert (settings.documents.file_poll_s, settings.documents.compact_bytes) == (4, 50_000)
    assert (settings.rooms.max_message_bytes, settings.rooms.max_unsent_bytes) == (6_000, 7_000)
    assert (settings.rooms.keep_alive_s, settings.shutdown_timeout_s) == (8, 9)
    assert settings.log_keep_s == 2 * 86_400
    assert settings.history == Limits(max_age_ms=3 * 86_400_000, max_bytes=10_000)
    assert (str(settings.data_folder), settings.hub_service_name) == ("/tmp/x", "h")


def test_histories_are_kept_for_ever_unless_somebody_says_otherwise() -> None:
    assert CoCalcExtension(data_dir="/tmp/x")._server_settings().history.keep_everything


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
