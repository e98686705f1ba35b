"""A member who is removed while connected is out at once, through the whole stack."""

import asyncio
import json
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ..support.hub import LoggedIn, run_hub
from ..support.notebooks import write_notebook

pytestmark = pytest.mark.timeout(200)


async def test_a_removed_member_is_disconnected_and_refused(tmp_path: Path) -> None:
    """conat-core §21, Permission policy: a collaborator uses the project's subjects; a decision
    outlives revocation; another project is refused.
    """
    with run_hub(tmp_path) as hub, hub.login("demo") as demo, hub.login("guest") as guest:
        project_id = demo.projects()[0]["project_id"]
        home = hub.data_dir / "projects" / project_id
        write_notebook(home / "shared.ipynb", "1 + 1")
        demo.api("POST", f"projects/{project_id}/start")
        demo.wait_for_state(project_id, "running")
        base = f"/user/{project_id}/"
        for person in (demo, guest):
            assert person.get(f"{base}lab").url.path == f"{base}lab"
        room = room_of(guest, base, "shared.ipynb")

        async with open_socket(guest, base, room) as theirs, open_socket(demo, base, room) as ours:
            await ours.recv()
            removed = await asyncio.to_thread(
                demo.api, "DELETE", f"projects/{project_id}/members/guest"
            )
            assert removed.status_code < 300, removed.text
            await asyncio.wait_for(theirs.wait_closed(), 60)
            await ours.ping()

        assert theirs.close_code == 1003
        assert "no longer a member" in json.loads(theirs.close_reason or "")["errorReason"]
        with pytest.raises(InvalidStatus) as refused:
            await open_socket(guest, base, room)
        assert refused.value.response.status_code == 403
        again = guest.get(f"{base}api/contents/shared.ipynb", follow_redirects=False)
        assert again.status_code == 403


def room_of(person: LoggedIn, base: str, path: str) -> str:
    """Make the session request of a page; return the address of the room."""
    answer = person.put(
        f"{base}api/collaboration/session/{path}",
        json={"format": "json", "type": "notebook"},
        headers={
            "X-XSRFToken": cookie(person.cookies.jar, "_xsrf", base),
            "Referer": str(person.base_url),
        },
    )
    answer.raise_for_status()
    session = answer.json()
    return f"{base}api/collaboration/room/json:notebook:{session['fileId']}"


def open_socket(person: LoggedIn, base: str, room: str) -> connect:
    """Open a websocket with the cookies of a login; await it or use it as a context."""
    origin = str(person.base_url).rstrip("/")
    request = person.build_request("GET", room)
    headers = {"Cookie": request.headers["cookie"], "Sec-Fetch-Mode": "websocket"}
    return connect(
        f"ws{origin.removeprefix('http')}{room}", additional_headers=headers, origin=origin
    )


def cookie(jar: CookieJar, name: str, path: str) -> str:
    """Return a cookie's value for a path."""
    return next(c.value or "" for c in jar if c.name == name and c.path == path)
